"""The simulated shop, assembled: event logs as a shop would have them, and the truth."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.simulate.btyd import customer_ids
from churnlab.simulate.buying import Buying, buy_on_their_own, buy_on_visits
from churnlab.simulate.config import CHANNELS, LEAD_TYPES, TIERS, ShopConfig
from churnlab.simulate.experiment import Experiment, run_experiment
from churnlab.simulate.goods import baskets, catalogue, looks
from churnlab.simulate.members import Latents, draw_latents
from churnlab.simulate.visiting import VisitDays, first_interest, interest_after_purchase
from churnlab.types import Array

RULE_ID = "signup_day_n"


@dataclass(frozen=True)
class Shop:
    """Event logs of a simulated shop and their truth.

    `members`, `visits`, `purchases`, `treatments`, `items` have the columns of the data contract.
    `truth` has one row per member: see docs/segments.md for its columns.
    """

    members: pd.DataFrame
    visits: pd.DataFrame
    purchases: pd.DataFrame
    treatments: pd.DataFrame
    items: pd.DataFrame
    truth: pd.DataFrame
    as_of: dt.date
    config: ShopConfig

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return the four event-log tables by the data contract's names."""
        return {
            "purchases": self.purchases,
            "visits": self.visits,
            "members": self.members,
            "treatments": self.treatments,
        }

    @property
    def uplift(self) -> float:
        """Known intention-to-treat uplift of the message among the eligible."""
        eligible = self.truth.loc[self.truth["eligible"], "responds"]
        return float(eligible.mean()) if len(eligible) else float("nan")


def simulate_shop(config: ShopConfig, rng: np.random.Generator) -> Shop:
    """Simulate a shop; the same configuration and generator state give the same shop.

    Parts draw from generators of their own, so that one more item in the catalogue does not change
    who buys when.
    """
    people, interest, test, buy, goods = rng.spawn(5)
    latents = draw_latents(config, people)
    before = first_interest(config, latents, interest)
    experiment = run_experiment(config, latents, before[1], test)
    first = experiment.first_purchase
    if config.visits_lead:
        visits, ended = interest_after_purchase(config, latents, before, first, interest)
        buying = buy_on_visits(config, latents, visits, ended, first, buy)
    else:
        visits, ended = before
        buying = buy_on_their_own(config, latents, first, buy)
    ids = customer_ids(config.n_members, "m")
    items = catalogue(config, goods)
    return Shop(
        members=_members(config, latents, buying, ids),
        visits=_visits(config, latents, visits, buying, items, ids, goods),
        purchases=_purchases(config, latents, buying, items, ids, goods),
        treatments=_treatments(config, latents, experiment, ids),
        items=items.drop(columns="popularity"),
        truth=_truth(config, latents, experiment, ended, buying, ids),
        as_of=config.as_of(),
        config=config,
    )


def _at(config: ShopConfig, values: NDArray[np.floating]) -> pd.DatetimeIndex:
    """Days since the start as times, to the second; inf and nan become NaT."""
    days = np.where(np.isfinite(values), values, np.nan)
    return pd.Timestamp(config.first_day()) + pd.to_timedelta(days, unit="D").floor("s")


def _after_signup(signup: Array, day: NDArray[np.int64], share: Array) -> Array:
    """Times within each day, on the day of signup within what is left of it."""
    return np.where(day == np.floor(signup), signup + (day + 1 - signup) * share, day + share)


def _members(config: ShopConfig, latents: Latents, buying: Buying, ids: np.ndarray) -> pd.DataFrame:
    orders = np.bincount(buying.member, minlength=config.n_members)
    tier = np.searchsorted([3, 8], orders, side="right")
    coupon = latents.signup_day + float(config.coupon_days)
    return pd.DataFrame(
        {
            "customer_id": ids,
            "signed_up_at": _at(config, latents.signup),
            "channel": np.array(CHANNELS, dtype=object)[latents.channel],
            "lead_type": np.array(LEAD_TYPES, dtype=object)[latents.lead],
            "gender": np.where(latents.female, "female", "male"),
            "tier": np.array(TIERS, dtype=object)[tier],
            "coupon_expires_at": _at(config, coupon),
        }
    )


def _visits(
    config: ShopConfig,
    latents: Latents,
    visits: VisitDays,
    buying: Buying,
    items: pd.DataFrame,
    ids: np.ndarray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    key, bought = (m * config.days + d for m, d in ((visits.member, visits.day), buying[:2]))
    rows = looks(visits.member, np.isin(key, bought), items, rng)
    visit = rows["visit"].to_numpy()
    member, day = visits.member[visit], visits.day[visit]
    time = _after_signup(latents.signup[member], day, rows["day_share"].to_numpy())
    frame = pd.DataFrame(
        {
            "customer_id": ids[member],
            "event_at": _at(config, time),
            "source": rows["source"],
            "event": rows["event"],
            "item": items["item"].to_numpy()[rows["item_code"]],
        }
    )
    return _sorted(frame[~latents.unseen[member]])


def _purchases(
    config: ShopConfig,
    latents: Latents,
    buying: Buying,
    items: pd.DataFrame,
    ids: np.ndarray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    lines = baskets(buying.member, items, rng)
    order = lines["order"].to_numpy()
    share = rng.uniform(0.5, 1.0 - 1e-5, len(buying.day))  # late in the day: visits come before
    time = _after_signup(latents.signup[buying.member], buying.day, share)
    code = lines["item_code"].to_numpy()
    frame = pd.DataFrame(
        {
            "customer_id": ids[buying.member[order]],
            "event_at": _at(config, time[order]),
            "amount": lines["amount"],
            "order_id": np.char.add("o", order.astype(str)).astype(object),
            "item": items["item"].to_numpy()[code],
            "category": items["category"].to_numpy()[code],
        }
    )
    return _sorted(frame)


def _treatments(
    config: ShopConfig, latents: Latents, experiment: Experiment, ids: np.ndarray
) -> pd.DataFrame:
    who = np.flatnonzero(experiment.eligible)
    treated = experiment.treated[who]
    send = latents.signup_day[who] + config.experiment_day + 10 / 24
    frame = pd.DataFrame(
        {
            "customer_id": ids[who],
            "event_at": _at(config, send),
            "arm": np.where(treated, "treat", "holdout"),
            "rule_id": RULE_ID,
            "cost": np.where(treated, config.message_cost, 0.0),
        }
    )
    return _sorted(frame)


def _truth(
    config: ShopConfig,
    latents: Latents,
    experiment: Experiment,
    visits_ended: Array,
    buying: Buying,
    ids: np.ndarray,
) -> pd.DataFrame:
    def day(values: Array) -> pd.DatetimeIndex:
        return _at(config, np.floor(values))

    inside = np.where(experiment.first_purchase < config.days, experiment.first_purchase, np.nan)
    ended = np.where(buying.ended < config.days, buying.ended, np.nan)
    gone = np.where(visits_ended < config.days, visits_ended, np.nan)
    return pd.DataFrame(
        {
            "customer_id": ids,
            "organic_conversion_day": latents.organic_day,
            "eligible": experiment.eligible,
            "treated": experiment.treated,
            "responds": experiment.responds,
            "first_purchase_at": day(inside),
            "visit_rate_per_day": latents.visit_rate,
            "visit_dropout": latents.visit_dropout,
            "visits_ended_at": day(gone),
            "visits_alive": np.isnan(gone),
            "purchase_rate": latents.purchase_rate,
            "purchase_dropout": latents.purchase_dropout,
            "purchases_ended_at": day(ended),
            "purchases_alive": np.isfinite(inside) & np.isnan(ended),
        }
    )


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(["customer_id", "event_at"], kind="stable", ignore_index=True)
