"""How well a fit says what cohorts it has not seen did."""

import numpy as np
import pandas as pd
from scipy.special import gammaln, logsumexp

from churnlab.nday.data import CohortCounts
from churnlab.nday.posterior.curves import thin
from churnlab.nday.posterior.fit import ConversionFit
from churnlab.types import Array


def cohort_log_scores(fit: ConversionFit, counts: CohortCounts, draws: int = 200) -> Array:
    """Log predictive density of each held-out cohort's daily counts, (cohort,).

    log mean over draws of E[prod_a (1 - e^(-l r_a))^(y_a) e^(-l r_a (n_a - y_a))], l the cohort's
    gamma level of mean w. Of the level, 1 - e^(-l r) is (1 - e^(-w r)) (l / w) e^(-(l - w) r / 2)
    to second order (relative error (l - w)^2 r^2 / 24), which makes the integral closed. The
    multinomial coefficient is left out.
    """
    rows = thin(fit, draws)
    levels, k = fit.cohort_levels(counts, rows), 1.0 / fit.variance
    y, left = counts.conversions, counts.at_risk - counts.conversions
    total = y.sum(axis=1)
    out = np.empty((len(rows), len(y)))
    for i, row in enumerate(rows):
        rates = fit.cohort_rates(counts, int(row)) * levels[i][:, None]
        hit = (y * np.log(np.maximum(-np.expm1(-rates), 1e-300)) + y * rates / 2).sum(axis=1)
        exposed = ((left + y / 2) * rates).sum(axis=1)
        gamma = gammaln(k + total) - gammaln(k) + k * np.log(k) - (k + total) * np.log(k + exposed)
        out[i] = hit + gamma
    return np.asarray(logsumexp(out, axis=0) - np.log(len(rows)))


def score_table(fit: ConversionFit, counts: CohortCounts) -> pd.DataFrame:
    """Log score on held-out cohorts: `model`, `log_score`, `per_signup`, `n_cohorts`."""
    total = float(cohort_log_scores(fit, counts).sum())
    row = {
        "model": fit.name,
        "log_score": total,
        "per_signup": total / int(counts.signups.sum()),
        "n_cohorts": len(counts.cohorts),
    }
    return pd.DataFrame([row])
