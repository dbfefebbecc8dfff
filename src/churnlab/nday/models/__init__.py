"""Discrete-time likelihoods of conversion after signup, with a random level per cohort."""

from churnlab.nday.models.base import CohortData, ConversionLikelihood
from churnlab.nday.models.cure import MixtureCure
from churnlab.nday.models.hazard import PiecewiseHazard
from churnlab.nday.models.registry import CONVERSION_MODELS, build

__all__ = [
    "CONVERSION_MODELS",
    "CohortData",
    "ConversionLikelihood",
    "MixtureCure",
    "PiecewiseHazard",
    "build",
]
