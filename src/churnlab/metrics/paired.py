"""Paired differences between candidates, with intervals that resample customers.

Windows of different origins share customers and outcomes: the unit drawn is the customer, with
all their rows, and both candidates are scored on the same draw.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churnlab.metrics._arrays import Array, as_outcome, as_vector, same_length
from churnlab.metrics.binary import auc_of_weights


class Difference(NamedTuple):
    """A paired difference ``a - b``."""

    value: float
    low: float
    high: float
    n_customers: int
    share_below: float
    """Share of the replicates below zero: how sure it is that `a` scores lower."""


def cluster_weights(n_clusters: int, replicates: int, rng: np.random.Generator) -> Array:
    """Draw bootstrap counts of clusters, shape (replicate, cluster); each row sums to n."""
    draws = [
        np.bincount(rng.integers(0, n_clusters, n_clusters), minlength=n_clusters)
        for _ in range(replicates)
    ]
    return np.array(draws, dtype=np.float64)


def cluster_codes(customer: ArrayLike) -> tuple[NDArray[np.int64], int]:
    """Return integer codes 0..n-1 of the customers and how many there are."""
    found, codes = np.unique(np.asarray(customer), return_inverse=True)
    return codes.astype(np.int64), found.size


def paired_difference(
    score_a: ArrayLike,
    score_b: ArrayLike,
    customer: ArrayLike,
    rng: np.random.Generator,
    *,
    replicates: int = 500,
    level: float = 0.9,
) -> Difference:
    """Difference of two mean scores (Brier, log score, cost, CRPS: one value per row).

    Parameters
    ----------
    score_a, score_b : array (row,)
        Scores of both candidates on the same rows (customer x origin).
    customer : array (row,)
        Who the row belongs to: the cluster that is resampled.
    """
    a, b = as_vector(score_a, "score_a"), as_vector(score_b, "score_b")
    same_length(a, b)
    codes, n = cluster_codes(customer)
    total = np.bincount(codes, weights=a - b, minlength=n)
    rows = np.bincount(codes, minlength=n).astype(np.float64)
    weights = cluster_weights(n, replicates, rng)
    replicated = (weights @ total) / (weights @ rows)
    return _summarise(float((a - b).mean()), replicated, n, level)


def paired_auc_difference(
    score_a: ArrayLike,
    score_b: ArrayLike,
    outcome: ArrayLike,
    customer: ArrayLike,
    rng: np.random.Generator,
    *,
    replicates: int = 200,
    level: float = 0.9,
) -> Difference:
    """Difference of two AUCs on the same rows, resampling customers."""
    a, b = as_vector(score_a, "score_a"), as_vector(score_b, "score_b")
    y = as_outcome(outcome)
    same_length(a, b)
    same_length(a, y)
    codes, n = cluster_codes(customer)
    point = auc_of_weights(a, y, np.ones((1, a.size))) - auc_of_weights(b, y, np.ones((1, a.size)))
    replicated = np.empty(replicates)
    for i in range(replicates):
        weight = cluster_weights(n, 1, rng)[:, codes]
        replicated[i] = auc_of_weights(a, y, weight)[0] - auc_of_weights(b, y, weight)[0]
    return _summarise(float(point[0]), replicated, n, level)


def _summarise(value: float, replicated: Array, n: int, level: float) -> Difference:
    tail = (1 - level) / 2
    low, high = np.nanquantile(replicated, (tail, 1 - tail))
    return Difference(value, float(low), float(high), n, float((replicated < 0).mean()))
