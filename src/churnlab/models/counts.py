"""Laws of the number of purchases to come, one probability after the other."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from churnlab.kernels.special import legendre
from churnlab.types import Array, Ints

#: Draws behind the quantiles of the count (their level moves by about .0025), and behind the mean
#: too with Erlang gaps, whose formulas are slow.
LAW_DRAWS = 64
_DEATH_NODES = 12


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


class LivingUntilDeath:
    """P(X = n | alive), n = 0, 1, ...: negative binomial up to the horizon or to death before.

    shape: Of the rate's Gamma law, (draw,).
    rate: Its rate at the ages, (age, draw).
    survives: P(alive at the end | alive at the age), (age, draw).
    lifetime: Time after the age by which a share of those alive then has died.
    horizon: Time from the age to the end.
    """

    def __init__(
        self,
        shape: Array,
        rate: Array,
        survives: Array,
        lifetime: Callable[[Array], Array],
        horizon: float,
    ) -> None:
        self.shape, self.n = shape, 0
        nodes, weights = legendre(_DEATH_NODES)
        end = lifetime(nodes[:, None, None] * (1.0 - survives))
        end = np.concatenate([end, np.full((1, *survives.shape), horizon)])
        self.share = np.concatenate([weights[:, None, None] * (1.0 - survives), survives[None]])
        growth = end / rate
        self.z = growth / (1.0 + growth)
        self.exact = Recursion(-shape * np.log1p(growth))

    def first(self) -> Array:
        """P(X = 0 | alive), (age, draw)."""
        return np.asarray((self.share * self.exact.value).sum(axis=0))

    def next(self) -> Array:
        """P(X = n | alive) for the next n, (age, draw)."""
        self.n += 1
        exact = self.exact.times(self.z * ((self.shape + self.n - 1.0) / self.n))
        return np.asarray((self.share * exact).sum(axis=0))


class AliveCounts:
    """P(X = n) where gaps are exponential: what the living of an age buy is the same for all.

    alive: P(alive), (row, draw).
    of: The age of each row, into those of `living`.
    living: The law of the living by age.
    """

    def __init__(self, alive: Array, of: Ints, living: Living) -> None:
        self.alive, self.of, self.living = alive, of, living

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
    """P(X = n) by the model's own formula: where there is no short recursion (Erlang gaps).

    pmf: (n, t_x, T) -> P(X = n), (row,).
    t_x, T: (row, 1).
    """

    def __init__(self, pmf: Callable[[int, Array, Array], Array], t_x: Array, T: Array) -> None:
        self.pmf, self.t_x, self.T, self.n = pmf, t_x, T, 0

    def first(self) -> Array:
        """P(X = 0), (row,)."""
        return self.pmf(0, self.t_x, self.T)

    def next(self) -> Array:
        """P(X = n) for the next n, (row,)."""
        self.n += 1
        return self.pmf(self.n, self.t_x, self.T)

    def keep(self, rows: Ints) -> None:
        """Go on with some rows only."""
        self.t_x, self.T = self.t_x[rows], self.T[rows]
