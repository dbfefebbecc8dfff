"""Prior densities in plain numbers: log density, its derivative and draws, without PyMC.

Parametrised and named as in PyMC; the same text builds the PyMC distribution (`churnlab.models`).
Every density is normalised, because the evidence for k compares marginal likelihoods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, expit, gammaln, log_ndtr, logit, ndtr, ndtri

Array = NDArray[np.float64]

_LOG_2PI = float(np.log(2 * np.pi))


class Distribution(ABC):
    """A univariate density on its `support`; fields are PyMC's parameters, in PyMC's order."""

    #: "positive" (0, inf), "unit" (0, 1) or "real".
    support: ClassVar[str] = "positive"
    #: Parameters that need not be positive.
    free: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def logpdf(self, x: Array) -> Array:
        """Log density inside the support."""

    @abstractmethod
    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Return `n` draws."""

    def arguments(self) -> dict[str, float]:
        """Parameters as keywords of the PyMC distribution of the same name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]


@dataclass(frozen=True)
class Gamma(Distribution):
    """Gamma with shape `alpha` and rate `beta`."""

    alpha: float
    beta: float

    def logpdf(self, x: Array) -> Array:
        """Log density."""
        norm = self.alpha * np.log(self.beta) - gammaln(self.alpha)
        return norm + (self.alpha - 1) * np.log(x) - self.beta * x

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
        return norm - (self.alpha + 1) * np.log(x) - self.beta / x

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
        return -0.5 * z**2 - 0.5 * _LOG_2PI - np.log(self.sigma) - log_x

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
        norm = np.log(2.0) - 0.5 * _LOG_2PI - np.log(self.sigma)
        return norm - 0.5 * (x / self.sigma) ** 2

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
        return np.log(self.lam) - self.lam * x

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
        return norm - (nu + 1) / 2 * np.log1p((x / self.sigma) ** 2 / nu)

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
        return np.log(2 / (np.pi * self.beta)) - np.log1p((x / self.beta) ** 2)

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
        return (
            np.log(self.alpha / self.beta) + (self.alpha - 1) * log_z - np.exp(self.alpha * log_z)
        )

    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""
        return (self.alpha - 1 - self.alpha * (x / self.beta) ** self.alpha) / x

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws."""
        return self.beta * rng.weibull(self.alpha, n)


@dataclass(frozen=True)
class Beta(Distribution):
    """Beta with shapes `alpha` and `beta`."""

    alpha: float
    beta: float
    support: ClassVar[str] = "unit"

    def logpdf(self, x: Array) -> Array:
        """Log density."""
        norm = -betaln(self.alpha, self.beta)
        return norm + (self.alpha - 1) * np.log(x) + (self.beta - 1) * np.log1p(-x)

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
        return -0.5 * z**2 - 0.5 * _LOG_2PI - np.log(self.sigma) - np.log(x) - np.log1p(-x)

    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""
        slope = -(logit(x) - self.mu) / self.sigma**2
        return (slope - (1 - 2 * x)) / (x * (1 - x))

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws."""
        return expit(rng.normal(self.mu, self.sigma, n))


@dataclass(frozen=True)
class Normal(Distribution):
    """Normal with mean `mu` and standard deviation `sigma`."""

    mu: float
    sigma: float
    support: ClassVar[str] = "real"
    free: ClassVar[tuple[str, ...]] = ("mu",)

    def logpdf(self, x: Array) -> Array:
        """Log density."""
        return -0.5 * ((x - self.mu) / self.sigma) ** 2 - 0.5 * _LOG_2PI - np.log(self.sigma)

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
        return half.logpdf(np.abs(np.asarray(x) - self.mu)) - np.log(2.0)

    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""
        z = np.asarray(x) - self.mu
        return -(self.nu + 1) * z / (self.nu * self.sigma**2 + z**2)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws."""
        return self.mu + self.sigma * rng.standard_t(self.nu, n)


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
        return self.mu + self.sigma * ndtri(rng.uniform(low, 1.0, n))


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


FAMILIES: dict[str, type[Distribution]] = {
    cls.__name__: cls
    for cls in (
        Gamma,
        InverseGamma,
        LogNormal,
        HalfNormal,
        Exponential,
        HalfStudentT,
        HalfCauchy,
        Weibull,
        Beta,
        LogitNormal,
        Normal,
        StudentT,
        TruncatedNormal,
        Uniform,
    )
}
