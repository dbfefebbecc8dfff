"""Posterior draws as figures: mean and 90% interval."""

from typing import Any

import numpy as np

from churnlab.types import Array

Interval = dict[str, float]


def around(draws: Array, axis: int | None = None, mean: Any = None) -> tuple[Any, Any, Any]:
    """Return mean, 5% and 95% quantile; the interval reaches to the mean where that lies outside.

    It does where draws are nearly all 0 or all 1: a day without a conversion, a flat span.

    draws: Draws along `axis` (default: all of it).
    mean: The expectation where it is known better than by the draws' mean.
    """
    mean = np.mean(draws, axis=axis) if mean is None else mean
    low, high = np.quantile(draws, [0.05, 0.95], axis=axis)
    return mean, np.minimum(low, mean), np.maximum(high, mean)


def interval(draws: Array) -> Interval:
    """Return mean, q05 and q95 of all draws."""
    return dict(zip(("mean", "q05", "q95"), map(float, around(draws)), strict=True))


def columns(**draws: Array) -> dict[str, Array]:
    """Return NAME, NAME_q05, NAME_q95 of every array (draw, ...), over its draws."""
    found: dict[str, Array] = {}
    for name, values in draws.items():
        names = (name, f"{name}_q05", f"{name}_q95")
        found |= dict(zip(names, around(values, axis=0), strict=True))
    return found
