"""Purchases to come where dropout is tossed after them; exponential gaps."""

import numpy as np

from churnlab.models.counts import Recursion
from churnlab.types import Array


class GeometricLiving:
    """P(X = n | alive), n = 0, 1, ..., with a dropout toss after each purchase; k = 1.

    Alive to the end, or dropped out at the n-th: B(a, b*+n)/B(a, b*) P(N = n) + B(a+1, b*+n-1)
    /B(a, b*) P(N >= n), N negative binomial.

    shape, a, b: Of the rate's and the dropout's laws, (draw,).
    growth: horizon / (alpha + age), (age, draw).
    """

    def __init__(self, shape: Array, a: Array, b: Array, growth: Array) -> None:
        self.shape, self.a, self.b = shape, a, b
        self.z = growth / (1.0 + growth)
        self.exact = Recursion(-shape * np.log1p(growth))
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
