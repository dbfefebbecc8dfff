"""Conversion curves from a fit: of the population, and of cohorts to come."""

import numpy as np
from numpy.typing import NDArray

from churnlab.nday.data import CohortCounts
from churnlab.nday.posterior.fit import ConversionFit
from churnlab.types import Array


def population_curves(fit: ConversionFit, group: str = "all") -> Array:
    """Converted through the end of each age over all cohorts or of one group, (draw, age)."""
    return np.asarray(-np.expm1(-np.cumsum(fit.rates[group], axis=1)))


def predict_cohorts(
    fit: ConversionFit, counts: CohortCounts, rng: np.random.Generator, draws: int = 400
) -> NDArray[np.int64]:
    """Predicted conversions of cohorts that were not looked at, (draw, cohort, age).

    Only their signups, dates and groups are used: hazards from the posterior, levels from their
    gamma spread, counts from the multinomial.
    """
    rows = thin(fit, draws)
    shape = 1.0 / fit.variance
    levels = fit.cohort_levels(counts, rows)
    levels = levels * rng.gamma(shape, size=levels.shape) / shape
    out = np.empty((len(rows), *counts.conversions.shape), np.int64)
    for i, row in enumerate(rows):
        rates = fit.cohort_rates(counts, int(row)) * levels[i][:, None]
        out[i] = sample_counts(-np.expm1(-np.cumsum(rates, axis=1)), counts.signups, rng)
    return out


def sample_counts(
    curves: Array, signups: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Multinomial conversions by age, (cohort, age)."""
    share = np.diff(curves, axis=1, prepend=0.0)
    share = np.clip(np.column_stack([share, 1.0 - curves[:, -1]]), 0.0, 1.0)
    share = share / share.sum(axis=1, keepdims=True)
    return np.asarray(rng.multinomial(signups, share)[:, :-1], np.int64)


def thin(fit: ConversionFit, draws: int) -> NDArray[np.int64]:
    """Rows of at most `draws` evenly spaced draws."""
    return np.linspace(0, fit.draws - 1, min(draws, fit.draws)).astype(np.int64)
