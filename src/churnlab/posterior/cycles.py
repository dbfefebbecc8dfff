"""A customer's purchase rate and cycle: quantiles of an exact mixture of Gamma distributions.

Given the draws, the rate lambda of a customer has a mixture distribution: alive or dead, the death
time (Pareto/NBD) or the stages passed (Erlang gaps), and the draw of the population's parameters.
Its distribution function is inverted; nothing is sampled. The cycle is k / lambda, the mean gap.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import gammainc, gammaincinv, gammaln

from churnlab.models import Array
from churnlab.models.draws import PopulationDraws
from churnlab.models.special import legendre
from churnlab.posterior.silence.process import ParetoProcess, Process
from churnlab.posterior.silence.roots import solve
from churnlab.posterior.silence.stream import Cells, Ints, chunks, for_each_run, rows_of

#: Draws behind the quantiles. The spread between draws is small beside the customer's own, so the
#: level of a quantile moves by about .02 / sqrt(64) = .0025.
CYCLE_DRAWS = 64
#: Nodes over the death time of Pareto/NBD, and the divisor of the proxy variable's power. Tried on
#: 400 customers, largest error of ln q05: divisor 1, .019 with 6 nodes and .005 with 12; divisor 4,
#: 1.5e-5 with 6.
_DEATH_NODES = 6
_PROXY = 4.0
#: Grid of ln z on which Gamma distribution functions are tabulated, in units of its own width.
_STEP = 0.125


class RateQuantiles(NamedTuple):
    """Posterior of each row's purchase rate while alive, per day; arrays (row,)."""

    mean: Array
    q05: Array
    median: Array
    q95: Array


class _Component(NamedTuple):
    """Gamma(shape, rate) with its weight; weight and rate (row, draw), shape (draw,)."""

    weight: Array
    shape: Array
    rate: Array


def rate_quantiles(
    draws: PopulationDraws, cells: Cells, *, threads: int | None = None
) -> RateQuantiles:
    """Return mean and quantiles of purchases per day while alive; cycles are their reciprocals.

    Parameters
    ----------
    draws
        Posterior draws of the population's parameters; at most `CYCLE_DRAWS` are used.
    cells
        Rows with group, x, t_x, T (days).
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
    parts = rate_mixture(process, t_x, T)
    mean = sum((c.weight * c.shape / c.rate).mean(axis=1) for c in parts)
    lookups = []
    for c in parts:
        stage = round(float(c.shape[0] - process.shape[0]))
        if stage not in tables:
            tables[stage] = _GammaTable(c.shape)
        lookups.append((c.weight, np.log(c.rate), tables[stage]))
    levels = [_invert(lookups, level, float(process.shape.mean())) for level in (0.05, 0.5, 0.95)]
    return np.stack([mean, *np.exp(levels)]) / process.k


def rate_mixture(process: Process, t_x: Array, T: Array) -> list[_Component]:
    """Return the mixture of lambda given each draw; weights sum to one per (row, draw)."""
    alive = process.alive(t_x, T)
    if isinstance(process, ParetoProcess):
        return [
            _Component(alive, process.shape, process.alpha + T[:, None]),
            *_deaths(process, 1.0 - alive, t_x, T),
        ]
    dead = _Component(1.0 - alive, process.shape, process.alpha + t_x[:, None])
    now = process.alpha + T[:, None]
    stages = [np.ones_like(alive)]
    for j in range(1, process.k):
        z = (T - t_x)[:, None] / now
        stages.append(stages[-1] * z * (process.shape + j - 1) / j)
    total = np.sum(stages, axis=0)
    return [
        dead,
        *(_Component(alive * w / total, process.shape + j, now) for j, w in enumerate(stages)),
    ]


def _deaths(process: ParetoProcess, dead: Array, t_x: Array, T: Array) -> list[_Component]:
    """Return the dead part of Pareto/NBD: lambda | dead at tau ~ Gamma(R, alpha + tau)."""
    return [
        _Component(dead * weight, process.shape, process.alpha + tau)
        for weight, tau in death_times(process, t_x, T)
    ]


def death_times(process: ParetoProcess, t_x: Array, T: Array) -> list[tuple[Array, Array]]:
    """Return a rule (weight, tau) over the death time of the dead, each (row, draw).

    The density is ~ P(tau)/(beta+tau) on (t_x, T]; Gauss-Legendre in the proxy variable
    w = 1 - ((c+t_x)/(c+tau))^m, c = min(alpha, beta). With m = R + s it would be nearly flat, but
    its tail would hang on the last node; a quarter of that power makes it smooth everywhere.
    """
    power, start = (process.shape + process.s) / _PROXY, t_x[:, None]
    low = np.minimum(process.alpha, process.beta) + start
    reach = -np.expm1(-power * np.log1p((T - t_x)[:, None] / low))
    out: list[tuple[Array, Array]] = []
    total = np.zeros_like(reach)
    for node, weight in zip(*legendre(_DEATH_NODES), strict=True):
        log_growth = -np.log1p(-node * reach) / power
        after = low * np.expm1(log_growth)
        log_density = -process.shape * np.log1p(after / (process.alpha + start))
        log_density -= (process.s + 1.0) * np.log1p(after / (process.beta + start))
        share = weight * np.exp(log_density + (power + 1.0) * log_growth)
        total += share
        out.append((share, start + after))
    return [(share / total, tau) for share, tau in out]


class _GammaTable:
    """P(Gamma(shape, 1) <= e^y) for all draws: cubic Hermite interpolation on an even grid of y."""

    def __init__(self, shape: Array) -> None:
        small, big = float(shape.min()), float(shape.max())
        self.step = _STEP / np.sqrt(max(big, 1.0))
        self.low = (np.log(1e-6) + float(gammaln(small + 1.0))) / small
        self.high = float(np.log(big + 9.0 * np.sqrt(big) + 30.0))
        self.n = int(np.ceil((self.high - self.low) / self.step)) + 2
        y = self.low + self.step * np.arange(self.n)
        value = gammainc(shape[:, None], np.exp(y))
        with np.errstate(under="ignore"):
            slope = np.exp(shape[:, None] * y - np.exp(y) - gammaln(shape)[:, None])
        self.value, self.slope = value.ravel(), (slope * self.step).ravel()
        self.offset = np.arange(len(shape)) * self.n

    def __call__(self, y: Array) -> Array:
        """Return the distribution function at y (row, draw)."""
        place = np.clip((y - self.low) / self.step, 0.0, self.n - 2.0)
        index = place.astype(np.int64)
        u = place - index
        index += self.offset
        left, right = self.value[index], self.value[index + 1]
        d_left, d_right = self.slope[index], self.slope[index + 1]
        v = 1.0 - u
        return np.asarray(
            left + u * u * (3 - 2 * u) * (right - left) + u * v * (v * d_left - u * d_right)
        )


def _invert(lookups: list[tuple[Array, Array, _GammaTable]], level: float, shape: float) -> Array:
    """Return ln lambda with mixture distribution function = level, (row,)."""

    def excess(y: Array, i: Ints) -> Array:
        total = np.zeros(len(i))
        for weight, log_rate, table in lookups:
            total += (weight[i] * table(y[:, None] + log_rate[i])).mean(axis=1)
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
