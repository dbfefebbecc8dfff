"""Posterior predictive checks: does the fit make cohorts like the ones it saw?"""

import numpy as np
import pandas as pd

from churnlab.nday.data import CohortCounts
from churnlab.nday.posterior.curves import predict_cohorts
from churnlab.nday.posterior.fit import ConversionFit
from churnlab.types import Array, Ints


def _statistics(y: Ints, signups: Ints) -> dict[str, Array]:
    """Statistics of conversions (..., cohort, age), one figure per leading index."""
    by_age, by_cohort, ages = y.sum(axis=-2), y.sum(axis=-1), y.shape[-1]
    later = by_age[..., 1:]
    return {
        "conversions": by_age.sum(axis=-1),
        "conversions_on_signup_day": by_age[..., 0],
        "conversions_in_last_third": by_age[..., -(ages // 3) :].sum(axis=-1),
        "spread_between_cohorts": (by_cohort / signups).std(axis=-1),
        "share_on_peak_day": later.max(axis=-1) / np.maximum(later.sum(axis=-1), 1),
        "cohorts_without_conversion_in_second_half": np.mean(
            y[..., ages // 2 :].sum(axis=-1) == 0, axis=-1
        ),
    }


def predictive_checks(
    fit: ConversionFit, counts: CohortCounts, rng: np.random.Generator, draws: int = 200
) -> pd.DataFrame:
    """Hold statistics of the data against replicated cohorts.

    Returns: `model`, `statistic`, `observed`, `q05`, `q95` (of the replicates), `p` (share of
        replicates at or above the observed; ties count half) and `inside` (in the 90% band). Cells
        that are not observed in the data are not counted in the replicates either.
    """
    replicated = predict_cohorts(fit, counts, rng, draws) * counts.observed
    drawn = _statistics(replicated, counts.signups)
    rows = []
    for name, seen in _statistics(counts.conversions, counts.signups).items():
        made = drawn[name]
        low, high = np.quantile(made, [0.05, 0.95])
        p = float(np.mean(made > seen) + 0.5 * np.mean(made == seen))
        rows.append((fit.name, name, float(seen), low, high, p, bool(low <= seen <= high)))
    columns = ["model", "statistic", "observed", "q05", "q95", "p", "inside"]
    return pd.DataFrame(rows, columns=columns)
