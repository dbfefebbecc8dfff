"""What every buy-till-you-die model offers: one readable formula each, in NumPy.

Notation (all times in one unit, chosen by the caller): ``x`` repeat purchases, ``t_x`` time of the
last one, ``T`` age at the cutoff, both since the first purchase. ``theta`` has the parameters on
its *first* axis and broadcasts against the data on the others: for draws x customers pass
``theta.T[:, :, None]`` of shape (parameter, draw, 1); results have shape (draw, customer).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class Latent(NamedTuple):
    """Exact draws of what is hidden in a customer, given the population's parameters."""

    rate: Array
    """Purchases per unit of time while alive."""
    dropout: Array
    """Dropout probability per purchase (BG family) or dropout rate per time (Pareto/NBD)."""
    alive: NDArray[np.bool_]
    """Whether the customer is alive at T."""


class Likelihood(ABC):
    """A model of purchases and dropout for one customer, given the population's parameters."""

    name: ClassVar[str]
    parameters: ClassVar[tuple[str, ...]]
    #: Parameters that carry the unit of time: multiply by c when time is multiplied by c.
    time_parameters: ClassVar[tuple[str, ...]]
    #: Erlang shape of the gaps; 1 is exponential.
    k: int = 1

    def __init__(self, k: int = 1) -> None:
        self.k = k

    @property
    @abstractmethod
    def kernel(self) -> Callable[..., Any]:
        """Fused numba kernel: see `churnlab.likelihoods.kernels`."""

    @abstractmethod
    def log_likelihood(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, sum_log_gap: ArrayLike = 0.0
    ) -> Array:
        """Log-likelihood per customer; `sum_log_gap` (sum of log gaps) matters for k > 1 only."""

    @abstractmethod
    def p_alive(self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Array:
        """P(alive at T | data)."""

    @abstractmethod
    def p_no_purchase(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Array:
        """P(no purchase in (T, T + horizon] | data) = L(x, t_x, T + horizon) / L(x, t_x, T)."""

    @abstractmethod
    def expected_purchases(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Array:
        """E[purchases in (T, T + horizon] | data]."""

    @abstractmethod
    def pmf(
        self,
        theta: Array,
        n: ArrayLike,
        x: ArrayLike,
        t_x: ArrayLike,
        T: ArrayLike,
        horizon: ArrayLike,
    ) -> Array:
        """P(exactly n purchases in (T, T + horizon] | data)."""

    @abstractmethod
    def expected_new(self, theta: Array, t: ArrayLike) -> Array:
        """E[repeat purchases in (0, t]] of a customer of whom only the first purchase is known."""

    @abstractmethod
    def pmf_new(self, theta: Array, n: ArrayLike, t: ArrayLike) -> Array:
        """P(exactly n repeat purchases in (0, t]) of a new customer."""

    @abstractmethod
    def sample_latent(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, rng: np.random.Generator
    ) -> Latent:
        """Exact draws of rate, dropout and being alive, one per broadcast element."""

    @abstractmethod
    def simulate(
        self, theta: Array, T: ArrayLike, rng: np.random.Generator
    ) -> tuple[Array, Array, Array]:
        """Simulate (x, t_x, sum_log_gap) for new customers observed for T each."""
