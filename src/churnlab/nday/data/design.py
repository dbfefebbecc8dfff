"""What a cohort's conversion level may depend on: weekday of signup, campaign, group."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.nday.data.config import CohortConfig
from churnlab.nday.data.counts import CohortCounts

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

#: Fewer signup days than this cannot tell a weekday from a cohort.
_MIN_DAYS_FOR_WEEKDAYS = 21


@dataclass(frozen=True)
class Design:
    """Linear predictor of a cohort's conversion logit.

    Parameters
    ----------
    matrix : array (cohort, column)
        0/1 columns; the first one is the intercept.
    names : tuple of str
        ``mean``, ``weekday_mon`` ..., ``campaign_NAME`` ..., ``group_NAME`` ...
    """

    matrix: NDArray[np.float64]
    names: tuple[str, ...]


def design_names(counts: CohortCounts, config: CohortConfig) -> tuple[str, ...]:
    """Name the columns that these cohorts can inform."""
    days = counts.cohorts["signup_date"].nunique()
    weekdays = config.weekday_effects and days >= _MIN_DAYS_FOR_WEEKDAYS
    groups = counts.groups if len(counts.groups) > 1 else ()
    return (
        "mean",
        *([f"weekday_{d}" for d in _WEEKDAYS] if weekdays else []),
        *[f"campaign_{c}" for c in config.campaigns],
        *[f"group_{g}" for g in groups],
    )


def build_design(
    counts: CohortCounts, config: CohortConfig, names: tuple[str, ...] | None = None
) -> Design:
    """Build the design; pass the `names` of a fit to place other cohorts in its columns.

    A group that the fit has not seen has zeros in its columns: the average group.
    """
    names = design_names(counts, config) if names is None else names
    dates = counts.cohorts["signup_date"]
    campaigns = config.campaign_dates()
    columns = [_column(name, dates, counts.cohorts["group"], campaigns) for name in names]
    return Design(matrix=np.column_stack(columns).astype(np.float64), names=tuple(names))


def _column(
    name: str, dates: pd.Series, groups: pd.Series, campaigns: dict[str, tuple[dt.date, dt.date]]
) -> NDArray[np.bool_]:
    kind, _, value = name.partition("_")
    if kind == "mean":
        return np.ones(len(dates), bool)
    if kind == "weekday":
        return np.asarray(dates.dt.day_of_week == _WEEKDAYS.index(value))
    if kind == "campaign":
        first, last = campaigns[value]
        return dates.between(pd.Timestamp(first), pd.Timestamp(last)).to_numpy()
    return (groups == value).to_numpy()
