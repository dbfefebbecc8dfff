"""A customer's purchase rate and cycle: quantiles of an exact mixture of Gamma distributions.

Given the draws, the rate lambda of a customer has a mixture distribution: alive or dead, the death
time (Pareto/NBD) or the stages passed (Erlang gaps), and the draw of the population's parameters.
Its distribution function is inverted; nothing is sampled. The cycle is k / lambda, the mean gap.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import gammainc, gammaincinv, gammaln

from churnlab.models.draws import PopulationDraws
from churnlab.models.silence import Process
from churnlab.posterior.silence.roots import solve
from churnlab.posterior.silence.stream import Cells, chunks, for_each_run, rows_of
from churnlab.types import Array, Ints

#: Draws behind the quantiles. The spread between draws is small beside the customer's own, so the
#: level of a quantile moves by about .02 / sqrt(64) = .0025.
CYCLE_DRAWS = 64
#: Grid of ln z on which Gamma distribution functions are tabulated, in units of its own width.
_STEP = 0.125


class RateQuantiles(NamedTuple):
    """Posterior of each row's purchase rate while alive, per day; arrays (row,)."""

    mean: Array
    q05: Array
    median: Array
    q95: Array


def rate_quantiles(
    draws: PopulationDraws, cells: Cells, *, threads: int | None = None
) -> RateQuantiles:
    """Return mean and quantiles of purchases per day while alive; cycles are their reciprocals.

    draws: Posterior draws of the population's parameters; at most `CYCLE_DRAWS` are used.
    cells: Rows with group, x, t_x, T (days).
    """
    rows = rows_of(cells, draws)
    thinned = draws.thin(CYCLE_DRAWS)
    out = np.empty((4, len(rows.x)))

    def work(process: Process, at: Ints) -> None:
        tables: dict[int, _GammaTable] = {}
        for part in chunks(len(at), process.n_draws * 4):
            i = at[part]
            out[:, i] = _quantiles(process, rows.t_x[i], rows.T[i], tables)

    oldest = float(rows.T.max(initial=0.0)) + 1.0
    for_each_run(thinned, rows.group, rows.x, oldest, work, threads=threads)
    return RateQuantiles(*out)


def _quantiles(process: Process, t_x: Array, T: Array, tables: dict[int, _GammaTable]) -> Array:
    """Return mean, q05, median and q95 of the rate, (4, row)."""
    parts = process.rate_mixture(t_x, T)
    mean = sum((c.weight * c.shape / c.rate).mean(axis=1) for c in parts)
    lookups = []
    for c in parts:
        stage = round(float(c.shape[0] - process.shape[0]))
        if stage not in tables:
            tables[stage] = _GammaTable(c.shape)
        lookups.append((c.weight, np.log(c.rate), tables[stage]))
    levels = [_invert(lookups, level, float(process.shape.mean())) for level in (0.05, 0.5, 0.95)]
    return np.stack([mean, *np.exp(levels)]) / process.k


class _GammaTable:
    """P(Gamma(shape, 1) <= e^y) for all draws: cubic Hermite interpolation on an even grid of y."""

    def __init__(self, shape: Array) -> None:
        from churnlab.kernels import rows

        self.rows = rows  # the compiled passes, loaded when first needed
        small, big = float(shape.min()), float(shape.max())
        self.step = _STEP / np.sqrt(max(big, 1.0))
        self.low = (np.log(1e-6) + float(gammaln(small + 1.0))) / small
        self.high = float(np.log(big + 9.0 * np.sqrt(big) + 30.0))
        self.n = int(np.ceil((self.high - self.low) / self.step)) + 2
        y = self.low + self.step * np.arange(self.n)
        value = gammainc(shape[:, None], np.exp(y))
        with np.errstate(under="ignore"):
            slope = np.exp(shape[:, None] * y - np.exp(y) - gammaln(shape)[:, None])
        self.value, self.slope = value, slope * self.step

    def add(self, at: Ints, weight: Array, shift: Array, y: Array, out: Array) -> None:
        """Add to `out` the weighted mean of the distribution functions at y + shift, per row."""
        grid = self.low, self.step, self.value, self.slope
        self.rows.add_tabulated(at, weight, shift, y, *grid, out)


def _invert(lookups: list[tuple[Array, Array, _GammaTable]], level: float, shape: float) -> Array:
    """Return ln lambda with mixture distribution function = level, (row,)."""

    def excess(y: Array, i: Ints) -> Array:
        total = np.zeros(len(i))
        for weight, log_rate, table in lookups:
            table.add(i, weight, log_rate, y, total)
        return total - level

    start = np.full(len(lookups[0][0]), np.log(gammaincinv(shape, level)))
    for weight, log_rate, _ in lookups:
        start -= (weight * log_rate).mean(axis=1)
    low, high = start.copy(), start.copy()
    for _, log_rate, table in lookups:
        low = np.minimum(low, table.low - log_rate.max(axis=1))
        high = np.maximum(high, table.high - log_rate.min(axis=1))
    step = 0.2 / min(np.sqrt(max(shape, 1.0)), 10.0)
    return solve(excess, start, low, high, step=step, x_tolerance=1e-6, f_tolerance=1e-6)
