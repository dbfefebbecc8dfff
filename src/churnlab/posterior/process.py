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

from churnlab.likelihoods import Array, Likelihood
from churnlab.posterior.silence import DeathTable, DeathTables

Ints = NDArray[np.int64]
Returning = Callable[[Array, Ints], Array]

#: exp() of more than this is infinite for every purpose here.
_HUGE = 700.0


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

    def no_purchase(self, t_x: Array, T: Array, horizon: Array) -> Array:
        """P(no purchase in (T, T + horizon] | data), (row, draw)."""
        alive, quiet = self.states(t_x, T, horizon)
        return 1.0 - alive * (1.0 - quiet)


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
        start = self.alpha + t_x[:, None]
        np.log(start, out=start)
        now = self._log_survivor(start, t_x, T)
        quiet = [np.exp(self._log_survivor(start, t_x, T + h) - now) for h in horizons]
        odds = np.maximum(now, -_HUGE, out=now)
        np.negative(odds, out=odds)
        np.exp(odds, out=odds)
        odds *= self.dead_odds
        odds += 1.0
        return (np.reciprocal(odds, out=odds), *quiet)

    def returning(self, t_x: Array) -> Returning:
        """P(not dropped out at the last purchase) (1 - S(H)/S(0))."""
        start, stayed = np.log(self.alpha + t_x[:, None]), 1.0 / (1.0 + self.dead_odds)

        def within(horizon: Array, i: Ints) -> Array:
            quiet = self._log_survivor(start[i], t_x[i], t_x[i] + horizon)
            return np.asarray(-np.expm1(quiet) * stayed)

        return within

    def _log_survivor(self, start: Array, t_x: Array, t: Array) -> Array:
        """Return ln S(t - t_x) / S(0); `start` is ln(alpha + t_x)."""
        value = self.alpha + t[:, None]
        np.log(value, out=value)
        np.subtract(start, value, out=value)
        value *= self.shape
        if self.k > 1:
            z = (t - t_x)[:, None] / (self.alpha + t[:, None])
            total = stage = np.ones_like(value)
            for j in range(1, self.k):
                stage = stage * z * ((self.shape + j - 1) / j)
                total = total + stage
            value += np.log(total)
        return np.asarray(value)


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
        """A = 1 / (1 + Q(t_x) P(t_x)/P(T) - Q(T)).

        quiet = P(T+H)/P(T) + Q(T) - P(T+H)/P(T) Q(T+H): alive and silent, or dead before buying.
        """
        now, doomed = self._at(T)
        if t_x is T:  # on the day of the purchase itself everybody is alive
            odds = np.zeros_like(now)
        else:
            then, doomed_then = self._at(t_x)
            odds = np.subtract(now, then, out=then)
            np.minimum(odds, _HUGE, out=odds)
            np.exp(odds, out=odds)
            odds *= doomed_then
            odds -= doomed
            np.maximum(odds, 0.0, out=odds)
        quiet = []
        for h in horizons:
            later, doomed_later = self._at(T + h)
            silent = np.exp(now - later)
            quiet.append(np.minimum(silent * (1.0 - doomed_later) + doomed, 1.0))
        odds += 1.0
        return (np.reciprocal(odds, out=odds), *quiet)

    def returning(self, t_x: Array) -> Returning:
        """1 - P(T+H)/P(T) (1 - Q(T+H)) - Q(T) at T = t_x, where everybody is alive."""
        now, doomed = self._at(t_x)

        def within(horizon: Array, i: Ints) -> Array:
            later, doomed_later = self.doom(t_x[i] + horizon)
            silent = np.exp(now[i] - later) * (1.0 - doomed_later)
            return np.asarray(1.0 - np.minimum(silent + doomed[i], 1.0))

        return within

    def _at(self, t: Array) -> tuple[Array, Array]:
        """Return -ln P(t) and Q(t), (row, draw); equal ages, common in sorted rows, share work."""
        distinct, where = np.unique(t, return_inverse=True)
        if 2 * len(distinct) > len(t):
            return self.doom(t)
        cost, doom = self.doom(distinct)
        return cost[where], doom[where]


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
