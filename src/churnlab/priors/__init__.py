"""Priors as text, and the unit-free quantities they live on."""

from churnlab.priors.distributions import FAMILIES, Distribution
from churnlab.priors.parse import Prior, parse
from churnlab.priors.quantities import Coordinates, Quantity, stated_priors
from churnlab.priors.spend import SPEND_QUANTITIES

__all__ = [
    "FAMILIES",
    "SPEND_QUANTITIES",
    "Coordinates",
    "Distribution",
    "Prior",
    "Quantity",
    "parse",
    "stated_priors",
]
