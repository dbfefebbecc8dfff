"""A customer's silence under every draw: the few functions that risk, dates and counts need.

One `Process` belongs to customers of one group with the same number x of repeat purchases. Times
are days; matrices are (row, draw), contiguous along the draws, so that each row is summed and
sorted the same way whatever rows stand beside it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from churnlab.models.counts import LAW_DRAWS, AliveCounts, CountLaw, FormulaCounts, LivingUntilDeath
from churnlab.models.story import Story
from churnlab.types import Array, Ints

Returning = Callable[[Array, Ints], Array]
#: Horizon -> expectation, (row, draw).
Ahead = Callable[[float], Array]
#: (t_x, T) -> horizon -> expectation.
Mean = Callable[[Array, Array], Ahead]


class Component(NamedTuple):
    """A part of a mixture of Gamma laws of the purchase rate; arrays (row, draw) or (draw,)."""

    weight: Array
    shape: Array
    rate: Array


class Process(ABC):
    """Draws of one group, for customers with x repeat purchases.

    theta: (parameter, draw), in days.
    x: Repeat purchases.
    oldest: Largest age, in days, that will be asked for.
    """

    def __init__(self, likelihood: Story, theta: Array, x: float, oldest: float) -> None:
        from churnlab.kernels import rows

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
        count: int = self.theta.shape[1]
        return count

    def thin(self, n: int) -> Process:
        """Return a process with `n` draws spread evenly over all of them."""
        if n >= self.n_draws:
            return self
        rows = np.linspace(0, self.n_draws - 1, n).round().astype(int)
        return type(self)(self.likelihood, self.theta[:, rows], self.x, self.oldest)

    @abstractmethod
    def states(self, t_x: Array, T: Array, *horizons: Array) -> tuple[Array, ...]:
        """Return P(alive at T), and P(no purchase in (T, T+H] | alive at T) per horizon.

        t_x, T: Shape (row,).
        horizons: Days, each of shape (row,).
        """

    @abstractmethod
    def returning(self, t_x: Array) -> Returning:
        """Return a function (horizon, positions) -> P(next purchase within it of the last).

        Both arguments are (row,), the result is (row, draw). The past is known up to the last
        purchase only; what does not depend on the horizon is computed once.
        """

    def returned(self, t_x: Array) -> Returning:
        """Return the mean of `returning` over the draws, (row,)."""
        within = self.returning(t_x)
        return lambda horizon, i: np.asarray(within(horizon, i).mean(axis=1))

    def silent(self, t_x: Array, T: Array) -> Returning:
        """Return a function (horizon, positions) -> P(no purchase in (T, T+H] | alive at T).

        What does not depend on the horizon is computed once.
        """
        return lambda horizon, i: self.states(t_x[i], T[i], horizon)[1]

    def back(self, t_x: Array, T: Array) -> Returning:
        """Return a function (horizon, positions) -> P(next purchase within it of T), (row,).

        The mean over the draws; what does not depend on the horizon is computed once.
        """
        alive, silent = self.alive(t_x, T), self.silent(t_x, T)
        return lambda horizon, i: np.asarray((alive[i] * (1.0 - silent(horizon, i))).mean(axis=1))

    def alive(self, t_x: Array, T: Array) -> Array:
        """P(alive at T | data), (row, draw)."""
        return self.states(t_x, T)[0]

    def risks(self, t_x: Array, T: Array, *horizons: Array) -> tuple[Array, ...]:
        """1 - P(alive at T | data), and P(no purchase in (T, T+H] | data) per horizon."""
        return self.risks_of(*self.states(t_x, T, *horizons))

    def risks_of(self, alive: Array, *quiet: Array) -> tuple[Array, ...]:
        """Return `risks` of what `states` gave, in its place."""
        for one in quiet:
            self.rows.at_risk(alive, one)
        return (np.subtract(1.0, alive, out=alive), *quiet)

    @abstractmethod
    def rate_mixture(self, t_x: Array, T: Array) -> list[Component]:
        """Return the law of lambda given each draw; weights sum to one per (row, draw)."""

    def mean_by_horizon(self) -> Mean:
        """Return a function (t_x, T) -> horizon -> E[purchases in (T, T + horizon] | data].

        Formulas: `Likelihood.expected_purchases`; what depends on the draws alone is done once, and
        so is what depends on the rows alone.
        """
        theta = self.theta[:, None, :]

        def formula(t_x: Array, T: Array) -> Ahead:
            known = theta, self.x, t_x[:, None], T[:, None]
            return partial(self.likelihood.expected_purchases, *known)

        return formula

    def count_law(self, t_x: Array, T: Array, horizon: float) -> CountLaw:
        """Return the law of the count of purchases in (T, T + horizon]."""
        some = self.thin(LAW_DRAWS)
        theta = some.theta[:, None, :]

        def pmf(n: int, last: Array, now: Array) -> Array:
            found = self.likelihood.pmf(theta, float(n), self.x, last, now, horizon)
            return np.asarray(found.mean(axis=-1))

        return FormulaCounts(pmf, t_x[:, None], T[:, None])


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


class DoomProcess(Process):
    """Death at any time, by the probability Q of death before the next purchase."""

    @abstractmethod
    def doom(self, t: Array) -> tuple[Array, Array]:
        """Return -ln P and Q at ages t, (row,), both (row, draw); P(t): alive and silent to t."""

    @abstractmethod
    def survival(self, age: Array, horizon: float) -> Array:
        """P(alive at age + horizon | alive at `age`, (row, 1)), (row, draw)."""

    @abstractmethod
    def lifetime(self, age: Array, lost: Array) -> Array:
        """Time after `age` by which a share `lost` of those alive then has died."""

    @abstractmethod
    def death_times(self, t_x: Array, T: Array) -> list[tuple[Array, Array]]:
        """Return a rule (weight, tau) over the death time of the dead, each (row, draw)."""

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

    def rate_mixture(self, t_x: Array, T: Array) -> list[Component]:
        """The living, and the dead by when: lambda | dead at tau ~ Gamma(R, alpha + tau)."""
        alive = self.alive(t_x, T)
        return [
            Component(alive, self.shape, self.alpha + T[:, None]),
            *(
                Component((1.0 - alive) * weight, self.shape, self.alpha + tau)
                for weight, tau in self.death_times(t_x, T)
            ),
        ]

    def count_law(self, t_x: Array, T: Array, horizon: float) -> CountLaw:
        """Negative binomials up to the horizon or to death."""
        ages, of = np.unique(T, return_inverse=True)
        age = ages[:, None]
        survives, lifetime = self.survival(age, horizon), partial(self.lifetime, age)
        living = LivingUntilDeath(self.shape, self.alpha + age, survives, lifetime, horizon)
        return AliveCounts(self.alive(t_x, T), of, living)
