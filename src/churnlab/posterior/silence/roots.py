"""Roots of many increasing functions at once: gallop to a bracket, then Illinois steps."""

from collections.abc import Callable

import numpy as np

from churnlab.types import Array, Ints

#: (arguments, positions) -> values; each position has its own increasing function.
Functions = Callable[[Array, Ints], Array]


def solve(
    value: Functions,
    start: Array,
    low: Array,
    high: Array,
    *,
    step: float = 0.5,
    x_tolerance: float = 1e-5,
    f_tolerance: float = 1e-7,
) -> Array:
    """Return y in [low, high] with value(y) = 0, element by element.

    value: Called with arguments and the positions that they belong to; increasing in each argument.
    start: First guesses, (row,).
    low, high: Limits; the answer is a limit where the function has no root between them.
    step: First step of the gallop.
    x_tolerance, f_tolerance: An element is done when its bracket, or its value, is this small.

    Regula falsi with the Illinois weight (Dowell and Jarratt, 1971): an end that stays twice has
    its value halved, which gives order 1.44 without ever leaving the bracket. Each element's
    steps depend on that element only.
    """
    probe = np.clip(start, low, high)
    left, right, f_left, f_right = _gallop(value, probe, low, high, step)
    side = np.zeros(len(probe), np.int8)
    inside = (f_left < 0) & (f_right > 0)
    out = np.where(f_right <= 0, right, left)
    active = np.flatnonzero(inside & (right - left > x_tolerance))
    out[inside] = (left + right)[inside] / 2
    for _ in range(100):
        if not active.size:
            break
        share = f_left[active] / (f_left[active] - f_right[active])
        y = left[active] + np.clip(share, 0.01, 0.99) * (right[active] - left[active])
        f = value(y, active)
        out[active] = y
        _shrink(f, y, active, left, right, f_left, f_right, side)
        small = np.abs(f) <= f_tolerance
        active = active[~small & (right[active] - left[active] > x_tolerance)]
    return out


def _shrink(
    f: Array,
    y: Array,
    active: Ints,
    left: Array,
    right: Array,
    f_left: Array,
    f_right: Array,
    side: np.ndarray,
) -> None:
    """Replace the end on which each new value lies; halve an end that has stayed twice."""
    below = f < 0
    lower, upper = active[below], active[~below]
    f_right[lower[side[lower] == -1]] *= 0.5
    f_left[upper[side[upper] == 1]] *= 0.5
    left[lower], f_left[lower], side[lower] = y[below], f[below], -1
    right[upper], f_right[upper], side[upper] = y[~below], f[~below], 1


def _gallop(
    value: Functions, start: Array, low: Array, high: Array, step: float
) -> tuple[Array, Array, Array, Array]:
    """Return a bracket and the function at its ends; both ends are one limit without a root."""
    everyone = np.arange(len(start))
    left, right = start.copy(), start.copy()
    f_left = value(start, everyone)
    f_right = f_left.copy()
    stride = np.full(len(start), step)
    while True:
        up = (f_right < 0) & (right < high)
        down = (f_left > 0) & (left > low)
        active = np.flatnonzero(up | down)
        if not active.size:
            return left, right, f_left, f_right
        rise = up[active]
        y = np.where(rise, right[active] + stride[active], left[active] - stride[active])
        y = np.clip(y, low[active], high[active])
        f = value(y, active)
        higher, lower = active[rise], active[~rise]
        left[higher], f_left[higher] = right[higher], f_right[higher]
        right[higher], f_right[higher] = y[rise], f[rise]
        right[lower], f_right[lower] = left[lower], f_left[lower]
        left[lower], f_left[lower] = y[~rise], f[~rise]
        stride[active] *= 2.0
