"""Conversion curves from a fit: of the population, of each cohort, of cohorts to come."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churnlab.nday.data import CohortCounts
from churnlab.nday.posterior.fit import ConversionFit

Array = NDArray[np.float64]

_NODES = 15


def population_curves(
    fit: ConversionFit, counts: CohortCounts | None = None, group: str | None = None
) -> Array:
    """Converted through the end of each age, averaged over cohorts, (draw, age).

    The average is over the cohorts' own mix of weekdays, campaigns and groups (weights: signups)
    and over the spread tau of cohort levels, by Gauss-Hermite quadrature.

    Parameters
    ----------
    fit : ConversionFit
        The fit.
    counts : CohortCounts or None
        Cohorts whose mix counts; default: those of the fit.
    group : str or None
        Only this group.
    """
    data = fit.likelihood.data if counts is None else fit.data(counts)
    keep = np.ones(len(data.signups), bool)
    if group is not None:
        keep = data.group == data.groups.index(group)
    rows = np.column_stack([data.design[keep], data.group[keep]])
    kinds, code = np.unique(rows, axis=0, return_inverse=True)
    weight = np.bincount(code, weights=data.signups[keep])
    return _average(fit, kinds[:, :-1], kinds[:, -1].astype(np.int64), weight / weight.sum())


def _average(fit: ConversionFit, design: Array, group: NDArray[np.int64], weight: Array) -> Array:
    points, heights = np.polynomial.hermite_e.hermegauss(_NODES)
    heights = heights / heights.sum()
    joint = np.outer(weight, heights).ravel()
    codes = np.repeat(group, _NODES)
    out = np.empty((len(fit.theta), fit.likelihood.data.conversions.shape[1]))
    for i, theta in enumerate(fit.theta):
        mean = fit.likelihood.mean_level(theta, design)
        levels = (mean[:, None] + fit.likelihood.tau(theta) * points).ravel()
        out[i] = joint @ fit.likelihood.curve(theta, levels, codes)
    return out


def cohort_levels(
    fit: ConversionFit, counts: CohortCounts, rng: np.random.Generator, draws: int = 200
) -> Array:
    """Posterior curves of observed cohorts given their own counts, (draw, cohort, age)."""
    data = fit.data(counts)
    chosen = _thin(fit, draws)
    out = np.empty((len(chosen), *data.conversions.shape))
    for i, theta in enumerate(chosen):
        levels = fit.likelihood.level_posterior(theta, data, rng)
        out[i] = fit.likelihood.curve(theta, levels, data.group)
    return out


def predict_cohorts(
    fit: ConversionFit, counts: CohortCounts, rng: np.random.Generator, draws: int = 400
) -> NDArray[np.int64]:
    """Predicted conversions of cohorts that were not looked at, (draw, cohort, age).

    Only their signups, dates and groups are used: parameters from the posterior, levels from
    N(x'beta, tau), counts from the multinomial.
    """
    data = fit.data(counts)
    chosen = _thin(fit, draws)
    out = np.empty((len(chosen), *data.conversions.shape), np.int64)
    for i, theta in enumerate(chosen):
        noise = rng.standard_normal(len(data.signups))
        levels = fit.likelihood.mean_level(theta, data.design) + fit.likelihood.tau(theta) * noise
        out[i] = sample_counts(fit.likelihood.curve(theta, levels, data.group), data.signups, rng)
    return out


def sample_counts(
    curves: Array, signups: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Multinomial conversions by age, (cohort, age)."""
    share = np.diff(curves, axis=1, prepend=0.0)
    share = np.clip(np.column_stack([share, 1.0 - curves[:, -1]]), 0.0, 1.0)
    share = share / share.sum(axis=1, keepdims=True)
    return np.asarray(rng.multinomial(signups, share)[:, :-1], np.int64)


def _thin(fit: ConversionFit, draws: int) -> Array:
    index = np.linspace(0, len(fit.theta) - 1, min(draws, len(fit.theta))).astype(int)
    return fit.theta[index]
