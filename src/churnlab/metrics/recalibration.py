"""Maps from a score to a calibrated probability, learnt on earlier outcomes.

Monotone, so they leave the ranking alone (isotonic makes ties).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from churnlab.errors import UsageError, nearest
from churnlab.metrics._arrays import Array, as_outcome, as_probability, as_vector, as_weight
from churnlab.metrics.binary import LOG_MARGIN
from churnlab.metrics.corp import isotonic_fit


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
        """Fit on earlier outcomes.

        The lowest and highest step are kept off 0 and 1 by half an event among their customers:
        a step of 40 customers without an event does not show that events are impossible, and the
        log score would punish the first one without bound.
        """
        fit = isotonic_fit(score, outcome, weight)
        low = 0.5 / (1.0 + fit.size[fit.rate == fit.rate[0]].sum())
        high = 1.0 - 0.5 / (1.0 + fit.size[fit.rate == fit.rate[-1]].sum())
        return cls(fit.score, np.clip(fit.rate, min(low, high), max(low, high)))

    def __call__(self, score: ArrayLike) -> Array:
        """Return the calibrated probability of each score."""
        return np.interp(as_vector(score, "score"), self.score, self.rate)


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
        features, y = _log_odds_parts(as_probability(score, "score")), as_outcome(outcome)
        w = as_weight(weight, y) / as_weight(weight, y).sum()

        def loss(theta: Array) -> tuple[float, Array]:
            logit = features @ theta
            error = w * (1 / (1 + np.exp(-np.clip(logit, -700, 700))) - y)
            return float((w * (np.logaddexp(0, logit) - y * logit)).sum()), features.T @ error

        bounds = [(0, None), (0, None), (None, None)]
        found = minimize(
            loss, np.array([1.0, 1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds
        )
        return cls(*(float(v) for v in found.x))

    def __call__(self, score: ArrayLike) -> Array:
        """Return the calibrated probability of each score."""
        logit = _log_odds_parts(as_probability(score, "score")) @ (self.a, self.b, self.c)
        return 1 / (1 + np.exp(-np.clip(logit, -700, 700)))


def _log_odds_parts(p: Array) -> Array:
    p = np.clip(p, LOG_MARGIN, 1 - LOG_MARGIN)
    return np.column_stack([np.log(p), -np.log1p(-p), np.ones_like(p)])


_CALIBRATORS: dict[str, Any] = {"isotonic": IsotonicCalibrator, "beta": BetaCalibrator}


def calibrator(name: str) -> type[IsotonicCalibrator] | type[BetaCalibrator]:
    """Return the class of a recalibration by name: isotonic or beta."""
    if name not in _CALIBRATORS:
        raise UsageError(
            f"recalibration {name!r} is unknown; expected one of {sorted(_CALIBRATORS)}."
            + nearest(name, _CALIBRATORS)
        )
    found: type[IsotonicCalibrator] | type[BetaCalibrator] = _CALIBRATORS[name]
    return found
