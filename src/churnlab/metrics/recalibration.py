"""Maps from a score to a calibrated probability, learnt on earlier outcomes.

Monotone, so they leave the ranking alone (isotonic makes ties).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression, minimize

from churnlab.errors import one_of
from churnlab.metrics._arrays import (
    as_outcome,
    as_probability,
    as_vector,
    as_weight,
    run_starts,
    segment_sums,
)
from churnlab.metrics.binary import LOG_MARGIN
from churnlab.metrics.corp import IsotonicFit, isotonic_fit
from churnlab.types import Array

#: Customers that behave as forecast, added to each step of a shrunk isotonic map: as many as make
#: the standard error of a rate .07 at most, below which a step speaks more for itself.
PSEUDO_CUSTOMERS: Final = 50.0


class Calibrator(ABC):
    """A monotone map from score to probability."""

    @abstractmethod
    def __call__(self, score: ArrayLike) -> Array:
        """Return the calibrated probability of each score."""


@dataclass(frozen=True)
class IsotonicCalibrator(Calibrator):
    """Isotonic regression, linear between the fitted scores and flat beyond them."""

    score: Array
    rate: Array

    @classmethod
    def learn(
        cls, score: ArrayLike, outcome: ArrayLike, weight: ArrayLike | None = None
    ) -> IsotonicCalibrator:
        """Fit on earlier outcomes; each step keeps its rate, the two ends are drawn in.

        The lowest and highest step are kept off 0 and 1 by half an event among their customers:
        a step of 40 customers without an event does not show that events are impossible, and the
        log score would punish the first one without bound. Neither passes its neighbour by that:
        what one customer alone on the top step does not show, the many beneath may.
        """
        fit = isotonic_fit(score, outcome, weight)
        return cls(fit.score, _ends_drawn_in(fit))

    def __call__(self, score: ArrayLike) -> Array:
        """Return the calibrated probability of each score."""
        return np.interp(as_vector(score, "score"), self.score, self.rate)


class ShrunkIsotonicCalibrator(IsotonicCalibrator):
    """Isotonic regression whose steps are drawn to their forecasts, small ones most.

    Each step counts `PSEUDO_CUSTOMERS` more customers whose outcomes are what was forecast.
    """

    @classmethod
    def learn(
        cls, score: ArrayLike, outcome: ArrayLike, weight: ArrayLike | None = None
    ) -> ShrunkIsotonicCalibrator:
        """Fit on earlier outcomes."""
        risk = as_probability(score, "score")
        fit = isotonic_fit(risk, outcome, weight)
        starts = run_starts(fit.rate)
        n = segment_sums(fit.size, starts)
        forecast = segment_sums(fit.size * fit.score, starts) / n
        drawn = (n * fit.rate[starts] + PSEUDO_CUSTOMERS * forecast) / (n + PSEUDO_CUSTOMERS)
        rate = isotonic_regression(drawn, weights=n + PSEUDO_CUSTOMERS).x
        return cls(fit.score, np.repeat(rate, np.diff(np.append(starts, fit.rate.size))))


def _ends_drawn_in(fit: IsotonicFit) -> Array:
    """Return the rates with the ends kept off 0 and 1 by half an event, not past the next step."""
    steps = np.unique(fit.rate)
    first, last = fit.rate == steps[0], fit.rate == steps[-1]
    low = 0.5 / (1.0 + fit.size[first].sum())
    high = 1.0 - 0.5 / (1.0 + fit.size[last].sum())
    if steps.size == 1:
        return np.clip(fit.rate, low, high)
    rate = fit.rate.copy()
    rate[first] = max(steps[0], min(low, steps[1]))
    rate[last] = min(steps[-1], max(high, steps[-2]))
    return rate


@dataclass(frozen=True)
class BetaCalibrator(Calibrator):
    """Beta calibration: logit q = c + a ln p - b ln(1 - p), a and b non-negative.

    Three parameters: steadier than isotonic where events are few. Source: Kull, Silva Filho,
    Flach (2017), "Beta calibration", AISTATS.
    """

    a: float
    b: float
    c: float

    @classmethod
    def learn(
        cls, score: ArrayLike, outcome: ArrayLike, weight: ArrayLike | None = None
    ) -> BetaCalibrator:
        """Fit on earlier outcomes by weighted maximum likelihood."""
        return cls(*_logistic(_log_odds_parts(as_probability(score, "score")), outcome, weight))

    def __call__(self, score: ArrayLike) -> Array:
        """Return the calibrated probability of each score."""
        logit = _log_odds_parts(as_probability(score, "score")) @ (self.a, self.b, self.c)
        return 1 / (1 + np.exp(-np.clip(logit, -700, 700)))


class PlattCalibrator(BetaCalibrator):
    """Logistic regression on the logit: logit q = c + a logit p, a non-negative.

    Two parameters, the level and the spread of the forecasts: the steadiest. Source: Platt (1999),
    "Probabilistic outputs for support vector machines".
    """

    @classmethod
    def learn(
        cls, score: ArrayLike, outcome: ArrayLike, weight: ArrayLike | None = None
    ) -> PlattCalibrator:
        """Fit on earlier outcomes by weighted maximum likelihood."""
        parts = _log_odds_parts(as_probability(score, "score"))
        features = np.column_stack([parts[:, 0] + parts[:, 1], parts[:, 2]])
        a, c = _logistic(features, outcome, weight)
        return cls(a, a, c)


def _log_odds_parts(p: Array) -> Array:
    p = np.clip(p, LOG_MARGIN, 1 - LOG_MARGIN)
    return np.column_stack([np.log(p), -np.log1p(-p), np.ones_like(p)])


def _logistic(features: Array, outcome: ArrayLike, weight: ArrayLike | None) -> list[float]:
    """Return the coefficients of greatest likelihood, non-negative but for the last (constant)."""
    y = as_outcome(outcome)
    w = as_weight(weight, y) / as_weight(weight, y).sum()

    def loss(theta: Array) -> tuple[float, Array]:
        logit = features @ theta
        error = w * (1 / (1 + np.exp(-np.clip(logit, -700, 700))) - y)
        return float((w * (np.logaddexp(0, logit) - y * logit)).sum()), features.T @ error

    slopes = features.shape[1] - 1
    bounds = [(0, None)] * slopes + [(None, None)]
    start = np.append(np.ones(slopes), 0.0)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return [float(v) for v in found.x]


CALIBRATORS: Final[Mapping[str, type[IsotonicCalibrator] | type[BetaCalibrator]]] = {
    "isotonic": IsotonicCalibrator,
    "shrunk_isotonic": ShrunkIsotonicCalibrator,
    "platt": PlattCalibrator,
    "beta": BetaCalibrator,
}


def calibrator(name: str) -> type[IsotonicCalibrator] | type[BetaCalibrator]:
    """Return the class of a recalibration by its name in `CALIBRATORS`."""
    one_of("the recalibration", name, CALIBRATORS)
    return CALIBRATORS[name]
