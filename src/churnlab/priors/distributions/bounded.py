"""Densities of shares and of what lies between bounds."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import betaln, expit, log_ndtr, logit, ndtr, ndtri

from churnlab.priors.distributions.base import LOG_2PI, Distribution
from churnlab.priors.distributions.real import Normal
from churnlab.types import Array


@dataclass(frozen=True)
class Beta(Distribution):
    """Beta with shapes `alpha` and `beta`."""

    alpha: float
    beta: float
    support: ClassVar[str] = "unit"

    def logpdf(self, x: Array) -> Array:
        """Log density."""
        norm = -betaln(self.alpha, self.beta)
        values: Array = norm + (self.alpha - 1) * np.log(x) + (self.beta - 1) * np.log1p(-x)
        return values

    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""
        return (self.alpha - 1) / x - (self.beta - 1) / (1 - x)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws."""
        return rng.beta(self.alpha, self.beta, n)


@dataclass(frozen=True)
class LogitNormal(Distribution):
    """Logit-normal: logit x ~ Normal(mu, sigma)."""

    mu: float
    sigma: float
    support: ClassVar[str] = "unit"
    free: ClassVar[tuple[str, ...]] = ("mu",)

    def logpdf(self, x: Array) -> Array:
        """Log density."""
        z = (logit(x) - self.mu) / self.sigma
        values: Array = -0.5 * z**2 - 0.5 * LOG_2PI - np.log(self.sigma) - np.log(x) - np.log1p(-x)
        return values

    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""
        slope = -(logit(x) - self.mu) / self.sigma**2
        values: Array = (slope - (1 - 2 * x)) / (x * (1 - x))
        return values

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws."""
        values: Array = expit(rng.normal(self.mu, self.sigma, n))
        return values


@dataclass(frozen=True)
class TruncatedNormal(Distribution):
    """Normal(mu, sigma) cut to x > 0: PyMC's TruncatedNormal with lower=0."""

    mu: float
    sigma: float
    lower: float = 0.0
    free: ClassVar[tuple[str, ...]] = ("mu", "lower")

    def logpdf(self, x: Array) -> Array:
        """Log density."""
        x = np.asarray(x, float)
        tail = log_ndtr((self.mu - self.lower) / self.sigma)
        inside = Normal(self.mu, self.sigma).logpdf(x) - tail
        return np.where(x >= self.lower, inside, -np.inf)

    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""
        return -(x - self.mu) / self.sigma**2

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws."""
        low = ndtr((self.lower - self.mu) / self.sigma)
        values: Array = self.mu + self.sigma * ndtri(rng.uniform(low, 1.0, n))
        return values


@dataclass(frozen=True)
class Uniform(Distribution):
    """Uniform between `lower` and `upper`, both at least 0."""

    lower: float
    upper: float
    free: ClassVar[tuple[str, ...]] = ("lower",)

    def logpdf(self, x: Array) -> Array:
        """Log density."""
        inside = (x >= self.lower) & (x <= self.upper)
        return np.where(inside, -np.log(self.upper - self.lower), -np.inf)

    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""
        return np.zeros_like(np.asarray(x, float))

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws."""
        return rng.uniform(self.lower, self.upper, n)
