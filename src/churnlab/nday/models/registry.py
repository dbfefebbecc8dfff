"""Conversion models by name: a new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from churnlab.errors import UsageError, nearest
from churnlab.nday.models.base import CohortData, ConversionLikelihood
from churnlab.nday.models.cure import MixtureCure
from churnlab.nday.models.hazard import PiecewiseHazard

CONVERSION_MODELS: dict[str, Callable[[CohortData], ConversionLikelihood]] = {
    "piecewise_hazard": PiecewiseHazard,
    "cure_weibull": partial(MixtureCure, timing="weibull"),
    "cure_log_normal": partial(MixtureCure, timing="log_normal"),
    "cure_gamma": partial(MixtureCure, timing="gamma"),
}


def build(name: str, data: CohortData) -> ConversionLikelihood:
    """Return the named model bound to the data.

    Raises
    ------
    UsageError
        The name is unknown.
    """
    if name not in CONVERSION_MODELS:
        raise UsageError(
            f"unknown conversion model {name!r}; expected one of "
            f"{', '.join(CONVERSION_MODELS)}.{nearest(name, CONVERSION_MODELS)}"
        )
    return CONVERSION_MODELS[name](data)
