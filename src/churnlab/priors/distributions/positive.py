"""Densities of what is positive: rates, shapes, scales."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import gammaln

from churnlab.priors.distributions.base import LOG_2PI, Distribution
from churnlab.types import Array


@dataclass(frozen=True)
class Gamma(Distribution):
    """Gamma with shape `alpha` and rate `beta`."""

    alpha: float
    beta: float

    def logpdf(self, x: Array) -> Array:
        """Log density."""
        norm = self.alpha * np.log(self.beta) - gammaln(self.alpha)
        values: Array = norm + (self.alpha - 1) * np.log(x) - self.beta * x
        return values

    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""
        return (self.alpha - 1) / x - self.beta

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws."""
        return rng.gamma(self.alpha, 1 / self.beta, n)


@dataclass(frozen=True)
class InverseGamma(Distribution):
    """Inverse Gamma with shape `alpha` and scale `beta`."""

    alpha: float
    beta: float

    def logpdf(self, x: Array) -> Array:
        """Log density."""
        norm = self.alpha * np.log(self.beta) - gammaln(self.alpha)
        values: Array = norm - (self.alpha + 1) * np.log(x) - self.beta / x
        return values

    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""
        return -(self.alpha + 1) / x + self.beta / x**2

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws."""
        return self.beta / rng.gamma(self.alpha, 1.0, n)


@dataclass(frozen=True)
class LogNormal(Distribution):
    """Log-normal: log x ~ Normal(mu, sigma)."""

    mu: float
    sigma: float
    free: ClassVar[tuple[str, ...]] = ("mu",)

    def logpdf(self, x: Array) -> Array:
        """Log density."""
        log_x = np.log(x)
        z = (log_x - self.mu) / self.sigma
        values: Array = -0.5 * z**2 - 0.5 * LOG_2PI - np.log(self.sigma) - log_x
        return values

    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""
        return -((np.log(x) - self.mu) / self.sigma**2 + 1) / x

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws."""
        return rng.lognormal(self.mu, self.sigma, n)


@dataclass(frozen=True)
class HalfNormal(Distribution):
    """Half-normal with scale `sigma`."""

    sigma: float

    def logpdf(self, x: Array) -> Array:
        """Log density."""
        norm = np.log(2.0) - 0.5 * LOG_2PI - np.log(self.sigma)
        values: Array = norm - 0.5 * (x / self.sigma) ** 2
        return values

    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""
        return -x / self.sigma**2

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws."""
        return np.abs(rng.normal(0.0, self.sigma, n))


@dataclass(frozen=True)
class Exponential(Distribution):
    """Exponential with rate `lam`."""

    lam: float

    def logpdf(self, x: Array) -> Array:
        """Log density."""
        values: Array = np.log(self.lam) - self.lam * x
        return values

    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""
        return np.full_like(np.asarray(x, float), -self.lam)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws."""
        return rng.exponential(1 / self.lam, n)


@dataclass(frozen=True)
class HalfStudentT(Distribution):
    """Half-t with `nu` degrees of freedom and scale `sigma`."""

    nu: float
    sigma: float

    def logpdf(self, x: Array) -> Array:
        """Log density."""
        nu = self.nu
        norm = (
            np.log(2.0)
            + gammaln((nu + 1) / 2)
            - gammaln(nu / 2)
            - 0.5 * np.log(nu * np.pi)
            - np.log(self.sigma)
        )
        values: Array = norm - (nu + 1) / 2 * np.log1p((x / self.sigma) ** 2 / nu)
        return values

    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""
        return -(self.nu + 1) * x / (self.nu * self.sigma**2 + x**2)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws."""
        return np.abs(self.sigma * rng.standard_t(self.nu, n))


@dataclass(frozen=True)
class HalfCauchy(Distribution):
    """Half-Cauchy with scale `beta`."""

    beta: float

    def logpdf(self, x: Array) -> Array:
        """Log density."""
        values: Array = np.log(2 / (np.pi * self.beta)) - np.log1p((x / self.beta) ** 2)
        return values

    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""
        return -2 * x / (self.beta**2 + x**2)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws."""
        return np.abs(self.beta * rng.standard_cauchy(n))


@dataclass(frozen=True)
class Weibull(Distribution):
    """Weibull with shape `alpha` and scale `beta`."""

    alpha: float
    beta: float

    def logpdf(self, x: Array) -> Array:
        """Log density."""
        log_z = np.log(x / self.beta)
        values: Array = (
            np.log(self.alpha / self.beta) + (self.alpha - 1) * log_z - np.exp(self.alpha * log_z)
        )
        return values

    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""
        return (self.alpha - 1 - self.alpha * (x / self.beta) ** self.alpha) / x

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws."""
        return self.beta * rng.weibull(self.alpha, n)
