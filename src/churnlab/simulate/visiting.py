"""Visit-days in bouts, with the day on which interest ends."""

from typing import NamedTuple

import numpy as np

from churnlab.simulate.config import ShopConfig
from churnlab.simulate.members import Latents
from churnlab.simulate.processes import dropout_after_event
from churnlab.types import Array, Ints


class VisitDays(NamedTuple):
    """Distinct visit-days, ordered by member and day; days count from the shop's start."""

    member: Ints
    day: Ints


def first_interest(
    config: ShopConfig, latents: Latents, rng: np.random.Generator
) -> tuple[VisitDays, Array]:
    """Visits from signup on, and the day on which each member's interest ends (inf: never).

    With `visits_lead`, those who will buy of their own accord do not lose interest before that.
    """
    dropout = latents.visit_dropout.copy()
    if config.visits_lead:
        dropout[np.isfinite(latents.organic_day)] = 0.0
    members = np.arange(config.n_members)
    return _bouts(config, latents, members, latents.signup, dropout, rng)


def interest_after_purchase(
    config: ShopConfig,
    latents: Latents,
    before: tuple[VisitDays, Array],
    first_purchase: Array,
    rng: np.random.Generator,
) -> tuple[VisitDays, Array]:
    """Restart the visits of purchasers on the day of their first purchase (`visits_lead` only).

    first_purchase (member,): Day since the shop's start, nan without a purchase.
    """
    visits, ended = before
    buyers = np.flatnonzero(first_purchase < config.days)
    again, ended_again = _bouts(
        config, latents, buyers, first_purchase[buyers], latents.visit_dropout[buyers], rng
    )
    stop = np.where(np.isnan(first_purchase), np.inf, first_purchase)
    keep = visits.day < stop[visits.member]
    ended = ended.copy()
    ended[buyers] = ended_again
    joined = distinct_days(
        np.concatenate([visits.member[keep], again.member]),
        np.concatenate([visits.day[keep], again.day]),
    )
    return joined, ended


def distinct_days(member: Ints, day: Ints) -> VisitDays:
    """Sort by member and day and drop repeated days."""
    order = np.lexsort((day, member))
    member, day = member[order], day[order]
    keep = np.ones(len(day), dtype=bool)
    keep[1:] = (np.diff(member) != 0) | (np.diff(day) != 0)
    return VisitDays(member[keep], day[keep])


def _bouts(
    config: ShopConfig,
    latents: Latents,
    members: Ints,
    start: Array,
    dropout: Array,
    rng: np.random.Generator,
) -> tuple[VisitDays, Array]:
    window = np.maximum(config.days - start, 0.0)
    events = dropout_after_event(latents.visit_rate[members], dropout, window, rng)
    first = start[events.customer] + events.time
    extra = rng.poisson(config.bout_extra_days, len(first))
    row = np.repeat(np.arange(len(first)), extra)
    # further days of a bout follow within two days each
    step = rng.integers(1, 3, len(row))
    offset = np.cumsum(step) - np.repeat(
        np.concatenate([[0], np.cumsum(step)])[_starts(extra)], extra
    )
    member = np.concatenate([events.customer, events.customer[row]])
    day = np.floor(np.concatenate([first, first[row] + offset])).astype(np.int64)
    last = np.zeros(len(members))  # interest ends with the last day of the last bout
    np.maximum.at(last, member, day)
    ended = np.where(np.isfinite(events.ended), np.maximum(start + events.ended, last), np.inf)
    inside = day < config.days
    return distinct_days(members[member[inside]], day[inside]), ended


def _starts(counts: Ints) -> Ints:
    """Index of each group's first element in the concatenation of groups of these sizes."""
    return np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
