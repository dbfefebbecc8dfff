"""Reliability curve (CORP) with consistency bands."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression

from churnlab.errors import UsageError
from churnlab.metrics._arrays import Array, as_outcome, as_probability, same_length
from churnlab.metrics.corp import IsotonicFit, isotonic_fit


def reliability_curve(
    risk: ArrayLike,
    outcome: ArrayLike,
    rng: np.random.Generator,
    *,
    points: int = 50,
    replicates: int = 100,
    level: float = 0.9,
) -> pd.DataFrame:
    """Outcome rate by forecast, with the band in which a calibrated forecast would stay.

    The band belongs to the diagonal, not to the curve: outcomes are drawn from the forecasts
    themselves and refitted, so a curve outside of it speaks against calibration (pointwise).

    Parameters
    ----------
    risk, outcome : array (n,)
        Forecast probability and 0/1 outcome.
    rng : Generator
        For the resampled outcomes.
    points : int
        At most so many forecast values are shown (quantiles of the distinct ones).
    replicates, level : int, float
        Resamples behind the band and its nominal coverage.

    Returns
    -------
    DataFrame
        forecast, observed (isotonic), low, high, n (customers nearest to that forecast).
    """
    if not 0 < level < 1:
        raise UsageError(f"level must lie in (0, 1); got {level}.")
    p, y = as_probability(risk), as_outcome(outcome)
    same_length(p, y)
    grid = _grid(p, points)
    # Equal forecasts are drawn together: their events are binomial.
    distinct, size = np.unique(p, return_counts=True)
    resampled = np.empty((replicates, grid.size))
    for i in range(replicates):
        share = rng.binomial(size, distinct) / size
        rate = isotonic_regression(share, weights=size.astype(np.float64)).x
        resampled[i] = np.interp(grid, distinct, rate)
    tail = (1 - level) / 2
    low, high = np.quantile(resampled, (tail, 1 - tail), axis=0)
    edges = (grid[1:] + grid[:-1]) / 2
    count = np.bincount(np.searchsorted(edges, p), minlength=grid.size)
    observed = step_at(isotonic_fit(p, y), grid)
    return pd.DataFrame(
        {"forecast": grid, "observed": observed, "low": low, "high": high, "n": count}
    )


def _grid(risk: Array, points: int) -> Array:
    """Return at most `points` of the forecast values, spread over customers."""
    values = np.quantile(risk, np.linspace(0, 1, points), method="nearest")
    return np.unique(values)


def step_at(fit: IsotonicFit, score: Array) -> Array:
    """Read an isotonic fit at any score, linearly between the scores it was fitted on."""
    return np.interp(score, fit.score, fit.rate)
