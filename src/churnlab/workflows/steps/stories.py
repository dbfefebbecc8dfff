"""What `explain` tells, of the most urgent customers at once: the board opens on them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import pandas as pd

from churnlab.board.people import URGENCY, joined, most_urgent
from churnlab.events import EventLog
from churnlab.segments import Placed, Playbook
from churnlab.segments.person.explanation import explanation
from churnlab.workflows.steps.placing import Day

#: Customers with a story.
MOST: Final = 100
#: Visit-days, and days of the curve, that a small picture can show.
_TICKS: Final = 300
_POINTS: Final = 150


@dataclass(frozen=True)
class _Few:
    """The event-days of a few customers, as `explanation` asks a log for them."""

    as_of: dt.date
    tables: Set[str]
    kept: Mapping[str, pd.DataFrame]

    def days(self, events: str, of: Collection[str]) -> pd.DataFrame:
        """Return the event-days of some of them."""
        return _of(self.kept[events], of)


def stories(log: EventLog, day: Day, playbook: Playbook) -> list[dict[str, Any]]:
    """Return `customer_id, purchase_days, visit_days, risk_by_day, paragraph` of each."""
    customers = day.fitted.customers
    everybody = joined(*map(_urgency, (day.placed.snapshot.membership, customers)))
    ids = set(most_urgent(everybody, pd.Timestamp(log.as_of)).head(MOST)["customer_id"])
    placed = _placed(day.placed, ids)
    few = _Few(
        log.as_of,
        log.tables,
        {n: log.days(n, of=ids) for n in ("purchases", "visits") if n in log.tables},
    )
    own, threshold = _of(customers, ids), day.fitted.threshold.to_dict()
    return [
        _short(explanation(cast(EventLog, few), who, placed, own, threshold, playbook))
        for who in sorted(ids)
    ]


def _urgency(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[[c for c in URGENCY if c in frame]]


def _placed(placed: Placed, ids: set[str]) -> Placed:
    """Return the day's grid with these members alone, so that each is found in no time."""
    snapshot, visits = placed.snapshot, placed.visits
    return replace(
        placed,
        snapshot=replace(snapshot, membership=_of(snapshot.membership, ids)),
        purchases=replace(placed.purchases, customers=_of(placed.purchases.customers, ids)),
        visits=None if visits is None else replace(visits, customers=_of(visits.customers, ids)),
    )


def _of(frame: pd.DataFrame, ids: Collection[str]) -> pd.DataFrame:
    return frame[frame["customer_id"].isin(ids)]


def _short(told: dict[str, Any]) -> dict[str, Any]:
    """Return what a small picture and a paragraph need."""
    curve, visits = told["risk_by_day"], told["visit_days"]
    if curve is not None:
        step = -(-len(curve["day"]) // _POINTS)
        curve = {
            name: [round(v, 4) if isinstance(v, float) else v for v in values[::step]]
            for name, values in curve.items()
        }
    return {
        "customer_id": told["customer_id"],
        "purchase_days": told["purchase_days"],
        "visit_days": None if visits is None else visits[-_TICKS:],
        "risk_by_day": curve,
        "paragraph": told["paragraph"],
    }
