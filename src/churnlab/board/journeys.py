"""Journeys of loyal customers as a Sankey, and what sets these customers apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from churnlab.board.parts import Parts
from churnlab.journeys.report.text import SURE, who_of

#: Ways and cards in a page: more cannot be told apart at a glance.
_MOST: Final = 24
_CARDS: Final = 6


@dataclass(frozen=True)
class Journeys:
    """Ways that at least `journey.least_customers` walked, best supported first.

    who: `loyal` or `all`: whose.
    paths: `path, steps, support, lift, lift_q05, lift_q95, gap_days`.
    personas: Rows of `personas.parquet` that are sure, the surest first.
    audience: Customers whose window is open.
    """

    who: str
    window_days: float
    paths: list[Mapping[str, Any]]
    personas: list[Mapping[str, Any]]
    audience: int


def read_journeys(parts: Parts) -> Journeys | None:
    """Read the journeys of a run."""
    run = parts.part("journey")
    if run is None:
        return None
    journeys = run.frame("journeys.parquet")
    who = who_of(journeys)
    audience = run.frame("journey_audience.parquet")
    return Journeys(
        who=who,
        window_days=float(run.json("journey.json")["window_days"]),
        paths=_paths(journeys[journeys["who"] == who]),
        personas=_personas(parts.frame("journey", "personas")),
        audience=int(audience["customer_id"].nunique()),
    )


def _paths(rows: pd.DataFrame) -> list[Mapping[str, Any]]:
    kept = ["support", "lift", "lift_q05", "lift_q95", "gap_days"]
    steps = ["item_1", "item_2", "item_3"]
    return [
        {"steps": [str(s) for s in (row[c] for c in steps) if pd.notna(s)]}
        | {name: row[name] for name in kept}
        for row in rows.nlargest(_MOST, "support").to_dict("records")
    ]


def _personas(rows: pd.DataFrame | None) -> list[Mapping[str, Any]]:
    if rows is None or rows.empty:
        return []
    sure = rows[rows["p_more"] >= SURE].nlargest(_CARDS, "ratio_q05")
    kept = ["comparison", "attribute", "value", "customers", "share_group", "share_others", "ratio"]
    return [{name: row[name] for name in kept} for row in sure.to_dict("records")]
