"""Small simulators with known truth for the N-day tests."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from churnlab.nday.data import CohortConfig, CohortCounts

START = pd.Timestamp("2026-01-01")


def counts_from_hazard(
    hazard,
    rng,
    *,
    n_cohorts=60,
    size=200,
    tau=0.0,
    as_of=None,
    day_index=0,
    groups=("all",),
    group_shift=None,
) -> CohortCounts:
    """Daily cohorts whose hazard by age is given; a cohort's log hazard shifts by N(0, tau)."""
    hazard = np.asarray(hazard, float)
    n_ages = len(hazard)
    rows = [
        (START + pd.Timedelta(days=d), g, size) for d in range(n_cohorts) for g in sorted(groups)
    ]
    cohorts = pd.DataFrame(rows, columns=["signup_date", "group", "signups"])
    shift = np.zeros(len(cohorts)) if group_shift is None else cohorts["group"].map(group_shift)
    level = np.exp(tau * rng.standard_normal(len(cohorts)) + np.asarray(shift))
    left = cohorts["signups"].to_numpy().copy()
    events = np.zeros((len(cohorts), n_ages), np.int64)
    for age in range(n_ages):
        h = -np.expm1(level * np.log1p(-hazard[age]))
        events[:, age] = rng.binomial(left, h)
        left -= events[:, age]
    last = START + pd.Timedelta(days=n_cohorts - 1 + n_ages)
    full = CohortCounts(cohorts=cohorts, conversions=events, as_of=last.date(), day_index=day_index)
    return full if as_of is None else full.until(as_of)


def frames_from_counts(counts: CohortCounts) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Members and purchases that compress to these counts; times at noon."""
    members, purchases, serial = [], [], 0
    for row, y in zip(counts.cohorts.itertuples(), counts.conversions, strict=True):
        ages = np.repeat(np.arange(len(y)), y)
        for i in range(row.signups):
            serial += 1
            name = f"c{serial:07d}"
            noon = row.signup_date + pd.Timedelta(hours=12)
            members.append((name, noon, row.group))
            if i < len(ages):
                bought = noon + pd.Timedelta(days=int(ages[i]), minutes=30)
                purchases.append((name, bought))
    return (
        pd.DataFrame(members, columns=["customer_id", "signed_up_at", "lead_type"]),
        pd.DataFrame(purchases, columns=["customer_id", "event_at"]),
    )


def cliff(h=0.03, day=10, drop=50.0, n_ages=31) -> np.ndarray:
    """L2's truth: hazard h before the day, h / drop from it on."""
    ages = np.arange(n_ages)
    return np.where(ages < day, h, h / drop)


def cure_hazard(c=0.4, atom=0.3, shape=0.8, scale=6.0, n_ages=31) -> np.ndarray:
    """Hazard of a Weibull mixture cure with an atom on the signup day."""
    ages = np.arange(n_ages)
    F = -np.expm1(-((ages / scale) ** shape))
    G = c * (atom + (1 - atom) * F)
    before = np.concatenate([[0.0], G[:-1]])
    return (G - before) / (1 - before)


def day(offset: int) -> dt.date:
    return (START + pd.Timedelta(days=offset)).date()


def config(**changes) -> CohortConfig:
    return CohortConfig(**{"weekday_effects": False, "window_days": 30, **changes})
