"""Shares of small groups, drawn towards the pooled row: beta-binomial and Dirichlet-multinomial.

The prior's strength (customers that the pooled row weighs) is given or, by `best_strength`, the
one under which the counts are most probable (empirical Bayes).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import beta as beta_distribution

from churnlab.types import Array

#: Grid of strengths: below 1 the pooled row hardly matters, at 10,000 rows are all but equal.
_STRENGTHS = np.geomspace(1.0, 10_000.0, 81)


class Shrunk(NamedTuple):
    """Posterior of each row's shares, shape (row, outcome)."""

    mean: Array
    q05: Array
    q95: Array
    strength: float


def shrink(
    counts: NDArray[np.number], strength: float | None = None, pooled: Array | None = None
) -> Shrunk:
    """Shrink rows of counts towards their pooled row.

    Row posterior: Dirichlet(counts + strength * pooled); the marginals are betas.

    counts (row, outcome): Two outcomes make it a beta-binomial.
    strength: Weight of the pooled row in customers; None for `best_strength`.
    pooled (outcome,): What to shrink to; default: all rows together, with half a customer added per
        outcome.
    """
    rows: Array = np.asarray(counts, dtype=np.float64)
    pooled = pooled_row(rows) if pooled is None else np.asarray(pooled, dtype=float)
    if strength is None:
        strength = best_strength(rows, pooled)
    alpha = rows + strength * np.broadcast_to(pooled, rows.shape)
    total = alpha.sum(axis=1, keepdims=True)
    rest = np.maximum(total - alpha, 1e-12)
    shape = np.maximum(alpha, 1e-12)
    low, high = (beta_distribution.ppf(q, shape, rest) for q in (0.05, 0.95))
    mean = alpha / total  # beyond the 95% quantile where next to nothing was seen: taken in
    return Shrunk(mean, np.minimum(low, mean), np.maximum(high, mean), float(strength))


def pooled_row(counts: NDArray[np.floating]) -> Array:
    """Return the shares of all rows together, half a customer added per outcome."""
    total = counts.sum(axis=0) + 0.5
    return np.asarray(total / total.sum())


def best_strength(counts: NDArray[np.floating], pooled: Array) -> float:
    """Return the strength under which the Dirichlet-multinomial makes the counts most probable."""
    rows = np.asarray(counts, dtype=float)
    rows, prior = rows[rows.sum(axis=1) > 0], np.broadcast_to(pooled, rows.shape)
    if len(rows) < 2:
        return float(_STRENGTHS[-1])
    prior = prior[: len(rows)] if pooled.ndim == 1 else prior[np.asarray(counts).sum(axis=1) > 0]
    values = [_log_marginal(rows, strength * prior, strength) for strength in _STRENGTHS]
    return float(_STRENGTHS[int(np.argmax(values))])


def _log_marginal(rows: Array, alpha: Array, strength: float) -> float:
    """Dirichlet-multinomial log-likelihood without the multinomial coefficient."""
    n = rows.sum(axis=1)
    inside = gammaln(rows + alpha) - gammaln(np.maximum(alpha, 1e-300))
    terms = np.where(rows > 0, inside, 0.0).sum(axis=1)
    return float((terms + gammaln(strength) - gammaln(n + strength)).sum())
