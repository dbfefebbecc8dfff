"""Reliability curve (CORP) with consistency bands."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression

from churnlab.errors import UsageError
from churnlab.metrics._arrays import as_outcome, as_probability, as_weight, same_length
from churnlab.metrics.bootstrap import score_levels
from churnlab.metrics.corp import isotonic_fit
from churnlab.types import Array

#: More distinct forecasts than this are pooled with their neighbours for the band: an isotonic step
#: of a million customers holds some ten thousand of them, a pooled forecast 250.
_MOST_FORECASTS = 4096


def reliability_curve(
    risk: ArrayLike,
    outcome: ArrayLike,
    rng: np.random.Generator,
    *,
    weight: ArrayLike | None = None,
    points: int = 50,
    replicates: int = 100,
    level: float = 0.9,
) -> pd.DataFrame:
    """Outcome rate by forecast, with the band in which a calibrated forecast would stay.

    The band belongs to the diagonal, not to the curve: outcomes are drawn from the forecasts
    themselves and refitted, so a curve outside of it speaks against calibration (pointwise).

    risk, outcome (n,): Forecast probability and 0/1 outcome.
    rng: For the resampled outcomes.
    weight (n,): Whole numbers of customers.
    points: At most so many forecast values are shown (quantiles of the distinct ones).
    replicates, level: Resamples behind the band and its nominal coverage.
    Returns: forecast, observed (isotonic), low, high, n (customers nearest to that forecast).
    """
    if not 0 < level < 1:
        raise UsageError(f"level must lie in (0, 1); got {level}.")
    p, y = as_probability(risk), as_outcome(outcome)
    same_length(p, y)
    w = as_weight(weight, p)
    grid, count = _grid(p, w, points)
    low, high = _band(p, w, grid, rng, replicates, level)
    fit = isotonic_fit(p, y, w)
    observed = np.interp(grid, fit.score, fit.rate)
    return pd.DataFrame(
        {"forecast": grid, "observed": observed, "low": low, "high": high, "n": count}
    )


def _band(
    risk: Array, weight: Array, grid: Array, rng: np.random.Generator, replicates: int, level: float
) -> tuple[Array, Array]:
    """Return the quantiles of isotonic fits to outcomes drawn from the forecasts, (grid,)."""
    # Equal forecasts, and beyond so many neighbours, are drawn together: their events are binomial.
    distinct, code = score_levels(risk, weight, _MOST_FORECASTS)
    size = np.bincount(code, weight)
    resampled = np.empty((replicates, grid.size))
    for i in range(replicates):
        share = rng.binomial(size.round().astype(np.int64), distinct) / size
        resampled[i] = np.interp(grid, distinct, isotonic_regression(share, weights=size).x)
    tail = (1 - level) / 2
    low, high = np.quantile(resampled, (tail, 1 - tail), axis=0)
    return low, high


def _grid(risk: Array, weight: Array, points: int) -> tuple[Array, Array]:
    """Return at most `points` of the forecasts, spread over customers, and customers by nearest."""
    distinct, code = np.unique(risk, return_inverse=True)
    size = np.bincount(code, weight)
    rank = np.rint(np.linspace(0, size.sum() - 1, points))
    at = np.searchsorted(np.cumsum(size), rank, side="right")
    grid = distinct[np.unique(np.minimum(at, distinct.size - 1))]
    nearest = np.searchsorted((grid[1:] + grid[:-1]) / 2, distinct)
    return grid, np.bincount(nearest, size, minlength=grid.size).round().astype(np.int64)
