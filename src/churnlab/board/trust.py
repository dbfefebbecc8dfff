"""How far to trust the page: forecasts of past days against what came, in a few numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from churnlab.board.parts import Parts

_POINTS: Final = 12


@dataclass(frozen=True)
class Trust:
    """The model that the run chose, held against the past.

    target, origins: Longest window, and how many past days it was tried on.
    forecast, observed: Share without a purchase: mean forecast, and as it came.
    expected, actual: Purchases per customer in the window.
    comparison: Against the best simple rule: `metric, difference, q05, q95, simple, simple_value,
        simple_is_as_good`.
    curve: Customers in equal groups by forecast.
    candidates: Rows of `headline.parquet` of that window, best first.
    """

    target: str
    origins: int
    forecast: float
    observed: float
    expected: float | None
    actual: float | None
    comparison: Mapping[str, Any] | None
    curve: list[tuple[float, float, int]]
    candidates: list[Mapping[str, Any]]


def read_trust(parts: Parts) -> Trust | None:
    """Read the backtest of a run: the window of days that was tested most, its chosen model."""
    run = parts.part("backtest")
    if run is None:
        return None
    summary, headline = run.json("backtest.json"), run.frame("headline.parquet")
    plain = headline[(headline["variant"] == "plain") & headline["brier"].notna()]
    if plain.empty:
        return None
    found = [c for c in summary["comparisons"] if c["metric"] == "brier"]
    target = str(found[-1]["target"] if found else plain["target"].iloc[-1])
    of_target = plain[plain["target"] == target].sort_values("brier")
    row: Any = _chosen(of_target, str(parts.config["model"]["name"]))
    return Trust(
        target=target,
        origins=int(row["origins"]),
        forecast=float(row["mean_risk"]),
        observed=float(row["event_rate"]),
        expected=_number(row["mean_expected"]),
        actual=_number(row["mean_actual"]),
        comparison=next((c for c in found if c["target"] == target), None),
        curve=_curve(run.frame("calibration.parquet"), target, str(row["candidate"])),
        candidates=[
            {k: r[k] for k in ("candidate", "kind", "brier", "auc", "bias")}
            for r in of_target.to_dict("records")
        ],
    )


def _chosen(rows: pd.DataFrame, model: str) -> Any:
    own = rows[rows["candidate"] == model]
    models = rows[rows["kind"] == "model"]
    return next(r.iloc[0] for r in (own, models, rows) if len(r))


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _curve(calibration: pd.DataFrame, target: str, name: str) -> list[tuple[float, float, int]]:
    """Return equal groups by forecast: mean forecast, share as it came, customers."""
    some = calibration[
        (calibration["target"] == target)
        & (calibration["candidate"] == name)
        & (calibration["variant"] == "plain")
    ].sort_values("forecast")
    if some.empty:
        return []
    group = ((some["n"].cumsum() - some["n"] / 2) / some["n"].sum() * _POINTS).astype(int)
    points = []
    for _, part in some.groupby(group):
        weights = part["n"] / part["n"].sum()
        points.append(
            (
                float((part["forecast"] * weights).sum()),
                float((part["observed"] * weights).sum()),
                int(part["n"].sum()),
            )
        )
    return points
