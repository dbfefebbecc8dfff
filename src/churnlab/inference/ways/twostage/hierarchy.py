"""What two-stage inference needs of a target, whatever groups share beside the population."""

from typing import Protocol

from churnlab.inference.targets.density import Density
from churnlab.inference.targets.target import Target
from churnlab.priors import Prior
from churnlab.types import Array


class Hierarchy(Density, Protocol):
    """A posterior in which groups are independent given phi = (rows m, spreads).

    Rows are the four of eta, and further ones that all groups share (effects of covariates). Those
    in `varying` differ by group, Normal(m, spread).

    `inference.groups.GroupTarget` and `inference.covariates.CovariatesInGroups` are such.
    """

    @property
    def varying(self) -> tuple[int, ...]:
        """Rows that differ by group."""

    @property
    def spread_priors(self) -> tuple[Prior, ...]:
        """Priors of their spreads."""

    @property
    def n_rows(self) -> int:
        """Length of m."""

    @property
    def spread_names(self) -> tuple[str, ...]:
        """Names of the spreads."""

    @property
    def row_names(self) -> tuple[str, ...]:
        """Names of the columns of `row_quantities`."""

    @property
    def population(self) -> Target:
        """The target without groups."""

    def start_rows(self) -> Array:
        """Where a search of m starts, (row,)."""

    def log_prior_of_rows(self, m: Array) -> tuple[Array, Array]:
        """Log prior of m (row, draw) and its gradient."""

    def row_quantities(self, m: Array) -> Array:
        """What is reported of m (draw, row), (draw, quantity)."""

    def coordinates_of(self, m: Array, log_spread: Array, eta: Array) -> Array:
        """Coordinates (draw, coordinate) of m, log spreads (draw, row), eta (draw, row, group)."""

    def start(self) -> tuple[Array, Array]:
        """Where sampling starts, and the scale of each coordinate."""


def shared_rows(target: Hierarchy) -> list[int]:
    """Rows that all groups share."""
    return [row for row in range(target.n_rows) if row not in target.varying]
