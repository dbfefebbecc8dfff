"""Risk of customers: its mean and interval over the draws, now, later, and day by day."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from churnlab.models.draws import PopulationDraws
from churnlab.models.silence import Process, Returning
from churnlab.posterior.lateness import late_by_day, late_matrix, late_mean
from churnlab.posterior.settings import (
    LONGEST_WINDOW_DAYS,
    SHORTEST_WINDOW_DAYS,
    Lateness,
    Measure,
    RiskConfig,
    check_threshold,
)
from churnlab.posterior.silence.stream import (
    Cells,
    Keys,
    Rows,
    chunks,
    for_each_run,
    keys_of,
    rows_of,
)
from churnlab.types import Array, Ints


class RiskSummary(NamedTuple):
    """Risk per row; the interval is uncertainty of the population's parameters only."""

    mean: Array
    q05: Array
    q95: Array
    above: Array | None
    """P(risk >= threshold) over the draws; None without a threshold."""


def mean_and_interval(values: Array) -> Array:
    """Return mean, q05 and q95 of each row, shape (3, row).

    Quantiles interpolate linearly between order statistics, as `numpy.quantile` does by default.
    """
    from churnlab.kernels.rows import tails

    out = np.empty((3, len(values)))
    out[0] = values.mean(axis=1)  # as `risk_mean` has it, bit by bit: dates hang on it
    tails(np.ascontiguousarray(values), out[0], 0.05, 0.95, *out[1:])
    return out


def rhythm(process: Process, t_x: Array) -> Array:
    """Return ``1 / mean over draws of (r+kx) / (k (alpha+t_x))`` in days, (row,)."""
    out = np.empty(len(t_x))
    for part in chunks(len(t_x), process.n_draws):
        rate = process.shape / (process.k * (process.alpha + t_x[part, None]))
        out[part] = 1.0 / rate.mean(axis=1)
    return out


def personal_window(rhythm_days: ArrayLike, cycles: float) -> Array:
    """Return the window ceil(clip(cycles * rhythm, 14, 182)) in days."""
    days = np.asarray(rhythm_days, float) * cycles
    return np.ceil(np.clip(days, SHORTEST_WINDOW_DAYS, LONGEST_WINDOW_DAYS))


def rhythm_days(draws: PopulationDraws, cells: Cells, *, threads: int | None = None) -> Array:
    """Return each row's rhythm as it stood at the last purchase, in days."""
    rows = rows_of(cells, draws)
    keys = keys_of(rows)
    return key_rhythm(draws, keys, threads=threads)[keys.of]


def key_rhythm(draws: PopulationDraws, keys: Keys, *, threads: int | None = None) -> Array:
    """Return the rhythm of each key in days."""
    out = np.empty(len(keys.x))

    def work(process: Process, at: Ints) -> None:
        out[at] = rhythm(process, keys.t_x[at])

    for_each_run(draws, keys.group, keys.x, 1.0, work, threads=threads)
    return out


def windows(
    draws: PopulationDraws, keys: Keys, risk: Measure, *, threads: int | None = None
) -> Array | None:
    """Return the window of the measure per key in days; None under `p_alive`."""
    if isinstance(risk, Lateness):
        return risk.window_cycles * key_rhythm(draws, keys, threads=threads)
    if risk.basis == "p_alive":
        return None
    if risk.basis == "fixed_days":
        return np.full(len(keys.x), float(risk.horizon_days))
    return personal_window(key_rhythm(draws, keys, threads=threads), risk.cycles)


def risk_matrix(process: Process, t_x: Array, T: Array, window: Array | None) -> Array:
    """Return risk, (row, draw): 1 - P(alive), or P(no purchase within the window)."""
    return process.risks(t_x, T, *(() if window is None else (window,)))[-1]


def risk_mean(process: Process, t_x: Array, T: Array, window: Array | None) -> Array:
    """Return the mean risk over draws, (row,), in chunks."""
    out = np.empty(len(t_x))
    for part in chunks(len(t_x), process.n_draws):
        chosen = None if window is None else window[part]
        out[part] = risk_matrix(process, t_x[part], T[part], chosen).mean(axis=1)
    return out


def _risk_by_day(process: Process, t_x: Array, window: Array | None) -> Returning:
    def risk(days: Array, rows: Ints) -> Array:
        wide = None if window is None else window[rows]
        return risk_mean(process, t_x[rows], t_x[rows] + days, wide)

    return risk


_OnSilence = Callable[[Process, Array, Array, Array | None], Array]


class OnSilence(NamedTuple):
    """A measure as functions (process, t_x, T, window) of the silence."""

    matrix: _OnSilence
    """Per row and draw."""
    mean: _OnSilence
    """Per row, over the draws."""
    by_day: Callable[[Process, Array, Array | None], Returning]
    """The mean as a function (days of silence, positions), of (process, t_x, window)."""


def on_silence(measure: Measure) -> OnSilence:
    """Return how a risk, or lateness by the own rhythm, is computed."""
    if isinstance(measure, Lateness):
        matrix, mean = partial(late_matrix, measure), partial(late_mean, measure)
        return OnSilence(matrix, mean, partial(late_by_day, measure))
    return OnSilence(risk_matrix, risk_mean, _risk_by_day)


def risk_summary(
    draws: PopulationDraws,
    cells: Cells,
    risk: Measure | None = None,
    *,
    days_later: float = 0.0,
    threshold: float | None = None,
    ahead: Callable[[Array], Array] | None = None,
    threads: int | None = None,
) -> RiskSummary:
    """Return mean, q05, q95 of the risk (or lateness) per row, and P(risk >= threshold).

    cells: Rows with group, x, t_x, T (days).
    risk: Basis and windows, or lateness by the own rhythm.
    days_later: Look at the risk so many days after the cutoff, given no purchase in between.
    threshold: Cut for `RiskSummary.above`.
    ahead: On a clock: each row's window of so many days of the calendar in clock days.
    """
    risk = risk or RiskConfig()
    rows = rows_of(cells, draws)
    rows = rows._replace(T=rows.T + days_later)
    keys = keys_of(rows)
    window = windows(draws, keys, risk, threads=threads)
    per_row = None if window is None else window[keys.of]
    if ahead is not None and per_row is not None and not isinstance(risk, Lateness):
        per_row = ahead(per_row)
    cut = None if threshold is None else check_threshold(threshold)
    out = np.empty((3 + (cut is not None), len(rows.x)))
    on = on_silence(risk)

    def work(process: Process, at: Ints) -> None:
        for part in chunks(len(at), process.n_draws):
            i = at[part]
            chosen = None if per_row is None else per_row[i]
            values = on.matrix(process, rows.t_x[i], rows.T[i], chosen)
            out[:3, i] = mean_and_interval(values)
            if isinstance(risk, Lateness):  # a ratio of means, not the mean of ratios
                out[0, i] = on.mean(process, rows.t_x[i], rows.T[i], chosen)
            if cut is not None:
                out[3, i] = (values >= cut).mean(axis=1)

    oldest = float(rows.T.max(initial=0.0)) + float(0 if per_row is None else per_row.max())
    for_each_run(draws, rows.group, rows.x, oldest + 1.0, work, threads=threads)
    return RiskSummary(out[0], out[1], out[2], out[3] if cut is not None else None)


def risk_by_draw(
    draws: PopulationDraws,
    cells: Cells,
    risk: RiskConfig | None = None,
    *,
    ahead: Callable[[Array], Array] | None = None,
    threads: int | None = None,
) -> Array:
    """Return the risk of each row under each draw, (row, draw); means are `risk_summary`'s."""
    risk = risk or RiskConfig()
    rows = rows_of(cells, draws)
    keys = keys_of(rows)
    window = windows(draws, keys, risk, threads=threads)
    per_row = None if window is None else window[keys.of]
    if ahead is not None and per_row is not None:
        per_row = ahead(per_row)
    out = np.empty((len(rows.x), draws.n_draws))

    def work(process: Process, at: Ints) -> None:
        for part in chunks(len(at), process.n_draws):
            i = at[part]
            chosen = None if per_row is None else per_row[i]
            out[i] = risk_matrix(process, rows.t_x[i], rows.T[i], chosen)

    oldest = float(rows.T.max(initial=0.0)) + float(0 if per_row is None else per_row.max())
    for_each_run(draws, rows.group, rows.x, oldest + 1.0, work, threads=threads)
    return out


def risk_curve(
    draws: PopulationDraws,
    x: float,
    t_x: float,
    days: ArrayLike,
    risk: Measure | None = None,
    *,
    group: int = 0,
) -> RiskSummary:
    """Return the risk of one customer on days after the last purchase, for plots.

    x, t_x: Repeat purchases, and days from the first to the last purchase.
    days: Days since the last purchase, (day,).
    risk: Basis and windows; a personal window stays as it stood at the last purchase.
    """
    days = np.asarray(days, float)
    n = len(days)
    rows = Rows(
        np.full(n, group, np.int64), np.full(n, float(x)), np.full(n, float(t_x)), t_x + days
    )
    return risk_summary(draws, rows, risk)
