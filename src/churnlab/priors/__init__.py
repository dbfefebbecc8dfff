"""Priors as text, and the unit-free parametrisation they live on."""

from churnlab.priors.distributions import FAMILIES, Distribution
from churnlab.priors.parametrisation import (
    QUANTITIES,
    Parametrisation,
    Quantity,
    model_priors,
    parametrisation,
)
from churnlab.priors.parse import Prior, parse

__all__ = [
    "FAMILIES",
    "QUANTITIES",
    "Distribution",
    "Parametrisation",
    "Prior",
    "Quantity",
    "model_priors",
    "parametrisation",
    "parse",
]
