"""Numbers of the N-day pictures, from the tables that `churnlab nday` writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

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
    seen = curve[curve["observed"]]
    unit = seen["signup_date"]
    if unit.nunique() > _MANY_COHORTS:
        unit = unit - pd.to_timedelta(unit.dt.day_of_week, unit="D")
    sums = seen.assign(unit=unit).groupby(["unit", "day"])[["buyers", "signups"]].sum()
    ratio = sums["buyers"].astype(float) / sums["signups"]
    whole = sums["signups"].groupby(level="unit").transform("max")
    kept = ratio.where(sums["signups"] == whole).rename("ratio").reset_index()
    table = kept.pivot_table(index="unit", columns="day", values="ratio", dropna=False)
    return np.asarray(table.to_numpy(float))


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
    grid = np.sort(table["u0"].unique())
    chosen = float(grid[len(grid) // 2] if u0 is None else grid[np.abs(grid - u0).argmin()])
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


def middle_best(best: pd.DataFrame) -> pd.DataFrame:
    """Return `nday_best.parquet` for the middle uplift of its grid, a row per reading."""
    grid = np.sort(best["u0"].unique())
    return best[best["u0"] == grid[len(grid) // 2]].reset_index(drop=True)


def flat_after(flat: pd.DataFrame, n: int) -> Mapping[str, Any]:
    """Return the row of `nday_flat.parquet` for the span after day n (nearest that exists)."""
    if flat.empty:
        return {}
    nearest = int((flat["after_n"] - n).abs().to_numpy().argmin())
    return {str(k): v for k, v in flat.iloc[nearest].items()}
