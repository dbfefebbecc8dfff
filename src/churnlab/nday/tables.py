"""The tables of an N-day study that follow from its fit."""

import numpy as np
import pandas as pd

from churnlab.nday.config import NdayConfig
from churnlab.nday.data import CohortCounts, pooled_curve
from churnlab.nday.decide import value as nday
from churnlab.nday.decide.attention import AttentionReadings
from churnlab.nday.decide.decision import best_table, organic_table, value_table
from churnlab.nday.decide.flat import flat_table
from churnlab.nday.decide.plateau import (
    PlateauDay,
    below_early,
    changepoint,
    fraction_of_final,
    hazard_below,
    to_come,
)
from churnlab.nday.draws import columns
from churnlab.nday.posterior import ConversionFit, population_curves
from churnlab.types import Array

Tables = dict[str, pd.DataFrame]


def plateau_days(
    counts: CohortCounts, G: Array, config: NdayConfig, rng: np.random.Generator
) -> list[PlateauDay]:
    """The headline first, then the other definitions."""
    y, r, apart = counts.conversions.sum(axis=0), counts.at_risk.sum(axis=0), config.cohort
    return [
        below_early(G, config.early_share, apart=apart.expiry_ages),
        hazard_below(G, config.hazard_threshold, apart=apart.expiry_ages),
        fraction_of_final(G, config.fraction),
        changepoint(y, r, rng, draws=len(G), apart=apart.expiry_ages),
    ]


def decision_tables(
    fit: ConversionFit,
    counts: CohortCounts,
    G: Array,
    seen: AttentionReadings,
    days: list[PlateauDay],
    uplifts: list[float],
    config: NdayConfig,
    rng: np.random.Generator,
) -> Tables:
    """Every table that follows from the fit; `uplifts` is the grid of u0."""
    ages, index = config.ages(), config.cohort.day_index
    tables = {
        "fitted": fitted_table(fit, counts, G),
        "organic": organic_table(G, ages, config.costs, index),
        "plateau": plateau_table(days, index),
        "flat": flat_table(counts, G, rng),
        "attention": seen.table,
        "parameters": fit.table,
    }
    if config.costs.stated:
        shared = (seen.readings, uplifts, config.costs)
        tables["value"] = value_table(G, ages, *shared, index)
        tables["best"] = best_table(G, ages, *shared, n=config.n, day_index=index)
    if len(fit.groups) > 1:
        tables["groups"] = groups_table(fit, counts, seen, config)
    return tables


def fitted_table(fit: ConversionFit, counts: CohortCounts, G: Array) -> pd.DataFrame:
    """Pooled curve of the data (Kaplan-Meier) beside the model's, per group when there are any."""
    parts = [_fitted(counts.pooled(), G, "all")]
    if len(fit.groups) > 1:
        for group in fit.groups:
            part = counts.select((counts.cohorts["group"] == group).to_numpy())
            parts.append(_fitted(part.pooled(), population_curves(fit, group), group))
    return pd.concat(parts, ignore_index=True)


def _fitted(counts: CohortCounts, G: Array, group: str) -> pd.DataFrame:
    shown = columns(model=G, model_hazard=nday.hazard(G))
    return pooled_curve(counts).assign(group=group, **shown)


def plateau_table(days: list[PlateauDay], day_index: int) -> pd.DataFrame:
    """Posterior of each definition's day: `definition`, `day` (null: none), `probability`."""
    parts = []
    for day in days:
        values, times = np.unique(day.draws, return_counts=True)
        shown = np.where(np.isinf(values), np.nan, values + day_index)
        found = {"definition": day.definition, "day": pd.array(shown, dtype="Float64")}
        parts.append(pd.DataFrame(found | {"probability": times / times.sum()}))
    return pd.concat(parts, ignore_index=True)


def groups_table(
    fit: ConversionFit, counts: CohortCounts, seen: AttentionReadings, config: NdayConfig
) -> pd.DataFrame:
    """Per lead type or channel: curve at N and M, plateau; best N where costs are stated."""
    table = pd.concat([_group_rows(fit, group, seen, config) for group in fit.groups])
    signups = counts.cohorts.groupby("group")["signups"].sum()
    return table.assign(signups=table["group"].map(signups)).reset_index(drop=True)


def _group_rows(
    fit: ConversionFit, group: str, seen: AttentionReadings, config: NdayConfig
) -> pd.DataFrame:
    G, index = population_curves(fit, group), config.cohort.day_index
    n = config.n_by_group.get(group, config.n)
    best = pd.DataFrame({"n": [n]})
    if config.costs.stated:
        shared = (seen.readings, config.uplifts, config.costs)
        best = best_table(G, config.ages(), *shared, n=n, day_index=index)
    later = nday.organic_after(G, [n - index])[:, 0]
    flat = below_early(G, config.early_share, apart=config.cohort.expiry_ages)
    plateau = np.nan if flat.missing else flat.quantile(0.5) + index
    shown = columns(conversion=G[:, -1], organic_after_n=later)
    return best.assign(**shown, plateau_day=plateau, group=group)


def slow_share(G: Array, config: NdayConfig) -> tuple[int, float]:
    """A day, and the share of the window's buyers after it: why there is no plateau.

    The day before the hazard is low for good, where it is; otherwise two thirds into the window.
    """
    low = below_early(G, config.early_share, later=1.0, apart=config.cohort.expiry_ages)
    age = (2 * (G.shape[1] - 1)) // 3 if low.missing else max(int(low.quantile(0.5)) - 1, 0)
    return age + config.cohort.day_index, float(to_come(G)[:, age + 1].mean())
