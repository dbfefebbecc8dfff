"""Finding the mode and its curvature with the kernels' exact gradients."""

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import minimize

from churnlab.inference.targets.density import Density, Mode
from churnlab.inference.targets.target import Target
from churnlab.types import Array

#: |u| beyond which a parameter counts as run away: e^15 = 3 million.
BOUND = 15.0
#: A parameter this near to the bound is at it.
AT_BOUND = 0.01
#: Points, from bound to bound, at which a ridge is looked at: one a unit of u.
RIDGE_POINTS = 31
#: Below this many cells every start is followed to its end; above, only the best one.
MULTI_START_CELLS = 5000
#: Coordinates up to which the full inverse curvature is carried along.
MAX_DENSE = 60


def find_mode(target: Density, starts: Array | None = None) -> Mode:
    """Maximise `target` from the best of several starts, polish by Newton steps.

    starts: (start, coordinate); default: `warm_starts`, for purchases.
    """
    starts = warm_starts(target) if starts is None else np.atleast_2d(starts)
    values = np.array([target.value_and_gradient(start)[0] for start in starts])
    order = np.argsort(-values)
    followed = order[:1] if target.n_cells > MULTI_START_CELLS else order[:2]
    ends = [_back_along_ridges(target, *_climb(target, starts[i])) for i in followed]
    best = max(ends, key=lambda end: end[1])
    distinct = sum(
        bool(np.abs(end[0] - best[0]).max() > 0.1 and end[1] > best[1] - 20.0) for end in ends
    )
    u, value, hessian, gradient = _polish(target, *best)
    at_bound = tuple(int(i) for i in np.flatnonzero(np.abs(u) > BOUND - AT_BOUND))
    bends = bool(np.isfinite(hessian).all()) and float(eigh(-hessian, eigvals_only=True)[0]) > 1e-9
    decrement = _decrement(hessian, gradient) if bends else np.inf
    return Mode(u, value, hessian, bends and not at_bound and decrement < 1e-3, at_bound,
                1 + distinct)  # fmt: skip


def warm_starts(target: Density) -> Array:
    """Starts around moments: observed purchases per time, with little, some and much dropout."""
    if not isinstance(target, Target):
        raise TypeError("starts must be given: only purchases have moments to start from.")
    return target.map.starts(target.purchases_per_time)


def hessian(target: Density, u: Array, step: float | Array = 1e-4) -> Array:
    """Second derivatives by central differences of the exact gradient (error of order step^2)."""
    steps = np.broadcast_to(step, u.shape)
    rows = []
    for i, h in enumerate(steps):
        shift = np.zeros_like(u)
        shift[i] = h
        high = target.value_and_gradient(u + shift)[1]
        low = target.value_and_gradient(u - shift)[1]
        rows.append((high - low) / (2 * h))
    rows_array = np.array(rows)
    values: Array = (rows_array + rows_array.T) / 2
    return values


def _climb(target: Density, start: Array) -> tuple[Array, float]:
    """BFGS on the mean log density per customer, kept inside the bounds by a quadratic fence.

    Not L-BFGS-B: at four coordinates its calls of a threaded BLAS take longer than the kernel.
    """
    scale = max(target.n_customers, 1.0)

    def negative(u: Array) -> tuple[float, Array]:
        inside = np.clip(u, -BOUND, BOUND)
        over = u - inside
        value, gradient = target.value_and_gradient(inside)
        if not np.isfinite(value):
            return 1e10, np.zeros_like(u)
        gradient = np.where(over == 0, gradient, 0.0)
        return -value / scale + float(over @ over), -gradient / scale + 2 * over

    small = len(start) <= MAX_DENSE
    found = minimize(
        negative,
        np.clip(start, -BOUND, BOUND),
        jac=True,
        method="BFGS" if small else "L-BFGS-B",
        options={"maxiter": 500, "gtol": 1e-7} | ({} if small else {"ftol": 1e-14}),
    )
    return np.clip(found.x, -BOUND, BOUND), -float(found.fun) * scale


def _back_along_ridges(target: Density, u: Array, value: float) -> tuple[Array, float]:
    """Look back along each coordinate that ran to its bound, and climb again from what is higher.

    A ridge that hardly rises is passed in one long step: the maximum lies behind.
    """
    for i in np.flatnonzero(np.abs(u) > BOUND - AT_BOUND):
        along = np.repeat(u[None], RIDGE_POINTS, axis=0)
        along[:, i] = np.linspace(-BOUND, BOUND, RIDGE_POINTS)
        start = along[np.argmax(target.values(along))]
        end = _climb(target, start)
        if end[1] > value:
            u, value = end
    return u, value


def _polish(
    target: Density, u: Array, value: float, max_steps: int = 6
) -> tuple[Array, float, Array, Array]:
    """Newton steps that are kept while they gain; returns (u, value, hessian, gradient)."""
    value, gradient = target.value_and_gradient(u)
    curvature = hessian(target, u)
    for _ in range(max_steps):
        if not np.isfinite(curvature).all():
            break
        if _decrement(curvature, gradient) < 1e-14:  # 1e-7 posterior deviations from the mode
            break
        step = _newton_step(curvature, gradient)
        trial = np.clip(u + step, -BOUND, BOUND)
        trial_value, trial_gradient = target.value_and_gradient(trial)
        if not trial_value > value - 1e-9 * abs(value):
            break
        u, value, gradient = trial, trial_value, trial_gradient
        curvature = hessian(target, u)
    return u, value, curvature, gradient


def _newton_step(curvature: Array, gradient: Array) -> Array:
    """Ascent step on |curvature| with its length capped at 2."""
    roots, axes = eigh(-curvature)
    step = axes @ ((axes.T @ gradient) / np.maximum(np.abs(roots), 1e-8))
    values: Array = step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
    return values


def _decrement(curvature: Array, gradient: Array) -> float:
    """Expected gain of a Newton step, times two."""
    roots, axes = eigh(-curvature)
    return float(np.sum((axes.T @ gradient) ** 2 / np.maximum(np.abs(roots), 1e-8)))
