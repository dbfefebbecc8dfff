"""From signup to purchase: the map of cohorts, the curve, and what N is worth at which costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from churnlab.board.parts import Parts
from churnlab.nday.report.data import curve, heat

#: From this probability on there is no plateau.
_NO_PLATEAU = 0.5


@dataclass(frozen=True)
class Nday:
    """What the page's pictures and sliders of N need; days in the configured count.

    heat: `dates`, `days`, `ratio` (signup day x age; null: not observed), `weekly`.
    curve: `days`, `data`, `model`, `low`, `high`: share converted through the end of the day.
    n, reach: Candidates, and the share of signups still without a purchase on each.
    converted: Through the end of the window.
    attention: Reading -> share of the unconverted still reachable on each candidate.
    uplift: Extra purchases per message at full attention: measured, or the middle of those assumed.
    costs: As stated (null: not).
    rule: `n` in use, the recommended one and its basis (`never`: no day pays), where the curve goes
        `flat` (null: more likely nowhere), the warnings.
    """

    heat: Mapping[str, Any]
    curve: Mapping[str, Any]
    n: list[int]
    reach: list[float]
    converted: float
    attention: Mapping[str, list[float]]
    uplift: float
    measured: bool
    costs: Mapping[str, Any]
    rule: Mapping[str, Any]


def read_nday(parts: Parts, lang: str) -> Nday | None:
    """Read the study of N, the whole cohort's."""
    run = parts.part("nday")
    if run is None:
        return None
    rule = run.json("rule.json")
    cohorts, fitted = run.frame("curve.parquet"), run.frame("nday_fitted.parquet")
    organic = run.frame("nday_organic.parquet")
    drawn = curve(cohorts, fitted)
    advice = rule["recommendation"]
    uplifts = sorted(parts.config["nday"]["uplifts"])
    u0 = advice["u0"]
    flat = rule["plateau"]["definitions"][rule["plateau"]["headline"]]
    return Nday(
        heat=_heat(cohorts),
        curve={
            "days": drawn.days, "data": drawn.data, "model": drawn.model,
            "low": drawn.model_q05, "high": drawn.model_q95,
        },
        n=organic["n"].astype(int).tolist(),
        reach=organic["reach"].tolist(),
        converted=float(drawn.model[drawn.days == drawn.days.max()][0]),
        attention=_attention(run.frame("nday_attention.parquet"), organic["n"]),
        uplift=float(u0["mean"]) if u0 else float(uplifts[len(uplifts) // 2]),
        measured=bool(u0 and u0["measured"]),
        costs=rule["costs"],
        rule={
            "n": rule["n"],
            "window_days": rule["window_days"],
            "recommended": advice["n"],
            "basis": "never" if advice["basis"] == "value" and not advice["n"] else advice["basis"],
            "flat": None if flat["p_none"] > _NO_PLATEAU else flat,
            "warnings": [w[lang] for w in rule["warnings"]],
        },
    )  # fmt: skip


def _heat(cohorts: pd.DataFrame) -> dict[str, Any]:
    found = heat(cohorts)
    return {
        "dates": [str(day) for day in found.dates],
        "days": found.days,
        "ratio": found.ratio.round(3),
        "weekly": found.weekly,
    }


def _attention(table: pd.DataFrame, n: pd.Series[int]) -> dict[str, list[float]]:
    """Return the attention of every reading on the candidate days."""
    wide = table.pivot_table(index="n", columns="reading", values="attention")
    return {str(name): wide.loc[n, name].tolist() for name in wide.columns}
