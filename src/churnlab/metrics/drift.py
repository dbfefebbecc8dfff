"""How far a distribution has moved."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churnlab.errors import UsageError
from churnlab.metrics._arrays import as_vector


def shares_of_bins(values: ArrayLike, edges: ArrayLike) -> NDArray[np.float64]:
    """Return the share of values per bin: below the first edge, between edges, from the last on."""
    inner = np.asarray(edges, float)
    bins = np.searchsorted(inner, np.asarray(values, float), side="right")
    return np.asarray(np.bincount(bins, minlength=len(inner) + 1) / max(len(bins), 1))


def population_stability_index(
    expected: ArrayLike, actual: ArrayLike, *, floor: float = 1e-4
) -> float:
    """PSI of two sets of shares: sum (actual - expected) ln(actual / expected), 0 when equal.

    Common limits: .1 warns, .25 fails.

    expected, actual (bin,): Counts or shares per bin of the reference and of the new data; each is
        scaled to 1.
    floor: Least share of a bin: an empty bin would make the index infinite.
    """
    e, a = as_vector(expected, "expected"), as_vector(actual, "actual")
    if e.shape != a.shape:
        raise UsageError(f"expected and actual need the same bins; got {e.size} and {a.size}.")
    if min(e.min(), a.min()) < 0 or e.sum() <= 0 or a.sum() <= 0:
        raise UsageError("counts must be non-negative with a positive sum.")
    p, q = np.maximum(e / e.sum(), floor), np.maximum(a / a.sum(), floor)
    return float(((q - p) * np.log(q / p)).sum())
