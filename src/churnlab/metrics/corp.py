"""Brier = MCB - DSC + UNC by isotonic regression (CORP).

Source: Dimitriadis, Gneiting, Jordan (2021), "Stable reliability diagrams for probabilistic
classifiers", PNAS 118(8): consistent, optimally binned, reproducible, by pool-adjacent-violators.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression

from churnlab.metrics._arrays import (
    as_outcome,
    as_probability,
    as_vector,
    as_weight,
    run_starts,
    same_length,
    segment_sums,
)
from churnlab.types import Array


class CorpSplit(NamedTuple):
    """The parts of a mean Brier score; ``brier == mcb - dsc + unc`` up to rounding."""

    brier: float
    mcb: float
    """Miscalibration: what recalibrating in hindsight would gain (lower is better)."""
    dsc: float
    """Discrimination: what the recalibrated forecast gains on a constant (higher is better)."""
    unc: float
    """Uncertainty: the Brier score of the outcome rate; the same for every candidate."""


class IsotonicFit(NamedTuple):
    """A non-decreasing map from score to outcome rate, on the distinct scores."""

    score: Array
    rate: Array
    size: Array


def isotonic_fit(
    score: ArrayLike, outcome: ArrayLike, weight: ArrayLike | None = None
) -> IsotonicFit:
    """Fit the outcome rate as a non-decreasing function of the score (pool adjacent violators).

    Equal scores are pooled first, so the fit is a function of the score, not of row order.
    """
    s, y = as_vector(score, "score"), as_outcome(outcome)
    same_length(s, y)
    w = as_weight(weight, s)
    order = np.argsort(s, kind="stable")
    starts = run_starts(s[order])
    size = segment_sums(w[order], starts)
    kept = size > 0
    events = segment_sums((w * y)[order], starts)[kept]
    size, distinct = size[kept], s[order][starts][kept]
    rate = isotonic_regression(events / size, weights=size).x
    return IsotonicFit(distinct, np.clip(rate, 0.0, 1.0), size)


def corp_split(risk: ArrayLike, outcome: ArrayLike, weight: ArrayLike | None = None) -> CorpSplit:
    """Split the Brier score into miscalibration, discrimination and uncertainty.

    risk, outcome, weight (n,): Forecast probability, 0/1 outcome, counts.
    """
    p, y = as_probability(risk), as_outcome(outcome)
    same_length(p, y)
    w = as_weight(weight, p)
    fit = isotonic_fit(p, y, w)
    recalibrated = fit.rate[np.clip(np.searchsorted(fit.score, p), 0, fit.score.size - 1)]
    score = float(np.average((p - y) ** 2, weights=w))
    best = float(np.average((recalibrated - y) ** 2, weights=w))
    rate = float(np.average(y, weights=w))
    uncertainty = rate * (1 - rate)
    return CorpSplit(score, score - best, uncertainty - best, uncertainty)
