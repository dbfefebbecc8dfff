"""Levels of cohorts and groups against the pooled hazard: gamma-Poisson.

Events of a cohort (or a group) are Poisson with mean level x expected; levels are gamma with mean 1
and a variance that the data give: of many cohorts by moments (never below 0), of a few groups drawn
from its posterior on a grid, for a few say little of it. No search, no chains.

References
----------
DuMouchel (1999), The American Statistician 53 (gamma-Poisson shrinker).
"""

from typing import Final

import numpy as np
from scipy.special import gammaln

from churnlab.types import Array

#: What a prior may be worth, in conversions: levels with a spread of 1.6 to one of a hundredth.
WORTH: Final = np.geomspace(0.4, 1e4, 80)
#: Smallest variance of a level: a precision of 10,000 events is "no spread".
_LEAST_VARIANCE = 1e-4


def level_variance(events: Array, expected: Array, noise: Array | None = None) -> float:
    """Variance of the levels beyond chance, by moments over the units.

    events, expected (unit,): Seen, and expected at level 1.
    noise (unit,): Variance of the events at level 1; default: Poisson.
    """
    noise = expected if noise is None else noise
    square = float((expected**2).sum())
    if len(events) < 2 or square <= 0:
        return _LEAST_VARIANCE
    # The pooled hazard was learnt from the same units: one degree of freedom.
    residual = (events - expected) ** 2 * len(events) / (len(events) - 1)
    return max(float((residual - noise).sum()) / square, _LEAST_VARIANCE)


def level_draws(
    events: Array, expected: Array, variance: float, n: int, rng: np.random.Generator
) -> Array:
    """Posterior draws of each unit's level, (draw, unit): Gamma(1/v + events, 1/v + expected)."""
    prior = 1.0 / variance
    return rng.gamma(prior + events, size=(n, *np.shape(events))) / (prior + expected)


def worth_draws(
    events: Array, expected: Array, share: Array | float, n: int, rng: np.random.Generator
) -> Array:
    """Posterior draws of how many conversions the prior of levels is worth, (draw, 1).

    The prior is flat in the levels' spread, 1 / sqrt(worth).

    events, expected (unit, ...): Seen, and expected at level 1: negative binomial of size worth x
        share.
    share: Of the worth that falls to each.
    """
    k = WORTH[:, *(None,) * np.ndim(events)] * share
    logs = gammaln(k + events) - gammaln(k) + k * np.log(k) - (k + events) * np.log(k + expected)
    logs = logs.reshape(len(WORTH), -1).sum(axis=1) - np.log(WORTH) / 2
    weights = np.exp(logs - logs.max())
    return np.asarray(rng.choice(WORTH, (n, 1), p=weights / weights.sum()))
