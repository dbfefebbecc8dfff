"""Silence where dropout is tossed after purchases: closed forms."""

import numpy as np

from churnlab.kernels.special import beta_rule
from churnlab.models.counts import AliveCounts, CountLaw
from churnlab.models.geometric.counts import GeometricLiving
from churnlab.models.silence import Ahead, Component, Mean, Process, Returning
from churnlab.models.story import Story
from churnlab.types import Array, Ints

_P_NODES = 16


class GeometricProcess(Process):
    """BG/NBD, MBG/NBD and their Erlang-k kin."""

    def __init__(self, likelihood: Story, theta: Array, x: float, oldest: float) -> None:
        super().__init__(likelihood, theta, x, oldest)
        a, b = self.theta[2], self.theta[3]
        if likelihood.toss_at_first:
            self.dead_odds = a / (b + self.x)
        else:
            self.dead_odds = a / (b + self.x - 1.0) if self.x > 0 else np.zeros_like(a)

    def states(self, t_x: Array, T: Array, *horizons: Array) -> tuple[Array, ...]:
        """A = 1 / (1 + q S(0)/S(u)); quiet = S(u + H) / S(u). See `formula`."""
        cost = self._cost(t_x, T)
        quiet = [self._cost(t_x, T + h) for h in horizons]
        for later in quiet:
            self.rows.quiet_from_cost(cost, later)
        self.rows.alive_from_cost(self.dead_odds, cost)
        return (cost, *quiet)

    def silent(self, t_x: Array, T: Array) -> Returning:
        """S(u + H) / S(u)."""
        now = self._cost(t_x, T)

        def within(horizon: Array, i: Ints) -> Array:
            later = self._cost(t_x[i], T[i] + horizon)
            self.rows.quiet_from_cost(now[i], later)
            return later

        return within

    def back(self, t_x: Array, T: Array) -> Returning:
        """In one pass where gaps are exponential."""
        if self.k > 1:
            return super().back(t_x, T)
        alive, now = self.alive(t_x, T), self._cost(t_x, T)
        known = self.alpha, self.shape, t_x, T, alive, now

        def within(horizon: Array, i: Ints) -> Array:
            out = np.empty(len(i))
            self.rows.mean_return(*known, horizon, i, out)
            return out

        return within

    def returning(self, t_x: Array) -> Returning:
        """P(not dropped out at the last purchase) (1 - S(H)/S(0))."""
        stayed = 1.0 / (1.0 + self.dead_odds)

        def within(horizon: Array, i: Ints) -> Array:
            if self.k > 1:
                cost = self._cost(t_x[i], t_x[i] + horizon)
                return np.asarray(-np.expm1(-cost) * stayed)
            out = np.empty((len(i), self.n_draws))
            self.rows.returned(self.alpha, self.shape, stayed, t_x, horizon, i, out)
            return out

        return within

    def returned(self, t_x: Array) -> Returning:
        """In one pass where gaps are exponential."""
        if self.k > 1:
            return super().returned(t_x)
        stayed = 1.0 / (1.0 + self.dead_odds)

        def within(horizon: Array, i: Ints) -> Array:
            out = np.empty(len(i))
            self.rows.mean_returned(self.alpha, self.shape, stayed, t_x, horizon, i, out)
            return out

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

    def rate_mixture(self, t_x: Array, T: Array) -> list[Component]:
        """The dead, and the living by the stages of the present gap that have passed."""
        alive = self.alive(t_x, T)
        now = self.alpha + T[:, None]
        stages = [np.ones_like(alive)]
        for j in range(1, self.k):
            z = (T - t_x)[:, None] / now
            stages.append(stages[-1] * z * (self.shape + j - 1) / j)
        total = np.sum(stages, axis=0)
        return [
            Component(1.0 - alive, self.shape, self.alpha + t_x[:, None]),
            *(Component(alive * w / total, self.shape + j, now) for j, w in enumerate(stages)),
        ]

    def mean_by_horizon(self) -> Mean:
        """By Gauss' rule over p where gaps are exponential; see `GeometricDropout`.

        What a living customer buys depends on the age, not on the last purchase: rows of one age
        share it.
        """
        if self.k > 1:
            return super().mean_by_horizon()
        nodes, weights = beta_rule(*self._dropout, _P_NODES)  # the eigenproblems are the cost

        def gauss(t_x: Array, T: Array) -> Ahead:
            ages, of = np.unique(T, return_inverse=True)
            alive = self.alive(t_x, T)

            def within(horizon: float) -> Array:
                growth = horizon / (self.alpha + ages[:, None])
                total = np.zeros_like(growth)
                for p, w in zip(nodes.T, weights.T, strict=True):
                    total -= w / p * np.expm1(-self.shape * np.log1p(p * growth))
                return np.asarray(alive * total[of])

            return within

        return gauss

    @property
    def _dropout(self) -> tuple[Array, Array]:
        """a and b of p after the x repeat purchases, had dropout been tossed after each of them."""
        b = self.theta[3] + self.x
        return self.theta[2], b + self.likelihood.toss_at_first

    def count_law(self, t_x: Array, T: Array, horizon: float) -> CountLaw:
        """By recursion where gaps are exponential."""
        if self.k > 1:
            return super().count_law(t_x, T, horizon)
        ages, of = np.unique(T, return_inverse=True)
        growth = horizon / (self.alpha + ages[:, None])
        living = GeometricLiving(self.shape, *self._dropout, growth)
        return AliveCounts(self.alive(t_x, T), of, living)
