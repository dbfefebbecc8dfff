"""A customer's silence under every draw: the few functions that risk, dates and counts need.

One `Process` belongs to customers of one group with the same number x of repeat purchases. Times
are days; matrices are (row, draw), contiguous along the draws, so that each row is summed and
sorted the same way whatever rows stand beside it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from churnlab.models import Array, Likelihood
from churnlab.posterior.silence.silence import DeathTable, DeathTables

Ints = NDArray[np.int64]
Returning = Callable[[Array, Ints], Array]


class Process(ABC):
    """Draws of one group, for customers with x repeat purchases.

    Parameters
    ----------
    likelihood
        The model.
    theta
        (parameter, draw), in days.
    x
        Repeat purchases.
    oldest
        Largest age, in days, that will be asked for.
    """

    def __init__(self, likelihood: Likelihood, theta: Array, x: float, oldest: float) -> None:
        from churnlab.models.kernels import rows

        self.rows = rows  # the compiled passes, loaded when first needed
        self.likelihood = likelihood
        self.theta = np.ascontiguousarray(theta)
        self.x = float(x)
        self.oldest = float(oldest)
        self.k = likelihood.k
        self.shape = self.theta[0] + self.k * self.x
        self.alpha = self.theta[1]

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return self.theta.shape[1]

    def thin(self, n: int) -> Process:
        """Return a process with `n` draws spread evenly over all of them."""
        if n >= self.n_draws:
            return self
        rows = np.linspace(0, self.n_draws - 1, n).round().astype(int)
        return type(self)(self.likelihood, self.theta[:, rows], self.x, self.oldest)

    @abstractmethod
    def states(self, t_x: Array, T: Array, *horizons: Array) -> tuple[Array, ...]:
        """Return P(alive at T), and P(no purchase in (T, T+H] | alive at T) per horizon.

        Parameters
        ----------
        t_x, T
            Shape (row,).
        horizons
            Days, each of shape (row,).
        """

    @abstractmethod
    def returning(self, t_x: Array) -> Returning:
        """Return a function (horizon, positions) -> P(next purchase within it of the last).

        Both arguments are (row,), the result is (row, draw). The past is known up to the last
        purchase only; what does not depend on the horizon is computed once.
        """

    def alive(self, t_x: Array, T: Array) -> Array:
        """P(alive at T | data), (row, draw)."""
        return self.states(t_x, T)[0]

    def risks(self, t_x: Array, T: Array, *horizons: Array) -> tuple[Array, ...]:
        """1 - P(alive at T | data), and P(no purchase in (T, T+H] | data) per horizon."""
        alive, *found = self.states(t_x, T, *horizons)
        for quiet in found:
            self.rows.at_risk(alive, quiet)
        return (np.subtract(1.0, alive, out=alive), *found)


class GeometricProcess(Process):
    """BG/NBD, MBG/NBD and their Erlang-k kin."""

    def __init__(self, likelihood: Likelihood, theta: Array, x: float, oldest: float) -> None:
        super().__init__(likelihood, theta, x, oldest)
        a, b = self.theta[2], self.theta[3]
        if getattr(likelihood, "toss_at_first", False):
            self.dead_odds = a / (b + self.x)
        else:
            self.dead_odds = a / (b + self.x - 1.0) if self.x > 0 else np.zeros_like(a)

    def states(self, t_x: Array, T: Array, *horizons: Array) -> tuple[Array, ...]:
        """A = 1 / (1 + q S(0)/S(u)); quiet = S(u + H) / S(u). See `likelihoods.geometric`."""
        cost = self._cost(t_x, T)
        quiet = [self._cost(t_x, T + h) for h in horizons]
        for later in quiet:
            self.rows.quiet_from_cost(cost, later)
        self.rows.alive_from_cost(self.dead_odds, cost)
        return (cost, *quiet)

    def returning(self, t_x: Array) -> Returning:
        """P(not dropped out at the last purchase) (1 - S(H)/S(0))."""
        stayed = 1.0 / (1.0 + self.dead_odds)

        def within(horizon: Array, i: Ints) -> Array:
            cost = self._cost(t_x[i], t_x[i] + horizon)
            return np.asarray(-np.expm1(-cost) * stayed)

        return within

    def _cost(self, t_x: Array, t: Array) -> Array:
        """Return -ln S(t - t_x) / S(0)."""
        cost = np.empty((len(t_x), self.n_draws))
        self.rows.geometric_cost(self.alpha, self.shape, t_x, t, cost)
        if self.k > 1:
            z = (t - t_x)[:, None] / (self.alpha + t[:, None])
            total = stage = np.ones_like(cost)
            for j in range(1, self.k):
                stage = stage * z * ((self.shape + j - 1) / j)
                total = total + stage
            cost -= np.log(total)
        return cost


class ParetoProcess(Process):
    """Pareto/NBD, by the probability Q of death before the next purchase (`silence`)."""

    def __init__(
        self,
        likelihood: Likelihood,
        theta: Array,
        x: float,
        oldest: float,
        tables: DeathTables | None = None,
    ) -> None:
        super().__init__(likelihood, theta, x, oldest)
        self.s, self.beta = self.theta[2], self.theta[3]
        self._tables = tables or DeathTables(self.theta, np.array([x]), oldest)

    @cached_property
    def doom(self) -> DeathTable:
        """-ln P and Q at any age; made when first asked for, since a rhythm does not need it."""
        return self._tables.table(self.x)

    def states(self, t_x: Array, T: Array, *horizons: Array) -> tuple[Array, ...]:
        """A = 1 / (1 + Q(t_x) P(t_x)/P(T) - Q(T)); see `rows` for quiet."""
        ages = np.concatenate((t_x, T, *(T + h for h in horizons)))
        distinct, where = np.unique(ages, return_inverse=True)  # equal ages share their work
        cost, doom = self.doom(distinct)
        then, now, *later = np.split(where, len(ages) // len(t_x))
        found = [np.empty((len(t_x), self.n_draws)) for _ in range(1 + len(later))]
        self.rows.alive_from_doom(cost, doom, then, now, found[0])
        for i, quiet in zip(later, found[1:], strict=True):
            self.rows.quiet_from_doom(cost, doom, now, i, quiet)
        return tuple(found)

    def returning(self, t_x: Array) -> Returning:
        """1 - P(T+H)/P(T) (1 - Q(T+H)) - Q(T) at T = t_x, where everybody is alive."""
        now, doomed = self.doom(t_x)

        def within(horizon: Array, i: Ints) -> Array:
            later, doomed_later = self.doom(t_x[i] + horizon)
            silent = np.exp(now[i] - later) * (1.0 - doomed_later)
            return np.asarray(1.0 - np.minimum(silent + doomed[i], 1.0))

        return within


def make(likelihood: Likelihood, theta: Array, x: float, oldest: float) -> Process:
    """Return the process of a model; `theta` is (parameter, draw)."""
    return family(likelihood, theta, np.array([x]), oldest)(x)


def family(
    likelihood: Likelihood, theta: Array, x: Array, oldest: float
) -> Callable[[float], Process]:
    """Return a function of one of the x that makes its process; tables are made for all at once."""
    theta = np.ascontiguousarray(theta)
    if "beta" not in likelihood.parameters:
        return lambda some: GeometricProcess(likelihood, theta, some, oldest)
    tables = DeathTables(theta, x, oldest)
    return lambda some: ParetoProcess(likelihood, theta, some, oldest, tables)
