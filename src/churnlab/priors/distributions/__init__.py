"""Prior densities in plain numbers: log density, its derivative and draws, without PyMC.

Parametrised and named as in PyMC; the same text builds the PyMC distribution (`churnlab.models`).
Every density is normalised, because the evidence for k compares marginal likelihoods.
"""

from churnlab.priors.distributions.base import Distribution
from churnlab.priors.distributions.bounded import Beta, LogitNormal, TruncatedNormal, Uniform
from churnlab.priors.distributions.positive import (
    Exponential,
    Gamma,
    HalfCauchy,
    HalfNormal,
    HalfStudentT,
    InverseGamma,
    LogNormal,
    Weibull,
)
from churnlab.priors.distributions.real import Normal, StudentT

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

__all__ = ["FAMILIES", "Distribution"]
