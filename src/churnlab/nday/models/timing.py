"""When those who convert at all do so: distribution functions with a shape and a scale in days."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, ndtr

Array = NDArray[np.float64]


def weibull(t: Array, shape: float, scale: float) -> Array:
    """F(t) = 1 - exp(-(t / scale)^shape)."""
    return -np.expm1(-((t / scale) ** shape))


def log_normal(t: Array, shape: float, scale: float) -> Array:
    """F(t) = Phi(shape log(t / scale)): scale is the median, 1 / shape the sd of log t."""
    with np.errstate(divide="ignore"):
        return ndtr(shape * np.log(t / scale))


def gamma(t: Array, shape: float, scale: float) -> Array:
    """F(t) = regularised lower incomplete gamma function of (shape, t / scale)."""
    return gammainc(shape, t / scale)


TIMINGS: dict[str, Callable[[Array, float, float], Array]] = {
    "weibull": weibull,
    "log_normal": log_normal,
    "gamma": gamma,
}
