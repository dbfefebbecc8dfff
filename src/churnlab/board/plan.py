"""The campaigns of the coming days, and whom they go to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from churnlab.board.parts import Parts
from churnlab.events.arms import TREAT

#: Messages in a page; with some 40 bytes each they stay under a megabyte.
MOST: Final = 20_000
_READ: Final = ("customer_id", "action_id", "segment_code", "send_date", "arm", "priority",
                "suppressed_reason")  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """Messages by day and action.

    days: Of the calendar.
    calendar: `date, action, treat, holdout, suppressed` as in `campaign_calendar.parquet`.
    messages: Those to be sent (`arm` = `treat`, nothing against it), by date and priority; actions,
        dates and segments as places in the lists of that name.
    total: Of such messages in `campaign_plan.parquet`.
    """

    days: list[str]
    actions: list[str]
    segments: list[str]
    calendar: list[Mapping[str, Any]]
    messages: list[tuple[str, int, int, int]]
    total: int


def read_plan(parts: Parts, *, ids: bool) -> Plan | None:
    """Read calendar and plan of a run; without ids nobody can be listed."""
    calendar = parts.frame("segment", "campaign_calendar")
    plan = parts.frame("segment", "campaign_plan", _READ)
    if calendar is None or plan is None:
        return None
    kept = plan[(plan["arm"] == TREAT) & plan["suppressed_reason"].isna()]
    days = _days(parts)
    kept = kept[kept["send_date"].isin(pd.to_datetime(days))]
    actions = sorted(set(calendar["action_id"].astype(str)))
    segments = sorted(map(str, kept["segment_code"].unique()))
    return Plan(
        days=days,
        actions=actions,
        segments=segments,
        calendar=[
            {"date": str(row["send_date"])[:10], "action": str(row["action_id"])}
            | {name: int(row[name]) for name in ("treat", "holdout", "suppressed")}
            for row in calendar.to_dict("records")
        ],
        messages=_messages(kept, actions, days, segments) if ids else [],
        total=len(kept),
    )


def _days(parts: Parts) -> list[str]:
    """Return the days of the calendar, those without a message included."""
    ahead = int(parts.config["audiences"]["plan_days"])
    first = pd.Timestamp(parts.data_report["as_of"]) + pd.Timedelta(days=1)
    return [str(day)[:10] for day in pd.date_range(first, periods=ahead)]


def _messages(
    kept: pd.DataFrame, actions: list[str], days: list[str], segments: list[str]
) -> list[tuple[str, int, int, int]]:
    # The table comes sorted by customers, and so do ties.
    first = kept.sort_values(["send_date", "priority"], kind="stable").head(MOST)
    places = [
        first["action_id"].map({a: i for i, a in enumerate(actions)}),
        first["send_date"].astype(str).str[:10].map({d: i for i, d in enumerate(days)}),
        first["segment_code"].map({s: i for i, s in enumerate(segments)}),
    ]
    columns = [[int(i) for i in place] for place in places]
    return list(zip(first["customer_id"].astype(str), *columns, strict=True))
