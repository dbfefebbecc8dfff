"""Integrating one normal effect per cohort: adaptive Gauss-Hermite quadrature.

Nodes are placed by the mode and curvature of each cohort's integrand (Liu & Pierce 1994), so a
cohort of ten and one of a hundred thousand are integrated alike.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Held against 61 nodes in tests: the error of a cohort's log-likelihood is below 1e-5.
NODES = 9

#: (z of shape (cohort, 1)) -> first and second derivative in z of the log-likelihood, (cohort, 1).
Slopes = Callable[[Array], tuple[Array, Array]]


class Placement(NamedTuple):
    """Nodes per cohort and their log weights, the normal density of z included."""

    z: Array
    """(cohort, node)"""
    log_weight: Array
    """(cohort, node)"""
    mode: Array
    """(cohort, 1)"""
    sd: Array
    """(cohort, 1)"""


@lru_cache(maxsize=8)
def _rule(nodes: int) -> tuple[Array, Array]:
    points, weights = np.polynomial.hermite.hermgauss(nodes)
    return points, weights


def place(slopes: Slopes, n_cohorts: int, nodes: int = NODES, steps: int = 4) -> Placement:
    """Find each cohort's mode by damped Newton steps and place the nodes around it."""
    z = np.zeros((n_cohorts, 1))
    for _ in range(steps):
        first, second = slopes(z)
        curvature = np.maximum(1.0 - second, 0.5)
        z = np.clip(z + np.clip((first - z) / curvature, -2.0, 2.0), -8.0, 8.0)
    sd = 1.0 / np.sqrt(np.maximum(1.0 - slopes(z)[1], 0.5))
    points, weights = _rule(nodes)
    spread = z + np.sqrt(2.0) * sd * points
    log_weight = np.log(weights) + points**2 + 0.5 * np.log(2.0) + np.log(sd)
    log_weight = log_weight - 0.5 * spread**2 - 0.5 * np.log(2 * np.pi)
    return Placement(spread, log_weight, z, sd)


def integrate(log_integrand: Array) -> tuple[Array, Array]:
    """Sum exp over nodes; return log integrals (cohort,) and node weights (cohort, node).

    The node weights are the posterior of z on the nodes: by Fisher's identity the gradient of
    the log integral is the weighted mean of the integrand's log gradient.
    """
    top = log_integrand.max(axis=1, keepdims=True)
    parts = np.exp(log_integrand - top)
    total = parts.sum(axis=1, keepdims=True)
    return (np.log(total) + top)[:, 0], parts / total


def sample(
    log_integrand: Callable[[Array], Array], placement: Placement, rng: np.random.Generator
) -> Array:
    """Draw z of each cohort from its posterior on a grid of 61 points over +-6 sd, (cohort,).

    Within a grid cell the draw is uniform; `log_integrand` is without the normal density.
    """
    step = 0.2
    grid = placement.mode + placement.sd * np.arange(-6.0, 6.0 + step / 2, step)
    _, weights = integrate(log_integrand(grid) - 0.5 * grid**2)
    cumulative = np.cumsum(weights, axis=1)
    pick = (rng.random((len(grid), 1)) > cumulative).sum(axis=1)
    pick = np.minimum(pick, grid.shape[1] - 1)
    chosen = np.take_along_axis(grid, pick[:, None], axis=1)[:, 0]
    jitter = rng.uniform(-step / 2, step / 2, len(grid)) * placement.sd[:, 0]
    return np.asarray(chosen + jitter)
