"""One axis of the grid: a fit and cut points on a measure turn silence into levels and dates.

Level 0 is active; each cut point reached adds one. Purchases have one cut point (two levels),
visits have two (three levels).
"""

import datetime as dt
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churnlab.errors import UsageError
from churnlab.models.draws import PopulationDraws
from churnlab.models.silence import Process
from churnlab.posterior.dates import at_risk_days
from churnlab.posterior.risk import on_silence, windows
from churnlab.posterior.season import Season
from churnlab.posterior.settings import Lateness, Measure
from churnlab.posterior.silence.stream import Rows, chunks, for_each_run, keys_of
from churnlab.summary import Clock
from churnlab.types import Array, Ints


@dataclass(frozen=True)
class Axis:
    """A fit, a measure of the silence and increasing cut points on it.

    draws: Posterior of the population's parameters: purchases or visit-days.
    risk: Basis and windows of a risk, or lateness by the own rhythm.
    cuts: Increasing values in (0, 1): one for purchases, two for visits.
    first_cut: Another (first) cut for customers with one purchase only; default: the same.
    clock: With one, the draws are per clock day, and so are the t_x and T of rows.
    """

    draws: PopulationDraws
    risk: Measure
    cuts: tuple[float, ...]
    first_cut: float | None = None
    clock: Clock | None = None

    def __post_init__(self) -> None:
        """Check that the cut points increase inside (0, 1)."""
        edges = (0.0, *self.cuts, 1.0)
        if len(self.cuts) == 0 or any(not a < b for a, b in itertools.pairwise(edges)):
            raise UsageError(f"Cut points must increase inside (0, 1); got {self.cuts}.")
        if self.first_cut is not None and not 0 < self.first_cut < 1:
            raise UsageError(f"first_cut must lie strictly between 0 and 1; got {self.first_cut}.")

    def time(self, days: NDArray[np.datetime64]) -> Array:
        """Return the time of the draws at the end of each day, from a zero of its own."""
        numbers = days.astype("datetime64[D]").astype(np.int64)
        return numbers.astype(np.float64) if self.clock is None else self.clock.time(numbers)

    def cut_of_rows(self, x: Array) -> Array:
        """Return the cut points per row, shape (cut, row)."""
        table = np.repeat(np.array(self.cuts)[:, None], len(x), axis=1)
        if self.first_cut is not None:
            table[0] = np.where(x == 0, self.first_cut, table[0])
        return table


def cut_days(axis: Axis, rows: Rows, as_of: dt.date | None = None) -> Ints:
    """Return the whole days after the last event on which each cut point is reached for good.

    Days depend on (group, x, t_x) only, on a clock on the day of the last event too. A later cut
    comes at least a day after the one before it, so that every level has a day.

    rows: Distinct or not.
    as_of: The day on which their T ends; only a clock asks for it.
    Returns (cut, row): At least 1; -1 for never within ten years.
    """
    days = np.empty((len(axis.cuts), len(rows.x)), dtype=np.int64)
    at_cut = _reached(axis, rows, as_of)
    for i, cut in enumerate(axis.cuts):
        days[i] = at_cut(cut, axis.first_cut if i == 0 else None)
        if i:
            before = days[i - 1]
            never = (days[i] < 0) | (before < 0)
            days[i] = np.where(never, -1, np.maximum(days[i], before + 1))
    return days


def _reached(
    axis: Axis, rows: Rows, as_of: dt.date | None
) -> Callable[[float, float | None], Ints]:
    """Return the days after the last event by cut, (row,), as a function of the cut."""
    if axis.clock is None:
        keys = keys_of(rows)
        return lambda cut, first: at_risk_days(axis.draws, keys, axis.risk, cut, first)[keys.of]
    assert as_of is not None, "days on a clock have dates"
    season = Season.about(axis.clock, as_of, rows, axis.risk)
    found = season.keys(rows)
    of = found.keys.of
    return lambda cut, first: season.at_risk_days(axis.draws, found, axis.risk, cut, first)[of]


def drawn_levels(
    axis: Axis, rows: Rows, n_draws: int, as_of: dt.date | None = None
) -> NDArray[np.int8]:
    """Return the level of each row on its own day T under each posterior draw, (draw, row).

    A row with an event on the day itself is at level 0, as the dates say.
    """
    draws = axis.draws.thin(n_draws)
    cuts = axis.cut_of_rows(rows.x)
    keys = keys_of(rows)
    by_key = windows(axis.draws, keys, axis.risk)
    window = None if by_key is None else by_key[keys.of]
    if axis.clock is not None and window is not None and not isinstance(axis.risk, Lateness):
        assert as_of is not None, "a window of days begins on a date"
        window = axis.clock.ahead(as_of, window)
    matrix = on_silence(axis.risk).matrix
    levels = np.zeros((draws.n_draws, len(rows.x)), dtype=np.int8)
    open_ = np.arange(len(rows.x))
    if isinstance(axis.risk, Lateness) and window is not None:
        silence = rows.T - rows.t_x
        levels[:, silence >= window] = len(axis.cuts)  # all who come back are back
        open_ = np.flatnonzero((silence >= axis.risk.shortest(window)) & (silence < window))

    def work(process: Process, where: Ints) -> None:
        at = open_[where]
        for part in chunks(len(at), process.n_draws):
            i = at[part]
            wide = None if window is None else window[i]
            risk = matrix(process, rows.t_x[i], rows.T[i], wide)
            reached = sum((risk >= cut[i, None]).view(np.int8) for cut in cuts)
            levels[:, i] = (reached * (rows.T[i] > rows.t_x[i])[:, None]).T

    oldest = float(rows.T.max(initial=0.0)) + (0.0 if window is None else float(window.max()))
    for_each_run(draws, rows.group[open_], rows.x[open_], oldest + 1.0, work)
    return levels
