"""Scores of forecast counts: purchases in a window."""

import numpy as np
from numpy.typing import ArrayLike

from churnlab.errors import UsageError
from churnlab.metrics._arrays import as_vector, as_weight, same_length
from churnlab.metrics.binary import bias
from churnlab.types import Array


def mean_absolute_error(
    expected: ArrayLike, actual: ArrayLike, weight: ArrayLike | None = None
) -> float:
    """Return mean |expected - actual|.

    The functional that minimises it is the *median*: a median forecast (often zero) beats an
    honest mean on this score. Reported because published tables have it; decide on CRPS.
    """
    e, a = as_vector(expected, "expected"), as_vector(actual, "actual")
    same_length(e, a)
    return float(np.average(np.abs(e - a), weights=as_weight(weight, e)))


def root_mean_square_error(
    expected: ArrayLike, actual: ArrayLike, weight: ArrayLike | None = None
) -> float:
    """Return sqrt(mean (expected - actual)^2); its functional is the mean."""
    e, a = as_vector(expected, "expected"), as_vector(actual, "actual")
    same_length(e, a)
    return float(np.sqrt(np.average((e - a) ** 2, weights=as_weight(weight, e))))


def count_bias(expected: ArrayLike, actual: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return sum(expected) / sum(actual) - 1."""
    return bias(expected, actual, weight)


def crps_pmf(pmf: ArrayLike, actual: ArrayLike) -> Array:
    """Continuous ranked probability score of forecast distributions of counts, per customer.

    CRPS = sum over n >= 0 of (F(n) - 1{actual <= n})^2, in purchases (0 is perfect).

    pmf (customer, n): Probabilities of 0, 1, 2, ... purchases; what is missing to 1 counts as lying
        just beyond the last column, so give enough columns.
    actual (customer,): Counts that came; beyond the table each further purchase adds one, exactly
        as in the sum.
    """
    table = np.atleast_2d(np.asarray(pmf, dtype=np.float64))
    y = as_vector(actual, "actual")
    if table.shape[0] != y.size:
        raise UsageError(f"pmf has {table.shape[0]} rows; expected one per customer ({y.size}).")
    if table.min() < -1e-9 or table.sum(axis=1).max() > 1 + 1e-6:
        raise UsageError("each row of pmf must be non-negative and sum to at most 1.")
    score = np.maximum(y - table.shape[1], 0.0)
    below = np.zeros(y.size)
    # column by column: no more tables of that size
    for n, probability in enumerate(table.T):
        below += probability
        score += (below - (y <= n)) ** 2
    values: Array = score
    return values
