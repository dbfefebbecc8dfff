"""Priors as text, and the unit-free parametrisation they live on."""

from churnlab.priors.distributions import FAMILIES, Distribution
from churnlab.priors.parametrisation import (
    QUANTITIES,
    Parametrisation,
    Quantity,
    model_priors,
    parametrisation,
    stated_priors,
)
from churnlab.priors.parse import Prior, parse
from churnlab.priors.spend import SPEND_QUANTITIES

__all__ = [
    "FAMILIES",
    "QUANTITIES",
    "SPEND_QUANTITIES",
    "Distribution",
    "Parametrisation",
    "Prior",
    "Quantity",
    "model_priors",
    "parametrisation",
    "parse",
    "stated_priors",
]
