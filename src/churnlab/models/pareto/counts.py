"""Purchases to come until a death at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from churnlab.kernels.special import legendre
from churnlab.models.counts import Recursion
from churnlab.models.silence import DoomProcess, Mean
from churnlab.types import Array

if TYPE_CHECKING:
    from churnlab.models.pareto.silence import ParetoProcess

_DEATH_NODES = 12


def closed_mean_purchases(process: ParetoProcess) -> Mean:
    """Expectation in closed form; see `ParetoNbd.expected_purchases`."""
    lived = 1.0 - process.s

    def closed(t_x: Array, T: Array, horizon: float) -> Array:
        age = T[:, None]
        y = np.log1p(horizon / (process.beta + age))
        power = lived * y
        safe = np.where(np.abs(power) < 1e-16, 1.0, power)  # expm1(z)/z is 1 below
        growth = y * np.where(np.abs(power) < 1e-16, 1.0, np.expm1(safe) / safe)
        rate = process.shape * (process.beta + age) / (process.alpha + age)
        return np.asarray(process.alive(t_x, T) * rate * growth)

    return closed


class ParetoLiving:
    """P(X = n | alive), n = 0, 1, ...: negative binomial up to the horizon or to death before."""

    def __init__(self, process: DoomProcess, ages: Array, horizon: float) -> None:
        self.shape, self.n = process.shape, 0
        age = ages[:, None]
        survives = process.survival(age, horizon)
        nodes, weights = legendre(_DEATH_NODES)
        lost = nodes[:, None, None] * (1.0 - survives)
        end = process.lifetime(age, lost)
        end = np.concatenate([end, np.full((1, *survives.shape), horizon)])
        self.share = np.concatenate([weights[:, None, None] * (1.0 - survives), survives[None]])
        growth = end / (process.alpha + age)
        self.z = growth / (1.0 + growth)
        self.exact = Recursion(-process.shape * np.log1p(growth))

    def first(self) -> Array:
        """P(X = 0 | alive), (age, draw)."""
        return np.asarray((self.share * self.exact.value).sum(axis=0))

    def next(self) -> Array:
        """P(X = n | alive) for the next n, (age, draw)."""
        self.n += 1
        exact = self.exact.times(self.z * ((self.shape + self.n - 1.0) / self.n))
        return np.asarray((self.share * exact).sum(axis=0))
