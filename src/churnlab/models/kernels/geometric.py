"""Kernels of BG/NBD, MBG/NBD and their Erlang-k kin."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from churnlab.models.kernels import compiled


@lru_cache(maxsize=32)
def kernel_for(toss_at_first: bool, k: int) -> Callable[..., Any]:
    """Return kernel(theta, group, x, t_x, T, weight) -> (value, gradient) of one model."""

    def kernel(theta: Any, group: Any, x: Any, t_x: Any, T: Any, weight: Any) -> Any:
        first = int(toss_at_first)
        totals, gradient = compiled.geometric_gradient(theta, group, x, t_x, T, weight, k, first)
        return float(totals.sum()), gradient

    return kernel
