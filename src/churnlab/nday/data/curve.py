"""The conversion curve as data: per cohort, and pooled with its sampling error."""

import numpy as np
import pandas as pd

from churnlab.nday.data.counts import CohortCounts


def cohort_curve(counts: CohortCounts) -> pd.DataFrame:
    """Return buyers / signups by cohort and day; cells that are not over yet are marked.

    Returns: `signup_date`, `group`, `day` (in the configured count), `signups`, `buyers` (so far;
        null where not observed), `ratio`, `observed`, `complete` (the cohort's whole window is
        over).
    """
    n_cohorts, n_ages = counts.conversions.shape
    rows = np.repeat(np.arange(n_cohorts), n_ages)
    frame = counts.cohorts.iloc[rows].reset_index(drop=True)
    observed = counts.observed.ravel()
    buyers = pd.array(counts.buyers.ravel(), dtype="Int64")
    buyers[~observed] = pd.NA
    frame["day"] = np.tile(np.arange(n_ages) + counts.day_index, n_cohorts)
    frame["buyers"] = buyers
    frame["ratio"] = np.where(observed, counts.buyers.ravel() / frame["signups"], np.nan)
    frame["observed"] = observed
    frame["complete"] = np.repeat(counts.complete, n_ages)
    columns = ["signup_date", "group", "day", "signups", "buyers", "ratio", "observed", "complete"]
    return frame[columns]


def pooled_curve(counts: CohortCounts) -> pd.DataFrame:
    """Return the Kaplan-Meier curve over all cohorts, by group, with Greenwood's error.

    Ages are whole days, so the product over days of 1 - conversions / at risk is exact for
    right-censored cohorts.

    Returns: `group`, `day`, `at_risk`, `conversions`, `hazard` (per unconverted and day),
        `converted` (through the end of the day), `standard_error`.

    Kaplan & Meier (1958); Greenwood (1926).
    """
    parts = []
    for group in counts.groups:
        part = counts.select((counts.cohorts["group"] == group).to_numpy())
        parts.append(_kaplan_meier(part).assign(group=group))
    frame = pd.concat(parts, ignore_index=True)
    return frame[["group", *[c for c in frame.columns if c != "group"]]]


def _kaplan_meier(counts: CohortCounts) -> pd.DataFrame:
    at_risk = counts.at_risk.sum(axis=0)
    events = counts.conversions.sum(axis=0)
    safe = np.maximum(at_risk, 1)
    hazard = events / safe
    survival = np.cumprod(1.0 - hazard)
    left = np.maximum(safe - events, 1)
    variance = survival**2 * np.cumsum(events / (safe * left))
    return pd.DataFrame(
        {
            "day": np.arange(counts.last_age + 1) + counts.day_index,
            "at_risk": at_risk,
            "conversions": events,
            "hazard": np.where(at_risk > 0, hazard, np.nan),
            "converted": np.where(at_risk > 0, 1.0 - survival, np.nan),
            "standard_error": np.where(at_risk > 0, np.sqrt(variance), np.nan),
        }
    )
