"""Purchases to come: the expected number and predictive quantiles of the count.

The mean is that of the posterior; q05 and q95 are quantiles of the *number bought*, from the
mixture of its distributions over draws, not of its expectation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from churnlab.models import Array
from churnlab.models.counts import LAW_DRAWS
from churnlab.models.draws import PopulationDraws
from churnlab.models.silence import Process
from churnlab.posterior.silence.stream import Cells, Ints, chunks, for_each_run, rows_of

#: Draws behind counts. Between draws an expectation varies by a few percent, so that of 256 of
#: them is within .3% of the whole posterior's.
COUNT_DRAWS = 256
_MOST = 100_000
_LEVELS = (0.05, 0.95)


class Purchases(NamedTuple):
    """Purchases within the horizon; arrays (row,)."""

    mean: Array
    q05: Array
    q95: Array


def expected_purchases(
    draws: PopulationDraws, cells: Cells, horizon_days: float, *, threads: int | None = None
) -> Purchases:
    """Return mean and predictive 5% and 95% quantiles of purchases in (T, T + horizon].

    Parameters
    ----------
    draws
        Posterior draws of the population's parameters; at most `COUNT_DRAWS` are used.
    cells
        Rows with group, x, t_x, T (days).
    horizon_days
        Days to look ahead.
    """
    rows = rows_of(cells, draws)
    thinned = draws.thin(COUNT_DRAWS if draws.k == 1 else LAW_DRAWS)
    out = np.empty((3, len(rows.x)))

    def work(process: Process, at: Ints) -> None:
        mean, few = process.mean_by_horizon(), process.thin(LAW_DRAWS)
        for part in chunks(len(at), process.n_draws):
            i = at[part]
            t_x, T = rows.t_x[i], rows.T[i]
            out[0, i] = mean(t_x, T, horizon_days).mean(axis=1)
            out[1:, i] = _quantiles(few, t_x, T, horizon_days)

    oldest = float(rows.T.max(initial=0.0)) + horizon_days + 1.0
    for_each_run(thinned, rows.group, rows.x, oldest, work, threads=threads)
    return Purchases(*out)


def mean_function(process: Process, horizon_days: Array | float) -> Callable[[Array, Array], Array]:
    """Return a function (t_x, T) -> E[purchases in (T, T + horizon] | data], (row, draw)."""
    mean = process.mean_by_horizon()
    return lambda t_x, T: mean(t_x, T, horizon_days)


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
