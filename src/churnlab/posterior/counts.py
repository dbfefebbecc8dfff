"""Purchases to come: the expected number and predictive quantiles of the count.

The mean is that of the posterior; q05 and q95 are quantiles of the *number bought*, from the
mixture of its distributions over draws, not of its expectation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from churnlab.models import Array
from churnlab.models.draws import PopulationDraws
from churnlab.models.special import beta_rule, legendre
from churnlab.posterior.silence.process import GeometricProcess, ParetoProcess, Process
from churnlab.posterior.silence.stream import Cells, Ints, chunks, for_each_run, rows_of

#: Draws behind counts. P(alive), which varies most between draws near death, is that of all draws
#: (`alive_of_all`), so that the expectation is within 1% of the whole posterior's (Erlang gaps:
#: 1.5%).
COUNT_DRAWS = 256
#: Draws behind the quantiles of the count (their level moves by about .0025), and behind the mean
#: too with Erlang gaps, whose formulas are slow.
LAW_DRAWS = 64
_P_NODES = 16
_DEATH_NODES = 12
_MOST = 100_000
_LEVELS = (0.05, 0.95)


#: (t_x, T, horizon) -> expectation, (row, draw); the horizon a number or a column (row, 1).
_Mean = Callable[[Array, Array, Array | float], Array]


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
        Posterior draws of the population's parameters; given being alive at most `COUNT_DRAWS`
        are used.
    cells
        Rows with group, x, t_x, T (days).
    horizon_days
        Days to look ahead.
    """
    rows = rows_of(cells, draws)
    out = np.empty((3, len(rows.x)))

    def work(process: Process, at: Ints) -> None:
        some, few = count_draws(process), process.thin(LAW_DRAWS)
        mean = mean_by_horizon(some)
        for part in chunks(len(at), process.n_draws):
            i = at[part]
            t_x, T = rows.t_x[i], rows.T[i]
            out[0, i] = mean(t_x, T, horizon_days).mean(axis=1)
            out[0, i] *= alive_of_all(process, some, t_x, T)
            out[1:, i] = _quantiles(few, t_x, T, horizon_days)

    oldest = float(rows.T.max(initial=0.0)) + horizon_days + 1.0
    for_each_run(draws, rows.group, rows.x, oldest, work, threads=threads)
    return Purchases(*out)


def count_draws(process: Process) -> Process:
    """Return the draws that expected counts rest on, given being alive."""
    return process.thin(COUNT_DRAWS if process.k == 1 else LAW_DRAWS)


def alive_of_all(process: Process, some: Process, t_x: Array, T: Array) -> Array:
    """Return mean P(alive) of all draws over that of some of them, (row,).

    A ratio estimator: what is bought is bought by the living, and P(alive) is cheap.
    """
    if some.n_draws == process.n_draws:
        return np.ones(len(t_x))
    whole, part = (one.alive(t_x, T).mean(axis=1) for one in (process, some))
    return np.divide(whole, part, out=np.ones_like(whole), where=part > 0)


def mean_function(process: Process, horizon_days: Array | float) -> Callable[[Array, Array], Array]:
    """Return a function (t_x, T) -> E[purchases in (T, T + horizon] | data], (row, draw)."""
    mean = mean_by_horizon(process)
    return lambda t_x, T: mean(t_x, T, horizon_days)


def mean_by_horizon(process: Process) -> _Mean:
    """Return a function (t_x, T, horizon) -> E[purchases in (T, T + horizon] | data], (row, draw).

    Formulas: `Likelihood.expected_purchases`; what depends on the draws alone is done once here.
    """
    if isinstance(process, ParetoProcess):
        return _pareto_mean(process)
    if process.k == 1:
        return _gauss_mean(process)
    theta = process.theta[:, None, :]

    def formula(t_x: Array, T: Array, horizon: Array | float) -> Array:
        last, now = t_x[:, None], T[:, None]
        return process.likelihood.expected_purchases(theta, process.x, last, now, horizon)

    return formula


def _gauss_mean(process: Process) -> _Mean:
    a, b = process.theta[2], process.theta[3] + process.x
    b = b + getattr(process.likelihood, "toss_at_first", False)
    nodes, weights = beta_rule(a, b, _P_NODES)  # the eigenproblems are the cost

    def gauss(t_x: Array, T: Array, horizon: Array | float) -> Array:
        growth = horizon / (process.alpha + T[:, None])
        total = np.zeros_like(growth)
        for p, w in zip(nodes.T, weights.T, strict=True):
            total -= w / p * np.expm1(-process.shape * np.log1p(p * growth))
        return np.asarray(process.alive(t_x, T) * total)

    return gauss


def _pareto_mean(process: ParetoProcess) -> _Mean:
    lived = 1.0 - process.s

    def closed(t_x: Array, T: Array, horizon: Array | float) -> Array:
        age = T[:, None]
        y = np.log1p(horizon / (process.beta + age))
        power = lived * y
        safe = np.where(np.abs(power) < 1e-16, 1.0, power)  # expm1(z)/z is 1 below
        growth = y * np.where(np.abs(power) < 1e-16, 1.0, np.expm1(safe) / safe)
        rate = process.shape * (process.beta + age) / (process.alpha + age)
        return np.asarray(process.alive(t_x, T) * rate * growth)

    return closed


class _Recursion:
    """A probability that grows by factors; in logs where it would start by underflowing."""

    def __init__(self, log_start: Array) -> None:
        self.log: Array | None = log_start if log_start.min() < -650.0 else None
        self.value = np.exp(log_start)

    def times(self, factor: Array) -> Array:
        """Multiply and return the value."""
        if self.log is None:
            self.value = self.value * factor
        else:
            self.log = self.log + np.log(factor)
            self.value = np.exp(self.log)
        return self.value

    def keep(self, index: tuple[slice | Ints, ...]) -> None:
        """Go on with some rows only."""
        self.value = self.value[index]
        if self.log is not None:
            self.log = self.log[index]


class _GeometricCounts:
    """P(X = n), n = 0, 1, ..., with a dropout toss after each purchase; k = 1.

    Alive to the end, or dropped out at the n-th: B(a, b*+n)/B(a, b*) P(N = n) + B(a+1, b*+n-1)
    /B(a, b*) P(N >= n), N negative binomial.
    """

    def __init__(self, process: GeometricProcess, t_x: Array, T: Array, horizon: float) -> None:
        self.shape, self.a = process.shape, process.theta[2]
        self.b = process.theta[3] + process.x + getattr(process.likelihood, "toss_at_first", False)
        self.alive = process.alive(t_x, T)
        growth = horizon / (process.alpha + T[:, None])
        self.z = growth / (1.0 + growth)
        self.exact = _Recursion(-process.shape * np.log1p(growth))
        self.beyond = 1.0 - self.exact.value
        self.stays, self.n = np.ones_like(self.a), 0

    def first(self) -> Array:
        """P(X = 0), (row,)."""
        return (1.0 - self.alive * self.beyond).mean(axis=1)

    def next(self) -> Array:
        """P(X = n) for the next n, (row,)."""
        self.n += 1
        n = self.n
        exact = self.exact.times(self.z * ((self.shape + n - 1.0) / n))
        drops = self.stays * (self.a / (self.a + self.b + n - 1.0))
        self.stays = self.stays * ((self.b + n - 1.0) / (self.a + self.b + n - 1.0))
        mass = self.alive * (self.stays * exact + drops * np.maximum(self.beyond, 0.0))
        self.beyond = self.beyond - exact
        return mass.mean(axis=1)

    def keep(self, rows: Ints) -> None:
        """Go on with some rows only."""
        self.alive, self.z = self.alive[rows], self.z[rows]
        self.exact.keep((rows,))
        self.beyond = self.beyond[rows]


class _ParetoCounts:
    """P(X = n), n = 0, 1, ...: negative binomial up to the horizon or to death before it."""

    def __init__(self, process: ParetoProcess, t_x: Array, T: Array, horizon: float) -> None:
        self.shape, self.n = process.shape, 0
        age = T[:, None]
        alive = process.alive(t_x, T)
        survives = np.exp(-process.s * np.log1p(horizon / (process.beta + age)))
        nodes, weights = legendre(_DEATH_NODES)
        lost = nodes[:, None, None] * (1.0 - survives)
        end = (process.beta + age) * np.expm1(-np.log1p(-lost) / process.s)
        end = np.concatenate([end, np.full((1, *survives.shape), horizon)])
        share = np.concatenate([weights[:, None, None] * (1.0 - survives), survives[None]])
        growth = end / (process.alpha + age)
        self.z = growth / (1.0 + growth)
        self.exact = _Recursion(-process.shape * np.log1p(growth))
        self.share, self.dead = alive * share, 1.0 - alive

    def first(self) -> Array:
        """P(X = 0), (row,)."""
        return (self.dead + (self.share * self.exact.value).sum(axis=0)).mean(axis=1)

    def next(self) -> Array:
        """P(X = n) for the next n, (row,)."""
        self.n += 1
        exact = self.exact.times(self.z * ((self.shape + self.n - 1.0) / self.n))
        return np.asarray((self.share * exact).sum(axis=0).mean(axis=1))

    def keep(self, rows: Ints) -> None:
        """Go on with some rows only."""
        self.share, self.z = self.share[:, rows], self.z[:, rows]
        self.exact.keep((slice(None), rows))


class _FormulaCounts:
    """P(X = n) by the model's own formula: Erlang gaps have no short recursion."""

    def __init__(self, process: Process, t_x: Array, T: Array, horizon: float) -> None:
        self.process, self.horizon, self.n = process.thin(LAW_DRAWS), horizon, 0
        self.t_x, self.T = t_x[:, None], T[:, None]

    def first(self) -> Array:
        """P(X = 0), (row,)."""
        return self._pmf(0)

    def next(self) -> Array:
        """P(X = n) for the next n, (row,)."""
        self.n += 1
        return self._pmf(self.n)

    def keep(self, rows: Ints) -> None:
        """Go on with some rows only."""
        self.t_x, self.T = self.t_x[rows], self.T[rows]

    def _pmf(self, n: int) -> Array:
        p = self.process
        theta = p.theta[:, None, :]
        value = p.likelihood.pmf(theta, float(n), p.x, self.t_x, self.T, self.horizon)
        return np.asarray(value.mean(axis=-1))


#: The law of a count: `first`, `next`, `keep`.
Counts = _GeometricCounts | _ParetoCounts | _FormulaCounts


def count_law(process: Process, t_x: Array, T: Array, horizon: float) -> Counts:
    """Return the law of the count of purchases in (T, T + horizon]."""
    if process.k > 1:
        return _FormulaCounts(process, t_x, T, horizon)
    if isinstance(process, ParetoProcess):
        return _ParetoCounts(process, t_x, T, horizon)
    assert isinstance(process, GeometricProcess)
    return _GeometricCounts(process, t_x, T, horizon)


#: Former name.
_counts = count_law


def _quantiles(process: Process, t_x: Array, T: Array, horizon: float) -> Array:
    """Return the smallest n with P(X <= n) >= level, for each level, (level, row)."""
    law = count_law(process, t_x, T, horizon)
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
