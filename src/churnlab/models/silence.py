"""A customer's silence under every draw: the few functions that risk, dates and counts need.

One `Process` belongs to customers of one group with the same number x of repeat purchases. Times
are days; matrices are (row, draw), contiguous along the draws, so that each row is summed and
sorted the same way whatever rows stand beside it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from churnlab.models.base import Array, Likelihood
from churnlab.models.counts import CountLaw, FormulaCounts

Ints = NDArray[np.int64]
Returning = Callable[[Array, Ints], Array]
#: (t_x, T, horizon) -> expectation, (row, draw); the horizon a number or a column (row, 1).
Mean = Callable[[Array, Array, Array | float], Array]


class Component(NamedTuple):
    """A part of a mixture of Gamma laws of the purchase rate; arrays (row, draw) or (draw,)."""

    weight: Array
    shape: Array
    rate: Array


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

    @abstractmethod
    def rate_mixture(self, t_x: Array, T: Array) -> list[Component]:
        """Return the law of lambda given each draw; weights sum to one per (row, draw)."""

    def mean_by_horizon(self) -> Mean:
        """Return a function (t_x, T, horizon) -> E[purchases in (T, T + horizon] | data].

        Formulas: `Likelihood.expected_purchases`; what depends on the draws alone is done once.
        """
        theta = self.theta[:, None, :]

        def formula(t_x: Array, T: Array, horizon: Array | float) -> Array:
            last, now = t_x[:, None], T[:, None]
            return self.likelihood.expected_purchases(theta, self.x, last, now, horizon)

        return formula

    def count_law(self, t_x: Array, T: Array, horizon: float) -> CountLaw:
        """Return the law of the count of purchases in (T, T + horizon]."""
        return FormulaCounts(self, t_x, T, horizon)


class FormulaProcess(Process):
    """Any model, by the formulas of its `Likelihood`: what a family starts with.

    Slow where a formula integrates; a family with tables or closed forms has a process of its own.
    """

    def states(self, t_x: Array, T: Array, *horizons: Array) -> tuple[Array, ...]:
        """By `p_alive`, and P(no purchase | alive) = 1 - (1 - p_no_purchase) / p_alive."""
        theta, last, now = self.theta[:, None, :], t_x[:, None], T[:, None]
        alive = self.likelihood.p_alive(theta, self.x, last, now)
        buys = (
            1.0 - self.likelihood.p_no_purchase(theta, self.x, last, now, h[:, None])
            for h in horizons
        )
        some = np.maximum(alive, np.finfo(float).tiny)
        return (alive, *(np.clip(1.0 - b / some, 0.0, 1.0) for b in buys))

    def returning(self, t_x: Array) -> Returning:
        """1 - p_no_purchase at T = t_x."""
        theta = self.theta[:, None, :]

        def within(horizon: Array, i: Ints) -> Array:
            last = t_x[i][:, None]
            quiet = self.likelihood.p_no_purchase(theta, self.x, last, last, horizon[:, None])
            return np.asarray(1.0 - quiet)

        return within
