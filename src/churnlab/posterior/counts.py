"""Purchases to come: the expected number and predictive quantiles of the count.

The mean is that of the posterior; q05 and q95 are quantiles of the *number bought*, from the
mixture of its distributions over draws, not of its expectation.
"""

from typing import NamedTuple

import numpy as np

from churnlab.models.counts import LAW_DRAWS
from churnlab.models.draws import PopulationDraws
from churnlab.models.silence import Process
from churnlab.posterior.silence.stream import Cells, chunks, for_each_run, rows_of
from churnlab.types import Array, Ints

#: Draws behind counts. P(alive), which varies most between draws near death, is that of all draws
#: (`alive_of_all`), so that the expectation is within 1% of the whole posterior's (Erlang gaps:
#: 1.5%).
COUNT_DRAWS = 256
_MOST = 100_000
_LEVELS = (0.05, 0.95)


class Purchases(NamedTuple):
    """Purchases within the horizon; arrays (row,)."""

    mean: Array
    q05: Array
    q95: Array


def expected_purchases(
    draws: PopulationDraws,
    cells: Cells,
    horizon_days: float,
    *,
    alive: Array | None = None,
    threads: int | None = None,
) -> Purchases:
    """Return mean and predictive 5% and 95% quantiles of purchases in (T, T + horizon].

    draws: Posterior draws of the population's parameters; given being alive at most `COUNT_DRAWS`
        are used.
    cells: Rows with group, x, t_x, T (days).
    horizon_days: Days to look ahead.
    alive: `mean_alive` per row, where it is known.
    """
    rows = rows_of(cells, draws)
    out = np.empty((3, len(rows.x)))

    def work(process: Process, at: Ints) -> None:
        some, few = count_draws(process), process.thin(LAW_DRAWS)
        mean = some.mean_by_horizon()
        for part in chunks(len(at), some.n_draws):
            i = at[part]
            t_x, T = rows.t_x[i], rows.T[i]
            out[0, i] = mean(t_x, T)(horizon_days).mean(axis=1)
            out[1:, i] = _quantiles(few, t_x, T, horizon_days)
        known = None if alive is None else alive[at]
        out[0, at] *= alive_of_all(process, some, rows.t_x[at], rows.T[at], known)

    oldest = float(rows.T.max(initial=0.0)) + horizon_days + 1.0
    for_each_run(draws, rows.group, rows.x, oldest, work, age=rows.T, threads=threads)
    return Purchases(*out)


def count_draws(process: Process) -> Process:
    """Return the draws that expected counts rest on, given being alive."""
    return process.thin(COUNT_DRAWS if process.k == 1 else LAW_DRAWS)


def alive_of_all(
    process: Process, some: Process, t_x: Array, T: Array, whole: Array | None = None
) -> Array:
    """Return mean P(alive) of all draws over that of some of them, (row,).

    A ratio estimator: what is bought is bought by the living, and P(alive) is cheap.

    whole: `mean_alive` of all draws, where it is known.
    """
    if some.n_draws == process.n_draws:
        return np.ones(len(t_x))
    whole = mean_alive(process, t_x, T) if whole is None else whole
    part = mean_alive(some, t_x, T)
    return np.divide(whole, part, out=np.ones_like(whole), where=part > 0)


def mean_alive(process: Process, t_x: Array, T: Array) -> Array:
    """Return mean P(alive) over the draws, (row,)."""
    out = np.empty(len(t_x))
    for part in chunks(len(t_x), process.n_draws):
        out[part] = process.alive(t_x[part], T[part]).mean(axis=1)
    return out


def _quantiles(process: Process, t_x: Array, T: Array, horizon: float) -> Array:
    """Return the smallest n with P(X <= n) >= level, for each level, (level, row)."""
    law = process.count_law(t_x, T, horizon)
    out = np.full((len(_LEVELS), len(t_x)), -1.0)
    rows = np.arange(len(t_x))
    below = law.first()
    for n in range(_MOST):
        for i, level in enumerate(_LEVELS):
            # 1e-12: sums of probabilities that end at 1 within rounding
            hit = (out[i, rows] < 0) & (below >= level - 1e-12)
            out[i, rows[hit]] = n
        left = np.flatnonzero(out[-1, rows] < 0)
        if not left.size:
            break
        if left.size <= 0.7 * len(rows):
            law.keep(left)
            rows, below = rows[left], below[left]
        below = below + law.next()
    return out
