"""Comparing conversion models by what they say of cohorts they have not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp

from churnlab.nday.data import CohortCounts
from churnlab.nday.posterior.fit import ConversionFit

Array = NDArray[np.float64]


def cohort_log_scores(fit: ConversionFit, counts: CohortCounts, draws: int = 200) -> Array:
    """Log predictive density of each held-out cohort's daily counts, (cohort,).

    log mean over draws of L_d(theta), the cohort's level integrated out; the multinomial
    coefficient, the same for every model, is left out.
    """
    data = fit.data(counts)
    chosen = fit.theta[np.linspace(0, len(fit.theta) - 1, min(draws, len(fit.theta))).astype(int)]
    scores = np.array([fit.likelihood.cohort_log_likelihood(t, data) for t in chosen])
    return np.asarray(logsumexp(scores, axis=0) - np.log(len(scores)))


def compare(fits: Sequence[ConversionFit], counts: CohortCounts) -> pd.DataFrame:
    """Rank fits by log score on held-out cohorts, with the paired difference to the best.

    Returns
    -------
    DataFrame
        `model`, `log_score` (sum over cohorts), `per_signup`, `behind_best` and `se_behind`
        (paired over cohorts), `n_cohorts`; best first.
    """
    scores = {fit.name: cohort_log_scores(fit, counts) for fit in fits}
    best = max(scores, key=lambda name: float(scores[name].sum()))
    rows = []
    for name, score in scores.items():
        behind = scores[best] - score
        rows.append(
            {
                "model": name,
                "log_score": float(score.sum()),
                "per_signup": float(score.sum() / counts.signups.sum()),
                "behind_best": float(behind.sum()),
                "se_behind": float(behind.std(ddof=1) * np.sqrt(len(behind)))
                if len(behind) > 1
                else np.nan,
                "n_cohorts": len(score),
            }
        )
    return pd.DataFrame(rows).sort_values("log_score", ascending=False, ignore_index=True)
