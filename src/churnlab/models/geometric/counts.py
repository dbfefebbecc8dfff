"""Purchases to come where dropout is tossed after them; exponential gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from churnlab.kernels.special import beta_rule
from churnlab.models.counts import Recursion
from churnlab.models.silence import Mean
from churnlab.types import Array

if TYPE_CHECKING:
    from churnlab.models.geometric.silence import GeometricProcess

_P_NODES = 16


def gauss_mean_purchases(process: GeometricProcess) -> Mean:
    """Expectation by Gauss' rule over p; see `GeometricDropout.expected_purchases`.

    What a living customer buys depends on the age, not on the last purchase: rows of one age share
    it.
    """
    a, b = process.theta[2], process.theta[3] + process.x
    b = b + process.likelihood.toss_at_first
    nodes, weights = beta_rule(a, b, _P_NODES)  # the eigenproblems are the cost

    def gauss(t_x: Array, T: Array, horizon: float) -> Array:
        ages, of = np.unique(T, return_inverse=True)
        growth = horizon / (process.alpha + ages[:, None])
        total = np.zeros_like(growth)
        for p, w in zip(nodes.T, weights.T, strict=True):
            total -= w / p * np.expm1(-process.shape * np.log1p(p * growth))
        return np.asarray(process.alive(t_x, T) * total[of])

    return gauss


class GeometricLiving:
    """P(X = n | alive), n = 0, 1, ..., with a dropout toss after each purchase; k = 1.

    Alive to the end, or dropped out at the n-th: B(a, b*+n)/B(a, b*) P(N = n) + B(a+1, b*+n-1)
    /B(a, b*) P(N >= n), N negative binomial.
    """

    def __init__(self, process: GeometricProcess, ages: Array, horizon: float) -> None:
        self.shape, self.a = process.shape, process.theta[2]
        self.b = process.theta[3] + process.x + process.likelihood.toss_at_first
        growth = horizon / (process.alpha + ages[:, None])
        self.z = growth / (1.0 + growth)
        self.exact = Recursion(-process.shape * np.log1p(growth))
        self.beyond = 1.0 - self.exact.value
        self.stays, self.n = np.ones_like(self.a), 0

    def first(self) -> Array:
        """P(X = 0 | alive), (age, draw)."""
        return self.exact.value

    def next(self) -> Array:
        """P(X = n | alive) for the next n, (age, draw)."""
        self.n += 1
        n = self.n
        exact = self.exact.times(self.z * ((self.shape + n - 1.0) / n))
        drops = self.stays * (self.a / (self.a + self.b + n - 1.0))
        self.stays = self.stays * ((self.b + n - 1.0) / (self.a + self.b + n - 1.0))
        mass: Array = self.stays * exact + drops * np.maximum(self.beyond, 0.0)
        self.beyond = self.beyond - exact
        return mass
