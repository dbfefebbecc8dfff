"""Checks that every measure shares."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churnlab.errors import UsageError
from churnlab.types import Array


def as_vector(values: ArrayLike, name: str) -> Array:
    """Return a non-empty, finite, one-dimensional float array or say what is wrong with it."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise UsageError(f"{name} must be a non-empty vector; got shape {array.shape}.")
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise UsageError(f"{name} must be finite; {bad} of {array.size} values are not.")
    return array


def as_probability(values: ArrayLike, name: str = "risk") -> Array:
    """Return a vector of values within [0, 1]."""
    array = as_vector(values, name)
    if array.min() < 0 or array.max() > 1:
        raise UsageError(
            f"{name} must lie within [0, 1]; got {array.min():g} to {array.max():g}. "
            "A score that is no probability can be ranked (AUC, lift) only."
        )
    return array


def as_outcome(values: ArrayLike) -> Array:
    """Return a vector of zeros and ones."""
    array = as_vector(values, "outcome")
    if not np.isin(array, (0.0, 1.0)).all():
        raise UsageError("outcome must be 0 or 1 (or bool); got other values.")
    return array


def as_weight(weight: ArrayLike | None, like: Array) -> Array:
    """Return weights as long as `like`; ones when there are none."""
    if weight is None:
        return np.ones_like(like)
    array = as_vector(weight, "weight")
    if array.shape != like.shape:
        raise UsageError(f"weight has length {array.size}; expected {like.size}.")
    if array.min() < 0 or array.sum() <= 0:
        raise UsageError("weight must be non-negative with a positive sum.")
    return array


def same_length(a: Array, b: Array) -> None:
    """Refuse vectors of different lengths."""
    if a.shape != b.shape:
        raise UsageError(f"risk and outcome differ in length: {a.size} and {b.size}.")


def segment_sums(values: Array, starts: NDArray[np.intp]) -> Array:
    """Sum the last axis over the runs that begin at `starts`."""
    return np.add.reduceat(values, starts, axis=-1)


def run_starts(sorted_values: Array) -> NDArray[np.intp]:
    """Return where runs of equal values begin in a sorted vector."""
    return np.flatnonzero(np.r_[True, sorted_values[1:] != sorted_values[:-1]])
