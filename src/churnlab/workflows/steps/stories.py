"""What `explain` tells, of the most urgent customers at once: the board opens on them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import numpy as np
import pandas as pd

from churnlab.board.people import URGENCY, joined, most_urgent
from churnlab.events import EventLog
from churnlab.events.log import EVENTS
from churnlab.explanation.data import explanation
from churnlab.progress import Update
from churnlab.segments import Placed, Playbook
from churnlab.workflows.steps.placing import Day

#: Customers with a story.
MOST: Final = 100
#: Visit-days, and days of the curve, that a small picture can show.
_TICKS: Final = 300
_POINTS: Final = 300


@dataclass(frozen=True)
class Few:
    """The event-days of the most urgent customers, as `explanation` asks a log for them.

    ids: Who they are.
    as_of, tables: Of the log.
    kept: Their days by table.
    """

    ids: Set[str]
    as_of: dt.date
    tables: Set[str]
    kept: Mapping[str, pd.DataFrame]

    @staticmethod
    def of(log: EventLog, day: Day) -> Few:
        """Ask the log's engine for them."""
        table = day.fitted.table
        everybody = joined(_urgency(day.placed.snapshot.membership), table.frame(URGENCY))
        ids = set(most_urgent(everybody, pd.Timestamp(log.as_of)).head(MOST)["customer_id"])
        asked = (name for name in EVENTS if name in log.tables)
        return Few(ids, log.as_of, log.tables, {name: log.days(name, of=ids) for name in asked})

    def days(self, events: str, of: Collection[str]) -> pd.DataFrame:
        """Return the event-days of some of them."""
        return _of(self.kept[events], of)


def stories(
    few: Few, day: Day, playbook: Playbook, progress: Update | None = None
) -> list[dict[str, Any]]:
    """Return each one's days, curves and paragraph, as `stories.json` holds them."""
    table, placed = day.fitted.table, _placed(day.placed, few.ids)
    at = np.flatnonzero(table.summary.customers["customer_id"].isin(few.ids))
    own, threshold = table.frame(rows=at), day.fitted.threshold.to_dict()
    told = []
    for done, who in enumerate(sorted(few.ids)):
        if progress is not None:
            progress("stories", done / len(few.ids))
        known = explanation(cast(EventLog, few), who, placed, own, threshold, playbook)
        told.append(_short(known))
    return told


def _urgency(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[[c for c in URGENCY if c in frame]]


def _placed(placed: Placed, ids: Set[str]) -> Placed:
    """Return the day's grid with these members alone, so that each is found in no time."""
    snapshot = placed.snapshot
    return replace(
        placed,
        snapshot=replace(snapshot, membership=_of(snapshot.membership, ids)),
        purchases=replace(placed.purchases, customers=_of(placed.purchases.customers, ids)),
        visits=None,  # a story shows no curve of theirs
    )


def _of(frame: pd.DataFrame, ids: Collection[str]) -> pd.DataFrame:
    return frame[frame["customer_id"].isin(ids)]


def _short(told: dict[str, Any]) -> dict[str, Any]:
    """Return what a small picture and a paragraph need."""
    visits = told["visit_days"]
    return {
        "customer_id": told["customer_id"],
        "purchase_days": told["purchase_days"],
        "visit_days": None if visits is None else visits[-_TICKS:],
        **{name: _thinned(told[name]) for name in ("risk_by_day", "alive_by_day")},
        "paragraph": told["paragraph"],
    }


def _thinned(curve: dict[str, list[Any]] | None) -> dict[str, list[Any]] | None:
    """Return a curve at every so many days, with four digits; a purchase between them is a gap."""
    if curve is None:
        return None
    step = -(-len(curve["day"]) // _POINTS)
    starts = range(0, len(curve["day"]), step)
    eventful = [None in curve["mean"][i : i + step] for i in starts]

    def some(values: list[Any]) -> list[Any]:
        kept = zip(values[::step], eventful, strict=True)
        return [None if gap or value is None else round(value, 4) for value, gap in kept]

    curves = {name: some(curve[name]) for name in ("mean", "q05", "q95")}
    return {"day": curve["day"][::step]} | curves
