"""The tables of an N-day study, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.nday.config import NdayConfig
from churnlab.nday.data import (
    CohortCounts,
    Conversions,
    attention_from_visits,
    pooled_curve,
)
from churnlab.nday.decide import value as nday
from churnlab.nday.decide.decision import (
    LOST_INTEREST,
    NEVER_CONVERTS,
    best_table,
    organic_table,
    value_table,
)
from churnlab.nday.decide.flat import flat_share
from churnlab.nday.decide.plateau import (
    PlateauDay,
    below_early,
    changepoint,
    fraction_of_final,
    hazard_below,
)
from churnlab.nday.decide.recommend import (
    Recommendation,
    Uplift,
    by_plateau,
    by_value,
    later_share,
)
from churnlab.nday.posterior import ConversionFit, population_curves

Array = NDArray[np.float64]

#: With fewer unconverted to look at, attention is not measured: its share would be a guess.
_LEAST_UNCONVERTED = 30


@dataclass(frozen=True)
class AttentionReadings:
    """Attention under both readings of a plateau.

    Parameters
    ----------
    readings : dict
        Reading -> (draw or 1, age): `never_converts` does not fade; `lost_interest` fades as the
        visit log says, or one reading per half-life of the band without a log (or with a follow-up
        too short to see who visits again).
    table : DataFrame
        `n`, `reading`, `attention`, `q05`, `q95`, and from visits `unconverted`, `active`.
    from_visits : bool
        Measured, or assumed.
    """

    readings: dict[str, Array]
    table: pd.DataFrame
    from_visits: bool


def attention(
    found: Conversions,
    visits: pd.DataFrame | None,
    config: NdayConfig,
    rng: np.random.Generator,
    time_zone: str | None = None,
) -> AttentionReadings:
    """Measure attention from visits, or take the band of half-lives."""
    n_ages = config.cohort.last_age + 1
    readings: dict[str, Array] = {NEVER_CONVERTS: np.ones((1, n_ages))}
    seen = None
    if visits is not None:
        seen = attention_from_visits(
            found,
            visits,
            last_age=config.cohort.last_age,
            active_days=config.active_days,
            time_zone=time_zone,
        )
    if seen is None or int(seen.unconverted.min()) < _LEAST_UNCONVERTED:
        band = nday.attention_band(config.attention_half_lives, n_ages)
        readings |= {f"{LOST_INTEREST}_{name}": a for name, a in band.items()}
        return AttentionReadings(readings, _attention_table(readings, config), False)
    readings[LOST_INTEREST] = seen.draws(config.draws, rng)
    table = _attention_table(readings, config)
    measured = table["reading"] == LOST_INTEREST
    table.loc[measured, "unconverted"] = seen.unconverted
    table.loc[measured, "active"] = seen.active
    return AttentionReadings(readings, table, True)


def _attention_table(readings: Mapping[str, Array], config: NdayConfig) -> pd.DataFrame:
    parts = []
    for reading, a in readings.items():
        low, high = np.quantile(a, [0.05, 0.95], axis=0)
        days = np.arange(a.shape[1]) + config.cohort.day_index
        parts.append(
            pd.DataFrame(
                {
                    "reading": reading,
                    "n": days,
                    "attention": a.mean(axis=0),
                    "q05": low,
                    "q95": high,
                }
            )
        )
    table = pd.concat(parts, ignore_index=True)
    return table.assign(unconverted=np.nan, active=np.nan)


def fitted_table(fit: ConversionFit, counts: CohortCounts, G: Array) -> pd.DataFrame:
    """Pooled curve of the data (Kaplan-Meier) beside the model's, per group when there are any."""
    parts = [_fitted(counts.pooled(), G, "all")]
    if len(fit.groups) > 1:
        for group in fit.groups:
            part = counts.select((counts.cohorts["group"] == group).to_numpy())
            parts.append(_fitted(part.pooled(), population_curves(fit, group), group))
    return pd.concat(parts, ignore_index=True)


def _fitted(counts: CohortCounts, G: Array, group: str) -> pd.DataFrame:
    table = pooled_curve(counts).assign(group=group)
    for name, draws in (("model", G), ("model_hazard", nday.hazard(G))):
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        table[name], table[f"{name}_q05"], table[f"{name}_q95"] = draws.mean(axis=0), low, high
    return table


def plateau_days(
    counts: CohortCounts, G: Array, config: NdayConfig, rng: np.random.Generator
) -> list[PlateauDay]:
    """The headline first, then the other definitions."""
    return [
        below_early(G, config.early_share),
        hazard_below(G, config.hazard_threshold),
        fraction_of_final(G, config.fraction),
        changepoint(
            counts.conversions.sum(axis=0),
            counts.at_risk.sum(axis=0),
            rng,
            draws=len(G),
        ),
    ]


def plateau_table(days: list[PlateauDay], day_index: int) -> pd.DataFrame:
    """Posterior of each definition's day: `definition`, `day` (null: none), `probability`."""
    parts = []
    for day in days:
        values, counts = np.unique(day.draws, return_counts=True)
        shown = np.where(np.isinf(values), np.nan, values + day_index)
        parts.append(
            pd.DataFrame(
                {
                    "definition": day.definition,
                    "day": pd.array(shown, dtype="Float64"),
                    "probability": counts / counts.sum(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def flat_table(
    counts: CohortCounts, G: Array, config: NdayConfig, rng: np.random.Generator
) -> pd.DataFrame:
    """Flat cohorts beside chance, for spans from several days to ten days later or the end."""
    index, last = config.cohort.day_index, config.cohort.last_age
    rows = []
    for first in range(3, last - 2):
        span = flat_share(counts.pooled(), G, first, min(first + 9, last), rng)
        if span.cohorts == 0:
            continue
        row = vars(span) | {"after_n": first + index - 1, "through": span.last_age + index}
        rows.append({k: v for k, v in row.items() if k not in ("first_age", "last_age")})
    return pd.DataFrame(rows)


def decision_tables(
    fit: ConversionFit,
    counts: CohortCounts,
    G: Array,
    seen: AttentionReadings,
    days: list[PlateauDay],
    uplifts: list[float],
    config: NdayConfig,
    rng: np.random.Generator,
) -> dict[str, pd.DataFrame]:
    """Every table that follows from the fit; `uplifts` is the grid of u0."""
    ages, index = config.ages(), config.cohort.day_index
    shared = (seen.readings, uplifts, config.costs)
    economic = {}
    if config.costs.stated:
        economic = {
            "value": value_table(G, ages, *shared, index),
            "best": best_table(G, ages, *shared, n=config.n, day_index=index),
        }
    return (
        economic
        | {
            "fitted": fitted_table(fit, counts, G),
            "organic": organic_table(G, ages, config.costs, index),
            "plateau": plateau_table(days, index),
            "flat": flat_table(counts, G, config, rng),
            "attention": seen.table,
            "parameters": fit.table,
        }
        | groups_table(fit, counts, seen, config)
    )


def groups_table(
    fit: ConversionFit, counts: CohortCounts, seen: AttentionReadings, config: NdayConfig
) -> dict[str, pd.DataFrame]:
    """Per lead type or channel: curve at N and M, plateau; best N where costs are stated."""
    if len(fit.groups) < 2:
        return {}
    parts = []
    for group in fit.groups:
        G = population_curves(fit, group)
        n = config.n_by_group.get(group, config.n)
        parts.append(_group_rows(G, group, n, seen, config))
    table = pd.concat(parts, ignore_index=True)
    signups = counts.cohorts.groupby("group")["signups"].sum()
    return {"groups": table.assign(signups=table["group"].map(signups))}


def _group_rows(
    G: Array, group: str, n: int, seen: AttentionReadings, config: NdayConfig
) -> pd.DataFrame:
    ages, index = config.ages(), config.cohort.day_index
    best = pd.DataFrame({"n": [n]})
    if config.costs.stated:
        shared = (seen.readings, config.uplifts, config.costs)
        best = best_table(G, ages, *shared, n=n, day_index=index)
    flat = below_early(G, config.early_share)
    for name, draws in (
        ("conversion", G[:, -1]),
        ("organic_after_n", nday.organic_after(G, [n - index])[:, 0]),
    ):
        low, high = np.quantile(draws, [0.05, 0.95])
        best[name], best[f"{name}_q05"], best[f"{name}_q95"] = draws.mean(), low, high
    best["plateau_day"] = flat.quantile(0.5) + index if flat.p_none < 0.5 else np.nan
    return best.assign(group=group)


def slow_share(G: Array, config: NdayConfig) -> tuple[int, float]:
    """A day, and the share of the window's buyers after it: why there is no plateau.

    The day before the hazard is low for good, where it is; otherwise two thirds into the window.
    """
    low = below_early(G, config.early_share, later=1.0)
    age = (2 * (G.shape[1] - 1)) // 3 if low.p_none > 0.5 else max(int(low.quantile(0.5)) - 1, 0)
    return age + config.cohort.day_index, float(later_share(G, age + 1).mean())


def full_uplift(
    readings: Mapping[str, Array],
    effects: Mapping[tuple[str, int | None], Array],
    config: NdayConfig,
) -> Uplift:
    """Uplift at full attention: the measured one, or the middle of the assumed grid.

    Measured on the N nearest to the one in use, it is divided by the attention on that day (1
    where attention is not measured).
    """
    assumed = np.sort(config.uplifts)[len(config.uplifts) // 2]
    tried = {n: draws for (_, n), draws in effects.items() if n is not None}
    if not tried:
        return Uplift(np.array([[assumed]]), measured=False)
    n = min(tried, key=lambda day: abs(day - config.n))
    drawn = np.resize(tried[n], config.draws)
    if LOST_INTEREST in readings:
        drawn = drawn / readings[LOST_INTEREST][:, n - config.cohort.day_index]
    return Uplift(np.maximum(drawn, 0.0)[:, None], measured=True)


def uplift_grid(uplift: Uplift, config: NdayConfig) -> list[float]:
    """Return the assumed grid, and the measured uplift where there is one."""
    measured = float(uplift.draws.mean())
    own = [measured] if uplift.measured and measured > 0 else []
    return sorted({*config.uplifts, *own})


def recommend(
    G: Array,
    days: list[PlateauDay],
    readings: Mapping[str, Array],
    uplift: Uplift,
    config: NdayConfig,
) -> Recommendation:
    """Take N by value where costs are stated, else the headline plateau."""
    index = config.cohort.day_index
    if not config.costs.stated:
        return by_plateau(G, days[0], index)
    return by_value(G, config.ages(), readings, uplift, config.costs, index)


def experiment_value(
    effects: Mapping[tuple[str, int | None], Array], G: Array, config: NdayConfig
) -> pd.DataFrame:
    """Value per signup of every N that was tried, with the uplift that was measured.

    Returns
    -------
    DataFrame
        `rule_id`, `n`, `value` with `_q05`, `_q95`, `p_positive`, `p_best` (among the N tried
        under the same rule). Empty when the log does not tell N apart.
    """
    rows = []
    for rule_id in dict.fromkeys(key[0] for key in effects):
        tried = [k for k in effects if k[0] == rule_id and k[1] is not None]
        if not tried:
            continue
        values = np.column_stack([_tried_value(effects[k], G, k[1], config) for k in tried])
        best = np.bincount(values.argmax(axis=1), minlength=len(tried)) / len(values)
        low, high = np.quantile(values, [0.05, 0.95], axis=0)
        rows.append(
            pd.DataFrame(
                {
                    "rule_id": rule_id,
                    "n": [k[1] for k in tried],
                    "value": values.mean(axis=0),
                    "value_q05": low,
                    "value_q95": high,
                    "p_positive": (values > 0).mean(axis=0),
                    "p_best": best,
                }
            )
        )
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def _tried_value(uplift: Array, G: Array, n: int | None, config: NdayConfig) -> Array:
    """Pair uplift draws with curve draws: they come from different people, so independently."""
    assert n is not None
    size = min(len(uplift), len(G))
    u = uplift[:size, None]
    return nday.value(G[:size], [n - config.cohort.day_index], u, config.costs)[:, 0]
