"""Posterior draws as figures: mean and 90% interval."""

from __future__ import annotations

import numpy as np

from churnlab.types import Array

Interval = dict[str, float]


def interval(draws: Array) -> Interval:
    """Return mean, q05 and q95 of all draws."""
    low, high = np.quantile(draws, [0.05, 0.95])
    return {"mean": float(np.mean(draws)), "q05": float(low), "q95": float(high)}


def columns(**draws: Array) -> dict[str, Array]:
    """Return NAME, NAME_q05, NAME_q95 of every array (draw, ...), over its draws."""
    found: dict[str, Array] = {}
    for name, values in draws.items():
        low, high = np.quantile(values, [0.05, 0.95], axis=0)
        found |= {name: values.mean(axis=0), f"{name}_q05": low, f"{name}_q95": high}
    return found
