"""What a learner sees of a history: recency, frequency, gaps, amounts, calendar and trend.

One row per customer, in the order of `Past`; nan where a history has no such number (a customer
with one purchase has no gap). Everything is known at the origin.
"""

import numpy as np

from churnlab.origins.past import Past
from churnlab.summary.daysums import day_number
from churnlab.types import Array, Ints

#: Purchases are counted over these many days before the origin.
SPANS = (7, 14, 30, 60, 91, 182, 365)
_YEAR = 365


def features(past: Past, windows: Ints) -> tuple[tuple[str, ...], Array]:
    """Return names and values (customer, feature).

    windows (customer,): Days that are forecast; part of what is asked, and of the calendar's
        columns.
    """
    columns = {
        "x": past.x,
        "idle": past.idle,
        "age": past.T,
        "window": windows.astype(np.float64),
        **_counts(past),
        **_gaps(past, windows),
        **_last_years(past, windows),
        **_calendar(past),
        **_amounts(past),
    }
    return tuple(columns), np.column_stack(list(columns.values()))


def _counts(past: Past) -> dict[str, Array]:
    """Purchase-days in the last days, the share of late ones, and how the shop as a whole moves."""
    now = day_number(past.origin)
    found = {f"last_{d}": past.purchases_between(now - d, now) for d in SPANS}
    rate = (past.x + 1.0) / (past.T + 30.0)
    trend = {
        "rate": rate,
        "last_91_per_rate": found["last_91"] / (rate * np.minimum(past.T + 1.0, 91.0)),
    }
    for days in (30, 91):
        before = past.shop_between(now - 2 * days, now - days)
        trend[f"shop_trend_{days}"] = np.full(
            past.n, past.shop_between(now - days, now) / max(before, 1.0)
        )
    return found | trend


def _gaps(past: Past, windows: Ints) -> dict[str, Array]:
    """The own gaps, and the present silence held against them."""
    start, gap = past.gaps()
    n, size = past.n, np.bincount(start, minlength=past.n).astype(np.float64)
    ends = np.cumsum(size).astype(np.int64)
    has, two = size > 0, size > 1
    mean = _per(np.bincount(start, gap, n), size, has)
    square = _per(np.bincount(start, gap**2, n), size, has)
    spread = np.sqrt(np.maximum(square - mean**2, 0.0))
    idle = past.idle
    longer = _per(np.bincount(start, gap > idle[start], n), size, has)
    ends_soon = np.bincount(
        start, (gap > idle[start]) & (gap <= (idle + windows)[start]), minlength=n
    )
    last = np.full(n, np.nan)
    last[has] = gap[ends[has] - 1]
    before = np.full(n, np.nan)
    before[two] = gap[ends[two] - 2]
    middle = _medians(start, gap, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "gap_mean": mean,
            "gap_sd": np.where(two, spread, np.nan),
            "gap_cv": np.where(two, spread / mean, np.nan),
            "gap_log_mean": _per(past.sum_log_gap, size, has & np.isfinite(past.sum_log_gap)),
            "gap_median": middle,
            "gap_last": last,
            "gap_before_last": before,
            "idle_per_mean": idle / mean,
            "idle_per_median": idle / middle,
            "idle_per_last": idle / last,
            "idle_z": (idle - mean) / np.where(spread > 0, spread, np.nan),
            "share_longer": longer,
            "share_due": (ends_soon + 0.5) / (longer * size + 1.0),
        }


def _per(total: Array, size: Array, where: np.ndarray) -> Array:
    values: Array = np.divide(total, size, out=np.full(len(size), np.nan), where=where)
    return values


def _medians(start: Ints, gap: Array, n: int) -> Array:
    """Return each customer's median gap; nan without one."""
    order = np.lexsort((gap, start))
    ranked, size = gap[order], np.bincount(start, minlength=n)
    first = np.cumsum(size) - size
    has = size > 0
    found = np.full(n, np.nan)
    low, high = first + (size - 1) // 2, first + size // 2
    found[has] = (ranked[low[has]] + ranked[high[has]]) / 2
    return found


def _last_years(past: Past, windows: Ints) -> dict[str, Array]:
    """Purchases in the same window one and two years ago; nan where the customer was not there."""
    now = day_number(past.origin)
    found = {}
    for years in (1, 2):
        start = now - _YEAR * years
        bought = past.purchases_between(start, start + windows)
        found[f"same_window_{years}y"] = np.where(_YEAR * years <= past.T, bought, np.nan)
    around = past.purchases_between(now - _YEAR - 30, now - _YEAR + windows + 30)
    found["near_window_1y"] = np.where(past.T >= _YEAR, around, np.nan)
    return found


def _calendar(past: Past) -> dict[str, Array]:
    """Where in the year the origin lies, and the first purchase did."""
    now = day_number(past.origin)
    turn = 2 * np.pi / 365.25
    first = (now - past.T) * turn
    return {
        "season_sin": np.full(past.n, np.sin(now * turn)),
        "season_cos": np.full(past.n, np.cos(now * turn)),
        "first_sin": np.sin(first),
        "first_cos": np.cos(first),
    }


def _amounts(past: Past) -> dict[str, Array]:
    """Mean and last amount; nothing where the log has none. Unknown beside a mean of 0."""
    if past.spend is None:
        return {}
    ratio = np.full(past.n, np.nan)
    np.divide(past.last_amount, past.spend, out=ratio, where=past.spend > 0)
    return {"spend": past.spend, "spend_last_per_mean": ratio}
