"""The formulas that every buy-till-you-die model offers, in NumPy.

Notation (all times in one unit, chosen by the caller): ``x`` repeat purchases, ``t_x`` time of the
last one, ``T`` age at the cutoff, both since the first purchase. ``theta`` has the parameters on
its *first* axis and broadcasts against the data on the others: for draws x customers pass
``theta.T[:, :, None]`` of shape (parameter, draw, 1); results have shape (draw, customer).
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from numpy.typing import ArrayLike

from churnlab.errors import UsageError
from churnlab.types import Array

#: Largest Erlang shape: the edges are tested up to it (factorials overflow at 171).
LARGEST_K = 50


class Formulas(ABC):
    """What is known of a customer, given the population's parameters."""

    name: ClassVar[str]
    #: Whether gaps may be Erlang-k, and the k to take where nothing says otherwise.
    regular: ClassVar[bool] = False
    default_k: ClassVar[int] = 1
    #: Erlang shape of the gaps; 1 is exponential.
    k: int = 1

    def __init__(self, k: int | None = None) -> None:
        k = self.default_k if k is None else k
        if not isinstance(k, int) or isinstance(k, bool) or not 1 <= k <= LARGEST_K:
            raise UsageError(f"k must be a whole number from 1 to {LARGEST_K}; got {k!r}.")
        if k > 1 and not self.regular:
            raise UsageError(
                f"Model {self.name!r} has exponential gaps (k = 1); got k = {k}. "
                f"For Erlang-k gaps choose bg_cnbd_k or mbg_cnbd_k."
            )
        self.k = k

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
