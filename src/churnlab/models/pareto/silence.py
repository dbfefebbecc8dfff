"""Silence in Pareto/NBD, by the probability of death before the next purchase (`death_table`)."""

from functools import cached_property

import numpy as np

from churnlab.kernels.special import legendre
from churnlab.models.pareto.death_table import DeathTable, DeathTables
from churnlab.models.silence import Ahead, DoomProcess, Mean
from churnlab.models.story import Story
from churnlab.types import Array

#: Nodes over the death time, and the divisor of the proxy variable's power. Tried on 400 customers,
#: largest error of ln q05 of the rate: divisor 1, .019 with 6 nodes and .005 with 12; divisor 4,
#: 1.5e-5 with 6.
_DEATH_NODES = 6
_PROXY = 4.0


class ParetoProcess(DoomProcess):
    """Pareto/NBD, by the probability Q of death before the next purchase (`death_table`)."""

    def __init__(
        self,
        likelihood: Story,
        theta: Array,
        x: float,
        oldest: float,
        tables: DeathTables | None = None,
    ) -> None:
        super().__init__(likelihood, theta, x, oldest)
        self.s, self.beta = self.theta[2], self.theta[3]
        self._tables = tables or DeathTables(self.theta, np.array([x]), oldest)

    @cached_property
    def _table(self) -> DeathTable:
        """Made when first asked for, since a rhythm does not need it."""
        return self._tables.table(self.x)

    def doom(self, t: Array) -> tuple[Array, Array]:
        """-ln P(t) and Q(t), both (row, draw)."""
        return self._table(t)

    def mean_by_horizon(self) -> Mean:
        """In closed form; see `ParetoNbd.expected_purchases`."""
        lived = 1.0 - self.s

        def closed(t_x: Array, T: Array) -> Ahead:
            age = T[:, None]
            alive_rate = self.alive(t_x, T) * (self.shape * (self.beta + age) / (self.alpha + age))

            def within(horizon: float) -> Array:
                y = np.log1p(horizon / (self.beta + age))
                power = lived * y
                safe = np.where(np.abs(power) < 1e-16, 1.0, power)  # expm1(z)/z is 1 below
                growth = y * np.where(np.abs(power) < 1e-16, 1.0, np.expm1(safe) / safe)
                return np.asarray(alive_rate * growth)

            return within

        return closed

    def survival(self, age: Array, horizon: float) -> Array:
        """((beta + age) / (beta + age + horizon))^s."""
        return np.asarray(np.exp(-self.s * np.log1p(horizon / (self.beta + age))))

    def lifetime(self, age: Array, lost: Array) -> Array:
        """Inverse of 1 - `survival`."""
        return np.asarray((self.beta + age) * np.expm1(-np.log1p(-lost) / self.s))

    def death_times(self, t_x: Array, T: Array) -> list[tuple[Array, Array]]:
        """Return a rule (weight, tau) over the death time of the dead, each (row, draw).

        The density is ~ P(tau)/(beta+tau) on (t_x, T]; Gauss-Legendre in the proxy variable
        w = 1 - ((c+t_x)/(c+tau))^m, c = min(alpha, beta). With m = R + s it would be nearly flat,
        but its tail would hang on the last node; a quarter of that power makes it smooth.
        """
        power, start = (self.shape + self.s) / _PROXY, t_x[:, None]
        low = np.minimum(self.alpha, self.beta) + start
        reach = -np.expm1(-power * np.log1p((T - t_x)[:, None] / low))
        out: list[tuple[Array, Array]] = []
        total = np.zeros_like(reach)
        for node, weight in zip(*legendre(_DEATH_NODES), strict=True):
            log_growth = -np.log1p(-node * reach) / power
            after = low * np.expm1(log_growth)
            log_density = -self.shape * np.log1p(after / (self.alpha + start))
            log_density -= (self.s + 1.0) * np.log1p(after / (self.beta + start))
            share = weight * np.exp(log_density + (power + 1.0) * log_growth)
            total += share
            out.append((share, start + after))
        return [(share / total, tau) for share, tau in out]
