"""How many rows come: per weekday and week, and how many customers are new, against before."""

import datetime as dt
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from churnlab.events import EventLog
from churnlab.types import Array

#: Weeks before a week that say what is usual, the fewest of them, and weeks whose spread counts.
REFERENCE_WEEKS, FEWEST_WEEKS, SPREAD_WEEKS = 8, 4, 26
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Volume(NamedTuple):
    """The most unusual count since the export."""

    what: str
    when: str
    rows: float
    usual: float
    surprise: float
    """-log10 of the probability of a count as far off."""


def unusual(log: EventLog, exported: dt.date) -> Volume | None:
    """Return the most unusual volume since the export; None where there is too little to compare.

    A count is held against those of the `REFERENCE_WEEKS` before it: of the same weekday, of the
    whole week, of the week's new customers. By chance it is negative binomial, with the dispersion
    that the half year before the export had around *its* references (trend and season included).
    """
    days = log.days("purchases")
    first = days.groupby("customer_id")["day"].min()
    known = days["day"].min()
    found: list[Volume] = []
    for what, at in (("purchase-days", days["day"]), ("new customers", first)):
        counts, before = _by_week(at, known, exported, log.as_of)
        found += _lane(what, "in the week from", counts.sum(axis=1), before, exported)
        if what == "purchase-days":
            for i in range(7):
                begin = exported + dt.timedelta(i)
                found += _lane(what, f"on {_WEEKDAYS[(begin.weekday() + 1) % 7]}", counts[:, i],
                               before, begin)  # fmt: skip
    return max(found, key=lambda v: v.surprise, default=None)


def _by_week(
    at: pd.Series, known: pd.Timestamp, exported: dt.date, until: dt.date
) -> tuple[Array, int]:
    """Return counts (week, day of the week) and how many weeks lie before the export.

    Weeks begin on the day after the export; days that have not come yet are nan.
    """
    end = pd.Timestamp(exported)
    before = ((end - known).days + 1) // 7
    after = -(-(pd.Timestamp(until) - end).days // 7)
    calendar = pd.date_range(end - pd.Timedelta(days=7 * before - 1), periods=7 * (before + after))
    per_day = at.value_counts().reindex(calendar, fill_value=0)
    counts = np.asarray(per_day, np.float64)
    counts[calendar > pd.Timestamp(until)] = np.nan
    return counts.reshape(-1, 7), before


def _lane(what: str, when: str, counts: Array, before: int, begin: dt.date) -> list[Volume]:
    """Return the counts since the export with their surprise."""
    usual, surprise = surprises(counts, before)
    return [
        Volume(what, f"{when} {begin + dt.timedelta(7 * i + 1)}", counts[before + i], u, s)
        for i, (u, s) in enumerate(zip(usual, surprise, strict=True))
        if np.isfinite(s)
    ]


def surprises(counts: Array, before: int) -> tuple[Array, Array]:
    """Return the usual count and -log10 P(as far off) of each count since the export.

    counts: One per week; nan where it is not known.
    before: How many of them lie before the export.
    Returns (week since the export,): nan where fewer than `FEWEST_WEEKS` lie before, or less than
        one row is usual.
    """
    usual, n = np.full(len(counts), np.nan), np.ones(len(counts))
    for i in range(FEWEST_WEEKS, len(counts)):
        known = counts[max(0, i - REFERENCE_WEEKS) : i]
        usual[i], n[i] = known.mean(), len(known)
    wider = 1 + 1 / n  # the reference is a mean of so many counts itself
    past = np.arange(before)[-SPREAD_WEEKS:]
    past = past[usual[past] > 0]
    excess = (counts - usual) ** 2 - usual * wider
    dispersion = 0.0
    if past.size:
        dispersion = max(0.0, excess[past].sum() / (usual**2 * wider)[past].sum())
    count, mean, wide = counts[before:], usual[before:], wider[before:]
    mean = np.where(mean >= 1, mean, np.nan)
    variance = (mean + dispersion * mean**2) * wide
    law = stats.nbinom(mean**2 / (variance - mean), mean / variance)
    tail = np.where(count < mean, law.logcdf(count), law.logsf(count - 1))
    return mean, np.maximum(-tail / np.log(10), 0.0)
