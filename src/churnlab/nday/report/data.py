"""Numbers of the N-day pictures, from the tables that `churnlab nday` writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.types import Array

#: More cohorts than this are drawn as weeks.
_MANY_COHORTS = 60


@dataclass(frozen=True)
class CurveData:
    """Conversion by day: cohorts faint, the pooled data and the model's band on top."""

    days: Array
    cohorts: Array
    """(line, day); nan where not observed."""
    data: Array
    model: Array
    model_q05: Array
    model_q95: Array
    hazard: Array
    hazard_q05: Array
    hazard_q95: Array
    data_hazard: Array


def curve(cohort_curve: pd.DataFrame, fitted: pd.DataFrame, group: str = "all") -> CurveData:
    """Arrange the cohort curve and the fitted one.

    Parameters
    ----------
    cohort_curve : DataFrame
        `curve.parquet`.
    fitted : DataFrame
        `nday_fitted.parquet`.
    group : str
        ``all`` or a group.
    """
    part = fitted[fitted["group"] == group]
    rows = cohort_curve if group == "all" else cohort_curve[cohort_curve["group"] == group]
    return CurveData(
        days=part["day"].to_numpy(float),
        cohorts=_lines(rows),
        data=part["converted"].to_numpy(float),
        model=part["model"].to_numpy(float),
        model_q05=part["model_q05"].to_numpy(float),
        model_q95=part["model_q95"].to_numpy(float),
        hazard=part["model_hazard"].to_numpy(float),
        hazard_q05=part["model_hazard_q05"].to_numpy(float),
        hazard_q95=part["model_hazard_q95"].to_numpy(float),
        data_hazard=part["hazard"].to_numpy(float),
    )


def _lines(curve: pd.DataFrame) -> Array:
    """Ratio of each signup day, or of each signup week when there are many; (line, day)."""
    return np.asarray(_by_signup(curve).to_numpy(float))


def _by_signup(curve: pd.DataFrame) -> pd.DataFrame:
    """Ratio by signup day (or week, when there are many) and age; nan where not observed."""
    seen = curve[curve["observed"]]
    unit = seen["signup_date"]
    if unit.nunique() > _MANY_COHORTS:
        unit = unit - pd.to_timedelta(unit.dt.day_of_week, unit="D")
    sums = seen.assign(unit=unit).groupby(["unit", "day"])[["buyers", "signups"]].sum()
    ratio = sums["buyers"].astype(float) / sums["signups"]
    whole = sums["signups"].groupby(level="unit").transform("max")
    kept = ratio.where(sums["signups"] == whole).rename("ratio").reset_index()
    return kept.pivot_table(index="unit", columns="day", values="ratio", dropna=False)


@dataclass(frozen=True)
class HeatData:
    """Share converted by signup day (or week) and day since signup."""

    dates: NDArray[np.datetime64]
    days: Array
    ratio: Array
    """(signup, day); nan where not observed."""
    weekly: bool


def heat(cohort_curve: pd.DataFrame) -> HeatData:
    """Arrange `curve.parquet` as a map: signup day down, age across."""
    table = _by_signup(cohort_curve)
    return HeatData(
        dates=table.index.to_numpy("datetime64[D]"),
        days=table.columns.to_numpy(float),
        ratio=table.to_numpy(float),
        weekly=cohort_curve.loc[cohort_curve["observed"], "signup_date"].nunique() > _MANY_COHORTS,
    )


@dataclass(frozen=True)
class GroupCurves:
    """Model curve of each group with its band, and how many signed up."""

    groups: tuple[str, ...]
    days: Array
    model: Array
    """(group, day)"""
    q05: Array
    q95: Array
    signups: tuple[int, ...]


def group_curves(fitted: pd.DataFrame) -> GroupCurves:
    """Arrange `nday_fitted.parquet`: the groups, highest conversion first."""
    parts = {str(g): p for g, p in fitted.groupby("group") if g != "all"}
    names = sorted(parts, key=lambda g: -float(parts[g]["model"].iloc[-1]))
    model, low, high = (
        np.stack([parts[g][c].to_numpy(float) for g in names])
        for c in ("model", "model_q05", "model_q95")
    )
    days = parts[names[0]]["day"].to_numpy(float)
    signups = tuple(int(parts[g]["at_risk"].iloc[0]) for g in names)
    return GroupCurves(tuple(names), days, model, low, high, signups)


def headline(rule: Mapping[str, Any]) -> tuple[float, float, float | None] | None:
    """Return median, q05 and q95 of the headline plateau (q95 null: none); None without one."""
    found = rule["plateau"]["definitions"][rule["plateau"]["headline"]]
    if found["p_none"] > 0.5:
        return None
    return float(found["median"]), float(found["q05"]), found["q95"]


@dataclass(frozen=True)
class PlateauData:
    """Posterior of the plateau day by definition."""

    definitions: tuple[str, ...]
    days: tuple[Array, ...]
    probability: tuple[Array, ...]
    p_none: tuple[float, ...]


def plateau(table: pd.DataFrame) -> PlateauData:
    """Arrange `nday_plateau.parquet`."""
    names = tuple(table["definition"].drop_duplicates())
    known = [table[(table["definition"] == n) & table["day"].notna()] for n in names]
    none = [table[(table["definition"] == n) & table["day"].isna()] for n in names]
    return PlateauData(
        definitions=names,
        days=tuple(k["day"].to_numpy(float) for k in known),
        probability=tuple(k["probability"].to_numpy(float) for k in known),
        p_none=tuple(float(x["probability"].sum()) for x in none),
    )


@dataclass(frozen=True)
class ValueData:
    """Value per signup over N for one uplift, a line per reading."""

    u0: float
    readings: tuple[str, ...]
    n: Array
    value: Array
    """(reading, n)"""
    value_q05: Array
    value_q95: Array
    best_n: tuple[int, ...]


def value(table: pd.DataFrame, u0: float | None = None) -> ValueData:
    """Arrange `nday_value.parquet` for one uplift; default: the middle one of the grid."""
    chosen = _nearest(table, u0)
    part = table[table["u0"] == chosen]
    readings = tuple(part["reading"].drop_duplicates())
    wide = {
        c: np.stack([part.loc[part["reading"] == r, c].to_numpy(float) for r in readings])
        for c in ("value", "value_q05", "value_q95")
    }
    n = part.loc[part["reading"] == readings[0], "n"].to_numpy(float)
    best = tuple(int(n[row.argmax()]) for row in wide["value"])
    return ValueData(chosen, readings, n, wide["value"], wide["value_q05"], wide["value_q95"], best)


@dataclass(frozen=True)
class HeldOutData:
    """Predicted intervals of held-out cohorts against what came."""

    quantity: str
    model: str
    dates: NDArray[np.datetime64]
    predicted: Array
    q05: Array
    q95: Array
    realised: Array
    inside: NDArray[np.bool_]

    @property
    def coverage(self) -> float:
        """Share of cohorts inside their 90% interval."""
        return float(self.inside.mean())


def held_out(table: pd.DataFrame, model: str, quantity: str = "organic_after") -> HeldOutData:
    """Arrange `nday_backtest.parquet` for one model and quantity."""
    keep = (table["model"] == model) & (table["quantity"] == quantity)
    part = table[keep & table["signup_date"].notna() & table["realised"].notna()]
    part = part.sort_values("signup_date")
    return HeldOutData(
        quantity=quantity,
        model=model,
        dates=part["signup_date"].to_numpy("datetime64[D]"),
        predicted=part["predicted"].to_numpy(float),
        q05=part["q05"].to_numpy(float),
        q95=part["q95"].to_numpy(float),
        realised=part["realised"].to_numpy(float),
        inside=part["inside"].to_numpy(bool),
    )


def best_at(best: pd.DataFrame, u0: float | None = None) -> pd.DataFrame:
    """Return `nday_best.parquet` at the uplift nearest to `u0` (the grid's middle), by reading."""
    chosen = _nearest(best, u0)
    return best[best["u0"] == chosen].reset_index(drop=True)


def _nearest(table: pd.DataFrame, u0: float | None) -> float:
    grid = np.sort(table["u0"].unique())
    return float(grid[len(grid) // 2] if u0 is None else grid[np.abs(grid - u0).argmin()])


def flat_after(flat: pd.DataFrame, n: int) -> Mapping[str, Any]:
    """Return the row of `nday_flat.parquet` for the span after day n (nearest that exists)."""
    if flat.empty:
        return {}
    nearest = int((flat["after_n"] - n).abs().to_numpy().argmin())
    return {str(k): v for k, v in flat.iloc[nearest].items()}
