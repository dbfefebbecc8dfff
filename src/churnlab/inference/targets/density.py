"""A log posterior as `mode`, `proposal` and `laplace` need it, whatever the model; its maximum."""

from dataclasses import dataclass
from typing import Protocol

from churnlab.types import Array


class Density(Protocol):
    """A smooth log density on unconstrained coordinates, with a cheap exact gradient.

    `inference.target.Target` (purchases) and `inference.spend.SpendTarget` (amounts) are such.
    """

    @property
    def n_cells(self) -> int:
        """Rows that one evaluation passes over."""

    @property
    def n_customers(self) -> float:
        """Customers; the scale of the log density."""

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the columns of `quantities`."""

    def value_and_gradient(self, u: Array) -> tuple[float, Array]:
        """Log density and its gradient at one point; (-inf, 0) where it does not exist."""

    def values(self, u: Array) -> Array:
        """Log density of many points, (draw, coordinate) -> (draw,)."""

    def quantities(self, u: Array) -> Array:
        """Everything that is reported and diagnosed, (draw, coordinate) -> (draw, quantity)."""


@dataclass(frozen=True)
class Mode:
    """A maximum of the target."""

    u: Array
    value: float
    hessian: Array
    """Second derivatives of the log density at `u` (negative definite at a proper maximum)."""
    proper: bool
    """Whether the gradient vanishes inside the bounds and the curvature is negative definite."""
    at_bound: tuple[int, ...]
    """Coordinates that ran to the bound."""
    n_modes: int
    """Distinct maxima met from different starts."""
