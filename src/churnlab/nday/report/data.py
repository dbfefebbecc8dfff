"""Numbers of the N-day pictures, from the tables that `churnlab nday` writes."""

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

    cohort_curve: `curve.parquet`.
    fitted: `nday_fitted.parquet`.
    group: ``all`` or a group.
    """
    part = fitted[fitted["group"] == group]
    rows = cohort_curve if group == "all" else cohort_curve[cohort_curve["group"] == group]
    return CurveData(
        days=part["day"].to_numpy(float),
        cohorts=_by_signup(rows).to_numpy(float),
        data=part["converted"].to_numpy(float),
        model=part["model"].to_numpy(float),
        model_q05=part["model_q05"].to_numpy(float),
        model_q95=part["model_q95"].to_numpy(float),
        hazard=part["model_hazard"].to_numpy(float),
        hazard_q05=part["model_hazard_q05"].to_numpy(float),
        hazard_q95=part["model_hazard_q95"].to_numpy(float),
        data_hazard=part["hazard"].to_numpy(float),
    )


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


def headline(rule: Mapping[str, Any]) -> tuple[float, float, float | None] | None:
    """Return median, q05 and q95 of the headline plateau (q95 null: none); None without one."""
    found = rule["plateau"]["definitions"][rule["plateau"]["headline"]]
    if found["p_none"] > 0.5:
        return None
    return float(found["median"]), float(found["q05"]), found["q95"]


def held_out(table: pd.DataFrame, model: str, quantity: str = "organic_after") -> pd.DataFrame:
    """Return the cohorts of `nday_backtest.parquet` for one model and quantity, by signup day."""
    keep = (table["model"] == model) & (table["quantity"] == quantity)
    known = table["signup_date"].notna() & table["realised"].notna()
    return table[keep & known].sort_values("signup_date", ignore_index=True)


def at_uplift(table: pd.DataFrame, u0: float | None = None) -> pd.DataFrame:
    """Return `nday_best` or `nday_value` at the uplift nearest to `u0` (the grid's middle)."""
    grid = np.sort(table["u0"].unique())
    chosen = grid[len(grid) // 2] if u0 is None else grid[np.abs(grid - u0).argmin()]
    rows: pd.DataFrame = table[table["u0"] == chosen]
    return rows.reset_index(drop=True)


def flat_after(flat: pd.DataFrame, n: int) -> Mapping[str, Any]:
    """Return the row of `nday_flat.parquet` for the span after day n (nearest that exists)."""
    if flat.empty:
        return {}
    nearest = int((flat["after_n"] - n).abs().to_numpy().argmin())
    return {str(k): v for k, v in flat.iloc[nearest].items()}
