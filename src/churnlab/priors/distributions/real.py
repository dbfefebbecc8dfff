"""Densities of what may have either sign."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from churnlab.priors.distributions.base import LOG_2PI, Distribution
from churnlab.priors.distributions.positive import HalfStudentT
from churnlab.types import Array


@dataclass(frozen=True)
class Normal(Distribution):
    """Normal with mean `mu` and standard deviation `sigma`."""

    mu: float
    sigma: float
    support: ClassVar[str] = "real"
    free: ClassVar[tuple[str, ...]] = ("mu",)

    def logpdf(self, x: Array) -> Array:
        """Log density."""
        values: Array = (
            -0.5 * ((x - self.mu) / self.sigma) ** 2 - 0.5 * LOG_2PI - np.log(self.sigma)
        )
        return values

    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""
        return -(x - self.mu) / self.sigma**2

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws."""
        return rng.normal(self.mu, self.sigma, n)


@dataclass(frozen=True)
class StudentT(Distribution):
    """Student's t with `nu` degrees of freedom, location `mu` and scale `sigma`."""

    nu: float
    mu: float
    sigma: float
    support: ClassVar[str] = "real"
    free: ClassVar[tuple[str, ...]] = ("mu",)

    def logpdf(self, x: Array) -> Array:
        """Log density."""
        half = HalfStudentT(self.nu, self.sigma)
        values: Array = half.logpdf(np.abs(np.asarray(x) - self.mu)) - np.log(2.0)
        return values

    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""
        z = np.asarray(x) - self.mu
        return -(self.nu + 1) * z / (self.nu * self.sigma**2 + z**2)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws."""
        return self.mu + self.sigma * rng.standard_t(self.nu, n)
