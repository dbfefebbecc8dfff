"""Small data for the inference tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from churnlab import models as likelihoods

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """What inference reads of `churnlab.summary.Cells`."""

    x: Array
    t_x: Array
    T: Array
    weight: Array
    sum_log_gap: Array
    group: NDArray[np.int64]
    groups: tuple[str, ...] = ("all",)

    @property
    def n_customers(self) -> int:
        return int(self.weight.sum())


def rows(x, t_x, T, weight=None, sum_log_gap=None, group=None, groups=("all",)) -> Rows:  # type: ignore[no-untyped-def]
    """Cells as given, without collapsing equal rows."""
    x, t_x, T = (np.asarray(v, float) for v in np.broadcast_arrays(x, t_x, T))
    return Rows(
        x,
        t_x,
        T,
        np.ones(len(x)) if weight is None else np.asarray(weight, float),
        np.zeros(len(x)) if sum_log_gap is None else np.asarray(sum_log_gap, float),
        np.zeros(len(x), np.int64) if group is None else np.asarray(group, np.int64),
        groups,
    )


def collapsed(cells: Rows) -> Rows:
    """Equal (group, x, t_x, T) rows summed."""
    keys = np.column_stack([cells.group, cells.x, cells.t_x, cells.T])
    unique, inverse = np.unique(keys, axis=0, return_inverse=True)
    weight = np.bincount(inverse.ravel(), cells.weight)
    gaps = np.bincount(inverse.ravel(), cells.weight * cells.sum_log_gap) / weight
    group, x, t_x, T = unique.T
    return rows(x, t_x, T, weight, gaps, group.astype(int), cells.groups)


def simulated(model: str, theta, n: int, seed: int, k: int = 1, T=None) -> Rows:  # type: ignore[no-untyped-def]
    """Customers of a model with known parameters (days), ages spread over a year."""
    rng = np.random.default_rng(seed)
    ages = rng.integers(90, 365, n).astype(float) if T is None else np.full(n, float(T))
    x, t_x, gaps = likelihoods.get(model, k).simulate(np.asarray(theta, float)[:, None], ages, rng)
    return rows(x, t_x, ages, sum_log_gap=gaps)


@pytest.fixture(scope="session")
def cdnow() -> Rows:
    """The 1/10 sample to 1997-09-30, in days."""
    from lifetimes.datasets import load_cdnow_summary

    data = load_cdnow_summary()
    days = [(data[c] * 7).round().to_numpy(float) for c in ("recency", "T")]
    return collapsed(rows(data["frequency"].to_numpy(float), *days))
