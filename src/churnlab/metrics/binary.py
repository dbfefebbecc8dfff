"""Scores of probabilities and rankings of a yes-or-no outcome."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from churnlab.errors import UsageError
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

#: Forecasts of exactly 0 or 1 are moved this far inside before taking logarithms.
LOG_MARGIN = 1e-12


def brier(risk: ArrayLike, outcome: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return the mean squared difference of forecast and outcome (0 is perfect; Brier 1950).

    risk (n,): Forecast probability of outcome 1.
    outcome (n,): 0 or 1.
    weight (n,): Counts of customers.
    """
    p, y = as_probability(risk), as_outcome(outcome)
    same_length(p, y)
    return float(np.average((p - y) ** 2, weights=as_weight(weight, p)))


def log_score(risk: ArrayLike, outcome: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return the mean of -log(forecast probability of what happened), in nats (0 is perfect).

    Forecasts of exactly 0 and 1 are moved inside by `LOG_MARGIN`: an isotonic recalibration makes
    such forecasts, and one miss would make every comparison infinite.
    """
    p, y = as_probability(risk), as_outcome(outcome)
    same_length(p, y)
    return float(np.average(log_losses(p, y), weights=as_weight(weight, p)))


def log_losses(risk: Array, outcome: Array) -> Array:
    """Return -log(forecast probability of what happened), per customer."""
    p = np.clip(risk, LOG_MARGIN, 1 - LOG_MARGIN)
    return -np.where(outcome == 1, np.log(p), np.log1p(-p))


def bias(risk: ArrayLike, outcome: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return sum(forecast) / sum(outcome) - 1: +.7 means seventy per cent too many foretold.

    Also for counts (expected against actual). NaN when nothing happened.
    """
    p, y = as_vector(risk, "risk"), as_vector(outcome, "outcome")
    same_length(p, y)
    w = as_weight(weight, p)
    total = float((w * y).sum())
    return float((w * p).sum()) / total - 1 if total > 0 else float("nan")


def area_under_curve(
    score: ArrayLike, outcome: ArrayLike, weight: ArrayLike | None = None
) -> float:
    """Return P(score of a 1 > score of a 0) + P(equal) / 2, the area under the ROC curve.

    Any score will do, not only probabilities. NaN when one of the classes is empty.
    """
    s, y = as_vector(score, "score"), as_outcome(outcome)
    same_length(s, y)
    events = as_weight(weight, s) * y
    placed = placements(s, y, weight)
    return float((events * placed).sum() / events.sum()) if events.any() else float("nan")


def placements(score: Array, outcome: Array, weight: ArrayLike | None = None) -> Array:
    """Return the share of the other class that each row is on the right side of, ties half.

    Over either class the mean of it is the area under the curve. NaN when the other class is empty.
    """
    w = as_weight(weight, score)
    _, code = np.unique(score, return_inverse=True)
    events, others = np.bincount(code, w * outcome), np.bincount(code, w * (1 - outcome))
    with np.errstate(invalid="ignore", divide="ignore"):
        below = (np.cumsum(others) - others / 2) / others.sum()
        above = 1 - (np.cumsum(events) - events / 2) / events.sum()
    return np.where(outcome == 1, below[code], above[code])


def lift_at_capacity(
    score: ArrayLike, outcome: ArrayLike, share: float, weight: ArrayLike | None = None
) -> float:
    """Return the outcome rate among the `share` of highest scores over the rate among all.

    Customers tied at the cut are taken in part, so that the result does not hang on row order.

    share: Share of customers that can be contacted, 0 < share <= 1.
    """
    if not 0 < share <= 1:
        raise UsageError(f"share must lie in (0, 1]; got {share}.")
    s, y = as_vector(score, "score"), as_outcome(outcome)
    same_length(s, y)
    w = as_weight(weight, s)
    order = np.argsort(-s, kind="stable")
    starts = run_starts(-s[order])
    size = segment_sums(w[order], starts)
    events = segment_sums((w * y)[order], starts)
    taken = np.clip(share * size.sum() - (np.cumsum(size) - size), 0, size)
    part = np.divide(taken, size, out=np.zeros_like(taken), where=size > 0)
    rate = float((w * y).sum() / w.sum())
    reached = float((events * part).sum() / (share * size.sum()))
    return reached / rate if rate > 0 else float("nan")


def jeffreys_interval(k: ArrayLike, n: ArrayLike, level: float = 0.9) -> tuple[Array, Array]:
    """Return Jeffreys' interval of a share k / n; it reaches 0 at k = 0 and 1 at k = n.

    Without the closed ends the interval of nothing seen would leave its own estimate out. nan where
    n is 0. Source: Brown, Cai and DasGupta (2001), "Interval estimation for a binomial proportion",
    Statistical Science 16(2).
    """
    k, n = np.asarray(k, float), np.asarray(n, float)
    tail = (1 - level) / 2
    low, high = (betaincinv(k + 0.5, n - k + 0.5, q) for q in (tail, 1 - tail))
    low, high = np.where(k > 0, low, 0.0), np.where(k < n, high, 1.0)
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


#: Verdicts on a forecast share beside an observed one.
FITS, TOO_LOW, TOO_HIGH = "fits", "forecast too low", "forecast too high"


def calibration_verdicts(
    forecast: ArrayLike, k: ArrayLike, n: ArrayLike, level: float = 0.9
) -> list[str | None]:
    """Judge several lines of a calibration together.

    A line fits when its forecast lies in the Jeffreys interval of what was observed, widened so
    that with all forecasts right all lines fit with a probability of at least `level`, however many
    there are (Bonferroni).

    forecast: Mean forecast of each line, (line,).
    k, n: Events and cases; a line without cases has no verdict (None) and takes no part.
    Returns: `FITS`, `TOO_LOW` or `TOO_HIGH` (of the forecast).
    """
    p, k, n = (np.atleast_1d(np.asarray(v, float)) for v in (forecast, k, n))
    judged = n > 0
    low, high = jeffreys_interval(k, n, 1 - (1 - level) / max(int(judged.sum()), 1))
    words = np.where(p < low, TOO_LOW, np.where(p > high, TOO_HIGH, FITS))
    return [str(word) if known else None for word, known in zip(words, judged, strict=True)]
