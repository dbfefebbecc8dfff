"""Priors as text, and the unit-free quantities they live on."""

from churnlab.priors.parse import Prior, parse
from churnlab.priors.quantities import Coordinates, stated_priors
from churnlab.priors.spend import SPEND_QUANTITIES

__all__ = ["SPEND_QUANTITIES", "Coordinates", "Prior", "parse", "stated_priors"]
