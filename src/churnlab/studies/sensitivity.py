"""How much a posterior hangs on its priors, and how much on its data, by power-scaling.

Kallioinen, Paananen, Buerkner, Vehtari (2024), "Detecting and diagnosing prior and likelihood
sensitivity with power-scaling", Statistics and Computing 34, 57. The priors (or the likelihood)
are raised to a power a near 1, the draws reweighted by ``density^(a - 1)``, and the change of each
marginal measured. No refit; a test holds this against `arviz_stats`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from churnlab.types import Array, Ints

if TYPE_CHECKING:
    from churnlab.inference.result import PopulationFit


#: Powers on either side of 1. So near it the weights differ by a few percent: no smoothing needed.
POWERS = (0.99, 1.01)
#: Sensitivity from which a component matters (the paper's; a mean moving 0.3 sd per doubling).
MATTERS = 0.05
#: Draws looked at.
DRAWS = 1000
ROBUST, CONFLICT, PRIOR_LED = "robust", "possible_conflict", "prior_led"


def prior_sensitivity(fit: PopulationFit, draws: int = DRAWS) -> pd.DataFrame:
    """Sensitivity of every natural quantity to the priors and to the likelihood.

    All stated priors are scaled together; the law by which groups differ is part of the model and
    is not scaled, the prior of its spread is.

    fit: A fit by either method.
    draws: Draws used at most (evenly thinned).
    Returns: One row per quantity: `parameter`; `prior` (its text); `prior_sensitivity` and
        `likelihood_sensitivity` (`slope` of the cumulative Jensen-Shannon distance); `shift_sd`
        (posterior standard deviations that the mean moves when the power of the priors doubles, to
        first order); `verdict` (`verdict`).
    """
    keep = _thinned(fit.u, draws)
    u = np.ascontiguousarray(fit.u[keep])
    by_prior, by_data = fit.target.log_stated_prior(u), fit.log_likelihood[keep]
    texts = {name: prior.text for name, prior in fit.target.stated_priors()}
    rows = []
    for name, values in _quantities(fit, u).items():
        prior, data = slope(values, by_prior), slope(values, by_data)
        rows.append((name, texts[name], prior, data, shift(values, by_prior), verdict(prior, data)))
    names = "parameter prior prior_sensitivity likelihood_sensitivity shift_sd verdict"
    return pd.DataFrame(rows, columns=names.split())


def most_prior_sensitive(fit: PopulationFit, draws: int = DRAWS) -> dict[str, str | float]:
    """Return the quantity most sensitive to the priors; the data are not passed over.

    Keys as columns of `prior_sensitivity`: `parameter`, `prior_sensitivity`, `shift_sd`.
    """
    u = np.ascontiguousarray(fit.u[_thinned(fit.u, draws)])
    by_prior = fit.target.log_stated_prior(u)
    quantities = _quantities(fit, u)
    slopes = {name: slope(values, by_prior) for name, values in quantities.items()}
    name = max(slopes, key=slopes.__getitem__)
    return {
        "parameter": name,
        "prior_sensitivity": slopes[name],
        "shift_sd": shift(quantities[name], by_prior),
    }


def _thinned(u: Array, draws: int) -> Ints:
    return np.linspace(0, len(u) - 1, min(draws, len(u))).round().astype(int)


def _quantities(fit: PopulationFit, u: Array) -> dict[str, Array]:
    natural = fit.target.natural_days(u).T
    return dict(zip(fit.target.map.names, natural, strict=True)) | fit.target.spreads(u)


def verdict(prior: float, likelihood: float) -> str:
    """Name what two sensitivities mean.

    ``robust``: the prior hardly matters. ``prior_led``: it does, and the data hardly do.
    ``possible_conflict``: both pull (the paper's potential prior-data conflict). NaN (a quantity
    that never moves) counts as robust.
    """
    if not prior >= MATTERS:
        return ROBUST
    return CONFLICT if likelihood >= MATTERS else PRIOR_LED


def slope(values: Array, log_density: Array) -> float:
    """Change of a marginal per doubling of a component's power.

    ``(CJS(a_low) / -log2(a_low) + CJS(a_high) / log2(a_high)) / 2`` at `POWERS`.

    values, log_density: A quantity, and the log density of the scaled component, at equal-weight
        draws (draw,).
    """
    centred = log_density - log_density.mean()
    parts = []
    for power in POWERS:
        weights = np.exp((power - 1) * centred)
        parts.append(distance(values, weights / weights.sum()) / abs(np.log2(power)))
    return float(np.mean(parts))


def shift(values: Array, log_density: Array) -> float:
    """Movement of the mean, in standard deviations, per doubling of a component's power.

    First order: the derivative of the mean by log2(power) is ``log(2) Cov(values, log density)``.
    """
    spread = float(np.std(values))
    if not spread > 0:
        return 0.0
    covariance = np.mean((values - values.mean()) * (log_density - log_density.mean()))
    return float(np.log(2) * covariance / spread)


def distance(values: Array, weights: Array) -> float:
    """Cumulative Jensen-Shannon distance between draws as they are and as weighted, 0 to 1.

    The larger of the distance of `values` and of ``-values``, as distribution functions treat the
    two tails unequally (Nguyen and Vreeken 2015).
    """
    order = np.argsort(values, kind="stable")
    sorted_values, sorted_weights = values[order], weights[order]
    return max(
        _cumulative_distance(np.diff(sorted_values), sorted_weights),
        _cumulative_distance(np.diff(sorted_values)[::-1], sorted_weights[::-1]),
    )


def _cumulative_distance(width: Array, weights: Array) -> float:
    n = len(weights)
    p, q = np.arange(1, n) / n, np.cumsum(weights)[:-1]
    bound = float(width @ (p + q))
    if not bound > 0:
        return 0.0
    middle = (p + q) / 2
    # The linear terms of the two directions cancel in the sum; both divergences are in bits.
    divergence = float(width @ (p * np.log2(p / middle) + q * np.log2(q / middle)))
    return float(np.sqrt(max(divergence / bound, 0.0)))
