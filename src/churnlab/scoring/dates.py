"""Dates by bisection over whole days: when risk starts, when the next purchase is due."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from churnlab.scoring.forms import Array
from churnlab.scoring.process import Process, Risk
from churnlab.vocabulary import FAR_DATE

#: Risk that does not cross the threshold within ten years gets the far date.
MAX_DAYS = 3652
#: "Never": no whole day within `MAX_DAYS`.
NEVER = -1
#: 365 days halved this often: a hundredth of a day.
_DUE_STEPS = 16

#: (days after the last purchase, rows) -> risk at the threshold or above
Above = Callable[[Array, NDArray[np.int64]], NDArray[np.bool_]]


def at_risk_days(
    process: Process,
    risk: Risk,
    group: NDArray[np.int64],
    x: Array,
    t_x: Array,
    threshold: Array,
) -> NDArray[np.int64]:
    """Return whole days after the last purchase from which risk stays at the threshold or above.

    Parameters
    ----------
    process, risk
        Draws and definition of risk.
    group, x, t_x : array (row,)
        Cells without their age: the date depends on nothing else.
    threshold : array (row,)
        Cut per row.

    Returns
    -------
    array of int (row,)
        First day d >= 1 with mean risk >= threshold on d and on every later day;
        `NEVER` (-1) if none within ten years.
    """
    window = process.windows(risk, group, x, t_x)

    def above(days: Array, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        value = process.risk_mean(
            risk, group[rows], x[rows], t_x[rows], t_x[rows] + days, window[rows]
        )
        result: NDArray[np.bool_] = value >= threshold[rows]
        return result

    low, high = _bracket(process.k > 1 and risk.basis != "p_alive", len(x), above)
    return _bisect(low, high, above)


def _bracket(
    falls_first: bool, n: int, above: Above
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the last day known below and the first day from which all known days are above.

    For k = 1, and for 1 - P(alive), risk rises with silence. A windowed risk with k > 1 first
    falls towards the due date, so the last crossing is sought on a grid, from the far end.
    """
    everyone = np.arange(n)
    low, high = np.zeros(n, np.int64), np.full(n, NEVER, np.int64)
    top = above(np.full(n, float(MAX_DAYS)), everyone)
    high[top] = MAX_DAYS
    if falls_first:
        grid = np.unique(np.geomspace(1, MAX_DAYS, 160).round().astype(np.int64))[::-1]
        searching = everyone[top]
        for day in grid[1:]:
            hit = above(np.full(len(searching), float(day)), searching)
            low[searching[~hit]] = day
            searching = searching[hit]
            high[searching] = day
        return low, high
    at_once = above(np.ones(n), everyone)
    high[at_once & top] = 1
    return low, high


def _bisect(low: NDArray[np.int64], high: NDArray[np.int64], above: Above) -> NDArray[np.int64]:
    while True:
        open_rows = np.flatnonzero((high != NEVER) & (high - low > 1))
        if not open_rows.size:
            return high
        middle = (low[open_rows] + high[open_rows]) // 2
        hit = above(middle.astype(float), open_rows)
        high[open_rows[hit]] = middle[hit]
        low[open_rows[~hit]] = middle[~hit]


def due_days(
    process: Process,
    group: NDArray[np.int64],
    x: Array,
    t_x: Array,
    *,
    within: float,
    probabilities: tuple[float, ...] = (0.5, 0.1, 0.9),
) -> Array:
    """Return days from the last purchase to the next, given that it comes within `within` days.

    Solves ``F(h) = mean[1 - L(t_x+h)/L(t_x)] / mean[1 - L(t_x+W)/L(t_x)]`` by bisection.

    Returns
    -------
    array (probability, row)
        Quantiles in days.
    """

    def returned(days: Array) -> Array:
        return 1 - process.mean(process.form.no_purchase, group, x, t_x, t_x, days)

    whole = returned(np.full(len(x), float(within)))
    out = np.empty((len(probabilities), len(x)))
    for row, probability in enumerate(probabilities):
        low, high = np.zeros(len(x)), np.full(len(x), float(within))
        for _ in range(_DUE_STEPS):
            middle = (low + high) / 2
            hit = returned(middle) >= probability * whole
            high, low = np.where(hit, middle, high), np.where(hit, low, middle)
        out[row] = high
    return out


def days_to_dates(last: NDArray[np.datetime64], days: NDArray[np.int64]) -> NDArray[np.datetime64]:
    """Return last + days, the far date where there is none."""
    dates = last.astype("datetime64[D]") + days.astype("timedelta64[D]")
    return np.where(days == NEVER, np.datetime64(FAR_DATE, "D"), dates).astype("datetime64[us]")
