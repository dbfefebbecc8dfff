"""Modes and curvature of a conversion model's posterior.

A parameter with a discrete prior (`pinned`) splits the posterior into components, one per value;
each is searched on its own and weighed by its Laplace evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from churnlab.nday.models import ConversionLikelihood

Array = NDArray[np.float64]
Function = Callable[[Array], tuple[float, Array]]

_STEP = 1e-4
_BOUND = 25.0
#: Components below this share of the Laplace evidence are left out.
_NEGLIGIBLE = 1e-3


class ConversionMode(NamedTuple):
    """A maximum of the log posterior over the free parameters."""

    theta: Array
    """All parameters, the pinned one at its value."""
    free: NDArray[np.int64]
    """Indices of the free ones."""
    value: float
    covariance: Array
    """Inverse of the negative curvature, (free, free)."""
    decrement: float
    """Newton decrement: how far from the top in log density units, times two."""
    weight: float
    """Share of the Laplace evidence among components."""

    def full(self, free: Array) -> Array:
        """Put free parameters (draw, free) or (free,) into full vectors."""
        out = np.broadcast_to(self.theta, (*free.shape[:-1], len(self.theta))).copy()
        out[..., self.free] = free
        return out


def log_posterior(model: ConversionLikelihood, theta: Array) -> tuple[float, Array]:
    """Log posterior density and gradient; (-inf, 0) outside of the numeric range."""
    if not np.all(np.abs(theta) < _BOUND):
        return -np.inf, np.zeros_like(theta)
    value, gradient = model.value_and_gradient(theta)
    prior, slope = model.log_prior(theta)
    if not np.isfinite(value):
        return -np.inf, np.zeros_like(theta)
    return value + prior, gradient + slope


def log_density(model: ConversionLikelihood, theta: Array) -> float:
    """Log posterior density alone: about half the cost of the one with its gradient."""
    if not np.all(np.abs(theta) < _BOUND):
        return -np.inf
    value = float(model.cohort_log_likelihood(theta, model.data).sum()) + model.log_prior(theta)[0]
    return value if np.isfinite(value) else -np.inf


def find_components(model: ConversionLikelihood) -> list[ConversionMode]:
    """Find the mode, one per value of a pinned parameter; the heaviest first."""
    start = model.start()
    if model.pinned is None:
        return [_find(model, start, np.arange(len(start)))]
    index, values = model.pinned
    free = np.delete(np.arange(len(start)), index)
    found = []
    # From the loosest value down: each search starts where its neighbour ended.
    for value in sorted(values, reverse=True):
        start = start.copy()
        start[index] = value
        found.append(_find(model, start, free))
        start = found[-1].theta
        if _evidence(found[-1]) < max(map(_evidence, found)) + np.log(_NEGLIGIBLE) - 3.0:
            break
    logs = np.array([_evidence(mode) for mode in found])
    weights = np.exp(logs - logs.max()) / np.exp(logs - logs.max()).sum()
    kept = [m._replace(weight=float(w)) for m, w in zip(found, weights, strict=True)]
    kept = [m for m in kept if m.weight >= _NEGLIGIBLE]
    total = sum(m.weight for m in kept)
    ordered = sorted(kept, key=lambda m: -m.weight)
    return [m._replace(weight=m.weight / total) for m in ordered]


def _evidence(mode: ConversionMode) -> float:
    """Log Laplace evidence up to a constant that components share."""
    return mode.value + 0.5 * float(np.linalg.slogdet(mode.covariance)[1])


def _find(
    model: ConversionLikelihood, start: Array, free: NDArray[np.int64], steps: int = 8
) -> ConversionMode:
    """Maximise by BFGS, then Newton steps on the differenced exact gradient."""
    scale = max(float(model.data.conversions.sum()), 1.0)
    theta = start.copy()

    def at(phi: Array) -> tuple[float, Array]:
        point = theta.copy()
        point[free] = phi
        value, gradient = log_posterior(model, point)
        return value, gradient[free]

    def negative(phi: Array) -> tuple[float, Array]:
        value, gradient = at(phi)
        return (-value / scale, -gradient / scale) if np.isfinite(value) else (1e6, 0.0 * phi)

    options = {"gtol": 1e-6, "maxiter": 400}
    phi = minimize(negative, theta[free], jac=True, method="BFGS", options=options).x
    value, gradient = at(phi)
    sd = model.prior_sd()[free]
    for _ in range(steps):
        covariance = _covariance(at, phi, np.minimum(_STEP, 0.1 * sd))
        decrement = float(gradient @ covariance @ gradient)
        if decrement < 1e-5:
            break
        phi, value, gradient, moved = _newton(at, phi, value, covariance @ gradient)
        if not moved:
            break
    theta[free] = phi
    return ConversionMode(theta, free, value, covariance, decrement, 1.0)


def _newton(
    at: Function, phi: Array, value: float, step: Array
) -> tuple[Array, float, Array, bool]:
    """Ascend along `step`, halved until it gains."""
    for shrink in 0.5 ** np.arange(8):
        trial = phi + shrink * step
        trial_value, trial_gradient = at(trial)
        if trial_value >= value:
            return trial, trial_value, trial_gradient, True
    return phi, value, at(phi)[1], False


def _covariance(at: Function, phi: Array, step: Array) -> Array:
    """Inverse negative curvature by central differences; flat directions get at most sd 3."""
    rows = []
    for i, h in enumerate(step):
        shift = np.zeros_like(phi)
        shift[i] = h
        rows.append((at(phi - shift)[1] - at(phi + shift)[1]) / (2 * h))
    curvature = np.array(rows)
    roots, axes = np.linalg.eigh((curvature + curvature.T) / 2)
    return np.asarray((axes / np.maximum(roots, 1.0 / 9.0)) @ axes.T)
