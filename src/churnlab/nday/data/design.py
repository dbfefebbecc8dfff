"""What a cohort's conversion level may depend on beside its group: weekday of signup, campaign."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.nday.data.config import CohortConfig
from churnlab.nday.data.counts import CohortCounts

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

#: Fewer signup days than this cannot tell a weekday from a cohort.
LEAST_DAYS_FOR_WEEKDAYS = 21


def level_names(counts: CohortCounts, config: CohortConfig) -> dict[str, tuple[str, ...]]:
    """Name the levels that these cohorts can inform: ``weekday_mon`` ..., ``campaign_NAME`` ..."""
    days = counts.cohorts["signup_date"].nunique()
    weekdays = config.weekday_effects and days >= LEAST_DAYS_FOR_WEEKDAYS
    return {
        "weekday": tuple(f"weekday_{d}" for d in _WEEKDAYS) if weekdays else (),
        "campaign": tuple(f"campaign_{c}" for c in config.campaigns),
    }


def level_columns(
    counts: CohortCounts, config: CohortConfig, names: tuple[str, ...]
) -> NDArray[np.float64]:
    """Return which levels each cohort has, 0 or 1, (cohort, name)."""
    dates, campaigns = counts.cohorts["signup_date"], config.campaign_dates()

    def inside(name: str) -> NDArray[np.bool_]:
        kind, _, value = name.partition("_")
        if kind == "weekday":
            return np.asarray(dates.dt.day_of_week == _WEEKDAYS.index(value))
        first, last = campaigns[value]
        return np.asarray(dates.between(pd.Timestamp(first), pd.Timestamp(last)))

    return np.column_stack([inside(name) for name in names]).astype(np.float64)
