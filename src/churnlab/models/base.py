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


#: A next purchase later than this many times (alpha + T) counts as never.
NEVER = 1e6
#: Halvings of ln h: from e^48 down to a relative error of 1e-14.
BISECTIONS = 53


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
        """kernel(theta (P, G), group, x, t_x, T, weight) -> (value, gradient (P, G)), compiled.

        Weighted log-likelihood without the Erlang data constant; see `churnlab.models.kernels`
        for many evaluations over the same cells.
        """

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

    def expected_new(self, theta: Array, t: ArrayLike) -> Array:
        """E[repeat purchases in (0, t]] of a new customer: the conditional one at x = T = 0."""
        return self.expected_purchases(theta, 0.0, 0.0, 0.0, t)

    def pmf_new(self, theta: Array, n: ArrayLike, t: ArrayLike) -> Array:
        """P(exactly n repeat purchases in (0, t]) of a new customer."""
        return self.pmf(theta, n, 0.0, 0.0, 0.0, t)

    def p_alive_later(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, delay: ArrayLike
    ) -> Array:
        """P(alive at T + delay | data to T, and no purchase until then) = p_alive at T + delay."""
        return self.p_alive(theta, x, t_x, np.asarray(T, float) + delay)

    def expected_between(
        self,
        theta: Array,
        x: ArrayLike,
        t_x: ArrayLike,
        T: ArrayLike,
        start: ArrayLike,
        end: ArrayLike,
    ) -> Array:
        """E[purchases in (T + start, T + end] | data to T]."""
        until_end = self.expected_purchases(theta, x, t_x, T, end)
        return until_end - self.expected_purchases(theta, x, t_x, T, start)

    def next_purchase_quantile(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, q: ArrayLike
    ) -> Array:
        """Return h with P(a purchase in (T, T + h] | data) = q, per element.

        Solved by bisection in ln h. Infinite where the customer is too likely never to buy again,
        that is where the probability is below q even for h = `NEVER` times (alpha + T).
        """
        silent = 1.0 - np.asarray(q, float)
        scale = theta[1] + np.asarray(T, float)
        shape = np.broadcast_shapes(np.shape(self.p_alive(theta, x, t_x, T)), np.shape(silent))
        low, high = np.full(shape, np.log(1e-15)), np.full(shape, np.log(NEVER))
        finite = self.p_no_purchase(theta, x, t_x, T, scale * NEVER) <= silent
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            late = self.p_no_purchase(theta, x, t_x, T, scale * np.exp(middle)) <= silent
            low, high = np.where(late, low, middle), np.where(late, middle, high)
        return np.where(finite, scale * np.exp(high), np.inf)

    @abstractmethod
    def sample_latent(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, rng: np.random.Generator
    ) -> Latent:
        """Exact draws of rate, dropout and being alive, one per broadcast element."""

    @abstractmethod
    def sample_alive(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, rng: np.random.Generator
    ) -> Latent:
        """Exact draws of rate and dropout of customers known to be alive at T."""

    @abstractmethod
    def simulate(
        self, theta: Array, T: ArrayLike, rng: np.random.Generator
    ) -> tuple[Array, Array, Array]:
        """Simulate (x, t_x, sum_log_gap) for new customers observed for T each."""
