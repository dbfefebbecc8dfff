"""Posterior predictive checks: does the fit make cohorts like the ones it saw?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.nday.data import CohortCounts
from churnlab.nday.posterior.curves import predict_cohorts
from churnlab.nday.posterior.fit import ConversionFit

Array = NDArray[Any]


def _converted(y: Array, signups: Array) -> float:
    return float(y.sum())


def _same_day(y: Array, signups: Array) -> float:
    return float(y[:, 0].sum())


def _last_third(y: Array, signups: Array) -> float:
    return float(y[:, -(y.shape[1] // 3) :].sum())


def _spread(y: Array, signups: Array) -> float:
    return float(np.std(y.sum(axis=1) / signups))


def _peak_share(y: Array, signups: Array) -> float:
    by_age = y[:, 1:].sum(axis=0)
    return float(by_age.max() / max(by_age.sum(), 1.0))


def _silent_second_half(y: Array, signups: Array) -> float:
    return float(np.mean(y[:, y.shape[1] // 2 :].sum(axis=1) == 0))


_STATISTICS: dict[str, Callable[[Array, Array], float]] = {
    "conversions": _converted,
    "conversions_on_signup_day": _same_day,
    "conversions_in_last_third": _last_third,
    "spread_between_cohorts": _spread,
    "share_on_peak_day": _peak_share,
    "cohorts_without_conversion_in_second_half": _silent_second_half,
}


def predictive_checks(
    fit: ConversionFit, counts: CohortCounts, rng: np.random.Generator, draws: int = 200
) -> pd.DataFrame:
    """Hold statistics of the data against replicated cohorts.

    Returns
    -------
    DataFrame
        `model`, `statistic`, `observed`, `q05`, `q95` (of the replicates), `p` (share of
        replicates at or above the observed; ties count half) and `inside` (in the 90% band).
        Cells that are not observed in the data are not counted in the replicates either.
    """
    replicated = predict_cohorts(fit, counts, rng, draws) * counts.observed
    rows = []
    for name, statistic in _STATISTICS.items():
        seen = statistic(counts.conversions, counts.signups)
        made = np.array([statistic(y, counts.signups) for y in replicated])
        low, high = np.quantile(made, [0.05, 0.95])
        p = float(np.mean(made > seen) + 0.5 * np.mean(made == seen))
        inside = bool(low <= seen <= high)
        rows.append((fit.name, name, seen, low, high, p, inside))
    columns = ["model", "statistic", "observed", "q05", "q95", "p", "inside"]
    return pd.DataFrame(rows, columns=columns)
