"""Laws of the number of purchases to come, one probability after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from churnlab.types import Array, Ints

if TYPE_CHECKING:
    from churnlab.models.silence import Process


#: Draws behind the quantiles of the count (their level moves by about .0025), and behind the mean
#: too with Erlang gaps, whose formulas are slow.
LAW_DRAWS = 64


class CountLaw(Protocol):
    """P(X = n), n = 0, 1, ..., averaged over draws, for some rows."""

    def first(self) -> Array:
        """P(X = 0), (row,)."""

    def next(self) -> Array:
        """P(X = n) for the next n, (row,)."""

    def keep(self, rows: Ints) -> None:
        """Go on with some rows only."""


class Recursion:
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


class Living(Protocol):
    """P(X = n | alive), n = 0, 1, ..., for some ages, (age, draw)."""

    def first(self) -> Array:
        """P(X = 0 | alive)."""

    def next(self) -> Array:
        """P(X = n | alive) for the next n."""


class AliveCounts:
    """P(X = n) where gaps are exponential: what the living of an age buy is the same for all.

    Parameters
    ----------
    living
        Makes the law of the living of ages (age,).
    """

    def __init__(
        self, process: Process, t_x: Array, T: Array, living: Callable[[Array], Living]
    ) -> None:
        ages, self.of = np.unique(T, return_inverse=True)
        self.alive, self.living = process.alive(t_x, T), living(ages)

    def first(self) -> Array:
        """P(X = 0), (row,)."""
        quiet = self.alive * self.living.first()[self.of]
        return np.asarray((1.0 - self.alive + quiet).mean(axis=1))

    def next(self) -> Array:
        """P(X = n) for the next n, (row,)."""
        return np.asarray((self.alive * self.living.next()[self.of]).mean(axis=1))

    def keep(self, rows: Ints) -> None:
        """Go on with some rows only."""
        self.alive, self.of = self.alive[rows], self.of[rows]


class FormulaCounts:
    """P(X = n) by the model's own formula: where there is no short recursion (Erlang gaps)."""

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
