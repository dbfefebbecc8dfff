"""Discrete-time likelihoods of conversion after signup, with a random level per cohort."""

from churnlab.likelihoods.conversion.base import CohortData, ConversionLikelihood
from churnlab.likelihoods.conversion.cure import MixtureCure
from churnlab.likelihoods.conversion.hazard import PiecewiseHazard
from churnlab.likelihoods.conversion.registry import CONVERSION_MODELS, build

__all__ = [
    "CONVERSION_MODELS",
    "CohortData",
    "ConversionLikelihood",
    "MixtureCure",
    "PiecewiseHazard",
    "build",
]
