"""Mode and curvature of a conversion model's posterior."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from churnlab.likelihoods.conversion import ConversionLikelihood

Array = NDArray[np.float64]

_STEP = 1e-4
_BOUND = 25.0


class ConversionMode(NamedTuple):
    """A maximum of the log posterior."""

    theta: Array
    value: float
    covariance: Array
    """Inverse of the negative curvature."""
    decrement: float
    """Newton decrement: how far from the top in log density units, times two."""


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


def find_mode(model: ConversionLikelihood, steps: int = 8) -> ConversionMode:
    """Maximise by BFGS, then Newton steps on the differenced exact gradient."""
    scale = max(float(model.data.conversions.sum()), 1.0)

    def negative(theta: Array) -> tuple[float, Array]:
        value, gradient = log_posterior(model, theta)
        if not np.isfinite(value):
            return 1e6, np.zeros_like(theta)
        return -value / scale, -gradient / scale

    found = minimize(
        negative, model.start(), jac=True, method="BFGS", options={"gtol": 1e-7, "maxiter": 400}
    )
    theta = found.x
    value, gradient = log_posterior(model, theta)
    for _ in range(steps):
        covariance = _covariance(model, theta)
        decrement = float(gradient @ covariance @ gradient)
        if decrement < 1e-6:
            break
        theta, value, gradient, moved = _newton(model, theta, value, covariance @ gradient)
        if not moved:
            break
    return ConversionMode(theta, value, covariance, decrement)


def _newton(
    model: ConversionLikelihood, theta: Array, value: float, step: Array
) -> tuple[Array, float, Array, bool]:
    """Ascend along `step`, halved until it gains."""
    for shrink in 0.5 ** np.arange(8):
        trial = theta + shrink * step
        trial_value, trial_gradient = log_posterior(model, trial)
        if trial_value >= value:
            return trial, trial_value, trial_gradient, True
    return theta, value, log_posterior(model, theta)[1], False


def _covariance(model: ConversionLikelihood, theta: Array) -> Array:
    """Inverse negative curvature by central differences; flat directions get at most sd 3."""
    rows = []
    for i in range(len(theta)):
        shift = np.zeros_like(theta)
        shift[i] = min(_STEP, 0.1 * float(model._prior().sd[i]))
        high, low = log_posterior(model, theta + shift)[1], log_posterior(model, theta - shift)[1]
        rows.append((low - high) / (2 * shift[i]))
    curvature = np.array(rows)
    roots, axes = np.linalg.eigh((curvature + curvature.T) / 2)
    return np.asarray((axes / np.maximum(roots, 1.0 / 9.0)) @ axes.T)
