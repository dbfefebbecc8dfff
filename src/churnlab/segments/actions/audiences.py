"""Who gets an action today: audiences, each empty with a stated reason where data are missing.

Columns of every audience: ``customer_id, action_id, segment_code`` and what the kind adds.
"""

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from churnlab.errors import UsageError
from churnlab.events.ids import increasing
from churnlab.report.labels import label
from churnlab.segments.actions.playbook import Action, Playbook

_KEYS = ["customer_id", "action_id", "segment_code"]


@dataclass(kw_only=True)
class AudienceConfig:
    """Windows of the audiences, in days."""

    due_lead_days: int = 3
    """The reminder goes out this many days before ``due_date``."""
    due_within_days: int = 7
    """Reminders to send in the coming days, today excluded."""
    coupon_within_days: int = 7
    look_back_days: int = 14
    """How far back carts and viewed goods count."""
    max_items: int = 3
    """Goods per customer."""
    holdout_share: float = 0.1
    """Share of each action's people in the campaign plan that gets no message."""
    plan_days: int = 14
    """Days of the campaign calendar."""
    effect_days: int = 30
    """A purchase within so many days of an action's message counts as its outcome."""

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ("due_within_days", "coupon_within_days", "look_back_days", "max_items",
                     "plan_days", "effect_days"):  # fmt: skip
            if getattr(self, name) < 1:
                raise UsageError(f"audiences.{name} must be at least 1; got {getattr(self, name)}.")
        if not 0 <= self.holdout_share < 1:
            raise UsageError(
                f"audiences.holdout_share must lie in [0, 1); got {self.holdout_share}."
            )
        if self.due_lead_days < 0:
            raise UsageError(
                f"audiences.due_lead_days must not be negative; got {self.due_lead_days}."
            )


class Audience(NamedTuple):
    """Customers of one action and, when there are none, why."""

    action_id: str
    frame: pd.DataFrame
    reason: str | None = None

    def __repr__(self) -> str:
        """One line: the action, and how many customers, or why none."""
        why = f": {self.reason}" if self.reason else ""
        return f"Audience({self.action_id}, {len(self.frame):,} customers{why})"


@dataclass(frozen=True)
class AudienceData:
    """What audiences are found from; a table that the shop does not have is None.

    as_of: The day, complete; nothing later is looked at.
    membership: From a `Snapshot`.
    customers: The per-customer table of the fit (``x, due_date, due_q10, due_q90, ...``).
    members: Attributes by ``customer_id``.
    visits, purchases: Event rows (``customer_id, event_at`` and, where the shop has them, ``event,
        item``).
    churn_bands: From `churn_bands`.
    journeys: Who stands at the first step of a journey (``customer_id, target_item,
        window_closes_at``).
    """

    as_of: dt.date
    membership: pd.DataFrame
    customers: pd.DataFrame | None = None
    members: pd.DataFrame | None = None
    visits: pd.DataFrame | None = None
    purchases: pd.DataFrame | None = None
    churn_bands: pd.DataFrame | None = None
    journeys: pd.DataFrame | None = None


def all_audiences(
    playbook: Playbook, data: AudienceData, config: AudienceConfig
) -> tuple[Audience, ...]:
    """Return one audience per action of the playbook."""
    return tuple(audience(action, data, config) for action in playbook.actions)


def audience(action: Action, data: AudienceData, config: AudienceConfig) -> Audience:
    """Return who gets `action`: its cells' members, narrowed by the kind of audience."""
    inside = data.membership["segment_code"].isin(action.cells)
    base = data.membership.loc[inside, ["customer_id", "segment_code"]]
    base = base.assign(action_id=action.action_id)[_KEYS]
    find = {
        "due_reminder": _due,
        "coupon_expiry": _coupon,
        "cart": _cart,
        "viewed_goods": _viewed,
        "bought_goods": _bought,
        "churn_band": _band,
        "journey": _journey,
    }.get(action.audience)
    frame, reason = (base, None) if find is None else find(base, data, config)
    if not increasing(frame["customer_id"]):
        frame = frame.sort_values("customer_id", kind="stable")
    frame = frame.reset_index(drop=True)
    if len(frame) == 0 and reason is None:
        reason = "no customer qualifies today"
    return Audience(action.action_id, frame, reason)


_Found = tuple[pd.DataFrame, str | None]


def _due(base: pd.DataFrame, data: AudienceData, config: AudienceConfig) -> _Found:
    """P13: reminders whose send date lies in the coming days."""
    if data.customers is None:
        return base.iloc[:0], "no per-customer table with due dates was given"
    columns = ["customer_id", "due_date", "due_q10", "due_q90"]
    found = base.merge(data.customers[columns], on="customer_id")
    send = pd.to_datetime(found["due_date"]) - pd.Timedelta(days=config.due_lead_days)
    today = pd.Timestamp(data.as_of)
    soon = (send > today) & (send <= today + pd.Timedelta(days=config.due_within_days))
    return found.assign(send_date=send)[soon], None


def _coupon(base: pd.DataFrame, data: AudienceData, config: AudienceConfig) -> _Found:
    """P15: the signup coupon expires within d days (today's expiry is past its last full day)."""
    if data.members is None or "coupon_expires_at" not in data.members.columns:
        return base.iloc[:0], (
            "members have no column coupon_expires_at; map it with "
            "data.members.attributes={coupon_expires_at: COLUMN}"
        )
    columns = ["customer_id", "coupon_expires_at"]
    found = base.merge(data.members[columns].drop_duplicates("customer_id"), on="customer_id")
    expires = pd.to_datetime(found["coupon_expires_at"])
    today = pd.Timestamp(data.as_of)
    last = today + pd.Timedelta(days=config.coupon_within_days + 1)
    return found[(expires >= today + pd.Timedelta(days=1)) & (expires < last)], None


def _cart(base: pd.DataFrame, data: AudienceData, config: AudienceConfig) -> _Found:
    return _goods(base, data, config, "cart")


def _viewed(base: pd.DataFrame, data: AudienceData, config: AudienceConfig) -> _Found:
    return _goods(base, data, config, "view")


def _goods(base: pd.DataFrame, data: AudienceData, config: AudienceConfig, event: str) -> _Found:
    """Items put into the cart or viewed lately and not bought since."""
    visits = data.visits
    missing = [] if visits is None else [c for c in ("event", "item") if c not in visits.columns]
    if visits is None or missing:
        key = "note.no_carts" if visits is None else "note.lack_carts"
        return base.iloc[:0], label(key, columns=" and ".join(missing))
    rows = _recent(visits, data.as_of, config.look_back_days)
    rows = rows[(rows["event"] == event) & rows["item"].notna()]
    rows = rows.groupby(["customer_id", "item"])["event_at"].max().reset_index()
    rows = _not_bought_since(rows, data)
    return _items(base, rows, config), None


def _bought(base: pd.DataFrame, data: AudienceData, config: AudienceConfig) -> _Found:
    """Items of the last purchase: what companion goods are recommended for."""
    purchases = data.purchases
    if purchases is None or "item" not in purchases.columns:
        return base.iloc[:0], "purchases lack the column item; companion goods need it"
    rows = _recent(purchases, data.as_of, None)
    day = rows["event_at"].dt.normalize()
    rows = rows[day == day.groupby(rows["customer_id"]).transform("max")]
    rows = rows.dropna(subset="item").drop_duplicates(["customer_id", "item"])
    return _items(base, rows, config), None


def _band(base: pd.DataFrame, data: AudienceData, config: AudienceConfig) -> _Found:
    if data.churn_bands is None:
        return base.iloc[:0], "no churn-rate bands were given; they need a windowed risk basis"
    columns = ["customer_id", "churn_rate", "churn_band"]
    return base.merge(data.churn_bands[columns], on="customer_id"), None


def _journey(base: pd.DataFrame, data: AudienceData, config: AudienceConfig) -> _Found:
    """J5: the next goods of the journey whose window closes first, on the day it closes."""
    if data.journeys is None:
        return base.iloc[:0], "journeys were not studied; `churnlab pipeline` studies them"
    open_ = data.journeys.assign(send_date=data.journeys["window_closes_at"].dt.normalize())
    first = open_.groupby("customer_id")["send_date"].transform("min")
    goods = open_[open_["send_date"] == first].groupby(["customer_id", "send_date"])["target_item"]
    items = goods.agg(lambda v: ",".join(v.drop_duplicates().head(config.max_items)))
    return base.merge(items.rename("items").reset_index(), on="customer_id"), None


def _recent(rows: pd.DataFrame, as_of: dt.date, days: int | None) -> pd.DataFrame:
    end = pd.Timestamp(as_of) + pd.Timedelta(days=1)
    keep = rows["event_at"] < end
    if days is not None:
        keep &= rows["event_at"] >= end - pd.Timedelta(days=days)
    return rows[keep]


def _not_bought_since(rows: pd.DataFrame, data: AudienceData) -> pd.DataFrame:
    """Drop goods bought at or after the moment; without items, any purchase since counts."""
    if data.purchases is None:
        return rows
    keys = ["customer_id"] + (["item"] if "item" in data.purchases.columns else [])
    bought = _recent(data.purchases, data.as_of, None).groupby(keys)["event_at"].max()
    joined = rows.merge(bought.rename("bought_at").reset_index(), on=keys, how="left")
    open_ = joined["bought_at"].isna() | (joined["bought_at"] < joined["event_at"])
    return joined[open_].drop(columns="bought_at")


def _items(base: pd.DataFrame, rows: pd.DataFrame, config: AudienceConfig) -> pd.DataFrame:
    """Join the newest goods of each customer as one text."""
    rows = rows[rows["customer_id"].isin(base["customer_id"])]
    rows = rows.sort_values(["customer_id", "event_at", "item"], ascending=[True, False, True])
    newest = rows.groupby("customer_id", sort=False).head(config.max_items)
    items = newest.groupby("customer_id")["item"].agg(lambda v: ",".join(map(str, v)))
    last = newest.groupby("customer_id")["event_at"].max()
    goods = pd.DataFrame({"items": items, "last_event_at": last}).reset_index()
    return base.merge(goods, on="customer_id")


def audience_frame(audiences: tuple[Audience, ...]) -> pd.DataFrame:
    """Return action, size and reason of each audience."""
    return pd.DataFrame(
        {
            "action_id": [a.action_id for a in audiences],
            "n": np.array([len(a.frame) for a in audiences], dtype=np.int64),
            "reason": [a.reason for a in audiences],
        }
    )
