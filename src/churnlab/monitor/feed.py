"""The feed itself: does it live, is its past the one of the export, are there days without rows?"""

import datetime as dt
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from churnlab.bundle.document import Bundle
from churnlab.bundle.reading import bundle_path, locate
from churnlab.errors import DataError, VerificationError
from churnlab.events import EventLog
from churnlab.runs.hashing import file_hash
from churnlab.summary import summarise

#: Days before the export that say what is usual.
USUAL_DAYS = 182
#: A weekday with fewer purchase-days than this is sometimes empty by chance (e^-10 = .00005).
LEAST_USUAL = 10.0
_SUMMARY = "customer_summary.parquet"


class Silence(NamedTuple):
    """How long the feed has been silent, in days, and how long it ever was before the export."""

    days: int
    usual: int
    last: dt.date


class Past(NamedTuple):
    """Exported purchasers whose history up to the export has changed since."""

    n: int
    missing: int
    changed: int
    shift: int
    """Days by which most of the last purchases moved; 0 where there is no such shift."""


def silence(log: EventLog, exported: dt.date, today: dt.date) -> Silence:
    """Return the days without a purchase up to yesterday, and the longest such gap before.

    Raises DataError when the log has no purchases.
    """
    days = pd.DatetimeIndex(log.days("purchases")["day"].unique()).sort_values()
    if days.empty:
        raise DataError("purchases has no rows; give the whole log up to today.")
    end = pd.Timestamp(exported)
    known = days[(days <= end) & (days > end - pd.Timedelta(days=USUAL_DAYS))]
    gaps = np.diff(known.to_numpy()).astype("timedelta64[D]").astype(int) - 1
    last = days[-1].date()
    return Silence((today - last).days - 1, int(gaps.max(initial=0)), last)


def empty_days(log: EventLog, exported: dt.date) -> list[tuple[dt.date, float]]:
    """Return days since the export without any purchase, with what their weekday usually has.

    Only weekdays count on which an empty day is no chance: at least `LEAST_USUAL` usually.
    """
    per_day = log.days("purchases").groupby("day").size()
    end = pd.Timestamp(exported)
    before = pd.date_range(end - pd.Timedelta(days=USUAL_DAYS - 1), end)
    before = before[before >= per_day.index.min()]
    counts = per_day.reindex(before, fill_value=0)
    usual = counts.groupby(before.day_of_week).mean()
    closed = counts.eq(0).groupby(before.day_of_week).any()  # a weekday that was empty may be again
    since = pd.date_range(end + pd.Timedelta(days=1), pd.Timestamp(log.as_of))
    return [
        (day.date(), float(usual[day.day_of_week]))
        for day in since[per_day.reindex(since, fill_value=0).eq(0)]
        if usual.get(day.day_of_week, 0.0) >= LEAST_USUAL and not closed[day.day_of_week]
    ]


def past(path: str | Path, bundle: Bundle, log: EventLog) -> Past | None:
    """Hold the log's history up to the export against the bundle's `customer_summary`.

    Returns None where only bundle.json was copied.

    Raises VerificationError when the bundle's table was changed.
    """
    file = locate(bundle_path(path).parent, bundle.bundle_id, _SUMMARY)
    if not file.exists():
        return None
    stated = next((f.sha256 for f in bundle.files if f.name == _SUMMARY), None)
    if file_hash(file) != stated:
        raise VerificationError(
            f"{file} was changed after its export; take the whole export again."
        )
    then = pd.read_parquet(file, columns=["customer_id", "x", "t_x", "T"]).set_index("customer_id")
    now = summarise(log, bundle.as_of).customers.set_index("customer_id").reindex(then.index)
    there = now["x"].notna()
    same = there & (now["x"] == then["x"]) & (now["t_x"] == then["t_x"]) & (now["T"] == then["T"])
    silent = (now["T"] - now["t_x"]) - (then["T"] - then["t_x"])
    moved = silent[there & ~same]
    shift = 0
    if len(moved) > len(then) / 2:
        shift = -int(moved.mode().iloc[0])
    return Past(len(then), int((~there).sum()), int((there & ~same).sum()), shift)
