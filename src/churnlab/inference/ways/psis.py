"""Pareto-smoothed importance sampling, in NumPy only.

Vehtari, Simpson, Gelman, Yao, Gabry (2024), "Pareto smoothed importance sampling", JMLR 25.
The tail's shape k-hat is the gate of the laplace path: below 0.7 the weighted draws can be trusted.
A test holds this against `arviz_stats`, which is not imported here because of its import time.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp, softmax

from churnlab.types import Array


class Smoothed(NamedTuple):
    """Smoothed importance weights."""

    log_weights: Array
    """Normalised: they sum to 1 on the natural scale."""
    k_hat: float
    """Shape of the weights' tail; inf when it cannot be estimated."""


def smooth(log_ratios: Array, tail: int | None = None) -> Smoothed:
    """Smooth the largest importance ratios by a generalised Pareto distribution.

    log_ratios: Log target minus log proposal, up to a constant; -inf is allowed.
    tail: Number of ratios in the tail; default ``min(S / 5, 3 sqrt(S))``.
    """
    ratios = np.asarray(log_ratios, float)
    n = len(ratios)
    if not np.isfinite(ratios).any():
        return Smoothed(np.full(n, -np.log(n)), np.inf)
    shifted = ratios - ratios.max()
    tail = tail or int(min(n / 5, 3 * np.sqrt(n)))
    order = np.argsort(shifted, kind="stable")
    in_tail = order[-tail:]
    cutoff = max(float(shifted[order[-tail - 1]]) if n > tail else -np.inf, -700.0)
    exceed = np.maximum(np.exp(shifted[in_tail]) - np.exp(cutoff), 0.0)
    if tail < 5 or np.ptp(shifted[in_tail]) < 1e-12:
        spread = 0.0 if np.ptp(shifted) < 1e-12 else np.inf
        return Smoothed(shifted - logsumexp(shifted), spread)
    k, sigma = fit_generalised_pareto(exceed)
    out = shifted.copy()
    if np.isfinite(k):
        p = (np.arange(tail) + 0.5) / tail
        smoothed = np.log(_quantile(p, k, sigma) + np.exp(cutoff))
        out[in_tail] = np.minimum(smoothed, 0.0)
    return Smoothed(out - logsumexp(out), float(k))


def fit_generalised_pareto(exceedances: Array) -> tuple[float, float]:
    """Shape and scale by Zhang and Stephens (2009), shape shrunk to 1/2 by ten pseudo-points.

    exceedances: Sorted ascending, not negative.
    """
    x = np.asarray(exceedances, float)
    n = len(x)
    grid = 30 + int(np.sqrt(n))
    quarter = x[int(n / 4 + 0.5) - 1]
    if quarter <= 0 or x[-1] <= 0:
        return np.inf, np.nan
    b = 1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))
    b = b / (3 * quarter) + 1 / x[-1]
    k = np.mean(np.log1p(-b[:, None] * x), axis=1)
    profile = n * (np.log(-b / k) - k - 1)
    weights = softmax(profile)
    keep = weights >= 10 * np.finfo(float).eps
    weights, b = weights[keep] / weights[keep].sum(), b[keep]
    b_mean = float(np.sum(b * weights))
    shape = float(np.mean(np.log1p(-b_mean * x)))
    sigma = -shape / b_mean
    return (n * shape + 5.0) / (n + 10.0), sigma


def _quantile(p: Array, k: float, sigma: float) -> Array:
    if abs(k) < 1e-12:
        return -sigma * np.log1p(-p)
    return sigma * np.expm1(-k * np.log1p(-p)) / k


def effective_sizes(values: Array, weights: Array) -> tuple[Array, Array]:
    """Effective sample size of means and of the 5% and 95% quantiles (the worse of the two).

    values: (draw, quantity).
    weights: (draw,), summing to 1. Draws of a proposal carry importance weights; after resampling
        they carry their multiplicity / number of draws, which counts duplicates at their full cost.

    The delta-method variance of a self-normalised estimate of f is ``sum w^2 (f - mean)^2``; the
    size is the plain variance divided by it, at most the number of draws (wide proposals can do
    better for some means, but not for quantiles).
    """
    some = weights > 0  # a draw without weight may lie where a quantity overflows
    values, weights = values[some], weights[some]
    mean = weights @ values
    bulk = _size(values - mean, weights)
    order = np.argsort(values, axis=0)
    cumulated = np.cumsum(weights[order], axis=0)
    tails = []
    for p in (0.05, 0.95):
        rows = np.minimum((cumulated < p).sum(axis=0), len(values) - 1)
        cut = np.take_along_axis(values, np.take_along_axis(order, rows[None], axis=0), axis=0)
        indicator = (values <= cut).astype(float)
        tails.append(_size(indicator - weights @ indicator, weights))
    return bulk, np.minimum(*tails)


def _size(centred: Array, weights: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        squares = centred**2
        size = (weights @ squares) / (weights**2 @ squares)
    return np.minimum(np.where(np.isfinite(size), size, 0.0), float(np.sum(weights > 0)))
