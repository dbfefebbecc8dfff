"""Purchase-days after the first purchase: thinned visits, or a process of their own."""

from typing import NamedTuple

import numpy as np

from churnlab.simulate.config import ShopConfig
from churnlab.simulate.members import Latents
from churnlab.simulate.processes import dropout_after_event
from churnlab.simulate.visiting import VisitDays, distinct_days
from churnlab.types import Array, Ints


class Buying(NamedTuple):
    """Purchase-days (ordered by member and day) and when buying ended."""

    member: Ints
    day: Ints
    ended: Array
    """Day since the shop's start on which the member stopped buying, inf if not; (member,)."""


def buy_on_visits(
    config: ShopConfig,
    latents: Latents,
    visits: VisitDays,
    visits_ended: Array,
    first_purchase: Array,
    rng: np.random.Generator,
) -> Buying:
    """Thin the visit-days after the first purchase; dropout is tossed after each purchase."""
    later = visits.day > np.nan_to_num(first_purchase, nan=np.inf)[visits.member]
    bought = later & (rng.random(len(visits.day)) < latents.purchase_rate[visits.member])
    buyers = np.flatnonzero(first_purchase < config.days)
    days = distinct_days(
        np.concatenate([buyers, visits.member[bought]]),
        np.concatenate([first_purchase[buyers].astype(np.int64), visits.day[bought]]),
    )
    rank = _rank(days.member)
    last = rng.geometric(np.maximum(latents.purchase_dropout, 1e-12))
    stopped = np.full(config.n_members, np.inf)
    is_last = rank == last[days.member]
    stopped[days.member[is_last]] = days.day[is_last]
    keep = rank <= last[days.member]
    ended = np.minimum(stopped, visits_ended)
    return Buying(days.member[keep], days.day[keep], _of_buyers(ended, first_purchase))


def buy_on_their_own(
    config: ShopConfig, latents: Latents, first_purchase: Array, rng: np.random.Generator
) -> Buying:
    """Purchases by MBG/NBD from the first one on, whatever the visits do."""
    buyers = np.flatnonzero(first_purchase < config.days)
    # a time of day, so that the next gap does not always start at midnight
    start = first_purchase[buyers] + rng.random(len(buyers))
    window = np.nextafter(config.days - start, 0.0)
    events = dropout_after_event(
        latents.purchase_rate[buyers], latents.purchase_dropout[buyers], window, rng
    )
    day = np.floor(start[events.customer] + events.time).astype(np.int64)
    days = distinct_days(buyers[events.customer], np.minimum(day, config.days - 1))
    ended = np.full(config.n_members, np.inf)
    ended[buyers] = np.floor(start + events.ended)
    return Buying(days.member, days.day, _of_buyers(ended, first_purchase))


def _of_buyers(ended: Array, first_purchase: Array) -> Array:
    return np.where(np.isnan(first_purchase), np.nan, ended)


def _rank(member: Ints) -> Ints:
    """1, 2, ... within runs of equal members."""
    starts = np.concatenate([[True], np.diff(member) != 0]) if len(member) else np.zeros(0, bool)
    index = np.arange(len(member))
    return index - np.maximum.accumulate(np.where(starts, index, 0)) + 1
