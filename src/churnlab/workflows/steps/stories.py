"""What `explain` tells, of the most urgent customers at once: the board opens on them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import pandas as pd

from churnlab.board.people import joined, most_urgent
from churnlab.events import EventLog
from churnlab.segments import Playbook
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

    def days(self, events: str) -> pd.DataFrame:
        """Return their event-days."""
        return self.kept[events]


def stories(log: EventLog, day: Day, playbook: Playbook) -> list[dict[str, Any]]:
    """Return `customer_id, purchase_days, visit_days, risk_by_day, paragraph` of each."""
    snapshot, customers = day.placed.snapshot, day.fitted.customers
    everybody = joined(snapshot.membership, customers)
    ids = set(most_urgent(everybody, pd.Timestamp(log.as_of)).head(MOST)["customer_id"])
    placed = replace(
        day.placed,
        snapshot=replace(snapshot, membership=_of(snapshot.membership, ids)),
        visits=None,  # no curve of theirs is shown
    )
    few = _Few(
        log.as_of,
        log.tables,
        {name: _of(log.days(name), ids) for name in ("purchases", "visits") if name in log.tables},
    )
    own, threshold = _of(customers, ids), day.fitted.threshold.to_dict()
    return [
        _short(explanation(cast(EventLog, few), who, placed, own, threshold, playbook))
        for who in sorted(ids)
    ]


def _of(frame: pd.DataFrame, ids: set[str]) -> pd.DataFrame:
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
