"""The first screen: who is late, whom a message pays for, what is at stake, what changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from churnlab.board.parts import Parts
from churnlab.board.since import SINCE
from churnlab.rules import Costs
from churnlab.vocabulary import RISK_BANDS

#: Risks are counted in steps of 1 / _STEPS: a page's sliders are exact to that.
_STEPS: Final = 10_000
#: Groups of the front's comparison: the core, those slipping, those gone.
_TOLD: Final = ("core_active", "purchase_risk_visit_active", "visit_risk", "visit_inactive")


@dataclass(frozen=True)
class Money:
    """Costs as stated, and the risks that they are held against.

    contact_cost, save_probability, value_per_customer: As stated; null: not.
    wasted, missed: Regrets, where the costs are stated.
    risks: By band of the late: P(no purchase in the window) in 1/10,000, counted.
    typical: Median residual value of the late who return: where sliders begin without stated costs.
    """

    contact_cost: float | None
    save_probability: float | None
    value_per_customer: float | None
    wasted: float | None
    missed: float | None
    risks: Mapping[str, list[list[int]]]
    typical: float | None


@dataclass(frozen=True)
class Since:
    """What changed since an earlier day.

    day: The earlier day.
    run: The run of that day; null: by this run's own model, on the day of `compare_to`.
    late: As that run told it.
    groups: `name, n_before, n, entries, moves_in, moves_out`, and `change_q05, change_q95` of the
        share where both days are by one model.
    """

    day: str
    run: str | None
    late: Mapping[str, Any] | None
    groups: list[Mapping[str, Any]]


@dataclass(frozen=True)
class Front:
    """Counts as in `fit.json`, money, purchases to come, and changes since the last time."""

    late: Mapping[str, Any]
    money: Money
    value_days: int | None
    coming: Mapping[str, float] | None
    since: Since | None
    leak: Mapping[str, Any] | None


def read_front(parts: Parts, lang: str) -> Front | None:
    """Read the front from the fit, and the changes from the grid where there is one."""
    fit = parts.part("fit")
    if fit is None:
        return None
    told = fit.json("fit.json")
    risk = f"risk_{_windowed(parts.config)}"
    customers = fit.frame("customers.parquet", (risk, "risk_band", "residual_value_if_returns"))
    segment = parts.part("segment")
    spend = told["spend"]
    worth = bool(spend and spend["worth"])
    return Front(
        late=told["late"],
        money=_money(parts.config, customers),
        value_days=int(spend["value"]["horizon_days"]) if worth else None,
        coming=told.get("coming"),
        since=_since(parts, lang),
        leak=segment.json("segments.json")["core_leak"] if segment else None,
    )


def _money(config: Mapping[str, Any], customers: pd.DataFrame) -> Money:
    stated = Costs(**{k: config["rule"].get(k) for k in Costs.__dataclass_fields__})
    steps = np.floor(customers[f"risk_{_windowed(config)}"].to_numpy() * _STEPS).astype(int)
    late = {
        band: _counted(steps[(customers["risk_band"] == band).to_numpy()])
        for band in RISK_BANDS[1:]
    }
    typical = None
    if "residual_value_if_returns" in customers:
        typical = float(customers["residual_value_if_returns"].median())
    return Money(
        contact_cost=stated.contact_cost,
        save_probability=stated.save_probability,
        value_per_customer=stated.value_per_customer,
        wasted=stated.wasted if stated.stated else None,
        missed=stated.missed if stated.stated else None,
        risks=late,
        typical=typical,
    )


def _windowed(config: Mapping[str, Any]) -> str:
    """Return the basis of the risk that costs are held against: P(alive) is never observed."""
    basis = str(config["risk"]["basis"])
    return "personal_cycles" if basis == "p_alive" else basis


def _counted(steps: np.ndarray[Any, Any]) -> list[list[int]]:
    values, n = np.unique(steps, return_counts=True)
    return [[int(v), int(c)] for v, c in zip(values, n, strict=True)]


def _since(parts: Parts, lang: str) -> Since | None:
    """Return what changed since the run before, else since `compare_to`."""
    if parts.run.has(SINCE):
        told = parts.run.json(SINCE)
        rows = _groups(pd.DataFrame(told["groups"]), lang)
        return Since(told["compared_to"], told["run"], told["late"], rows)
    changes = parts.frame("segment", "changes")
    if changes is None:
        return None
    return Since(str(changes["compared_to"].iloc[0])[:10], None, None, _groups(changes, lang))


def _groups(changes: pd.DataFrame, lang: str) -> list[Mapping[str, Any]]:
    """Return the parent groups then and now; without visits the purchase states."""
    some = changes[(changes["n"] + changes["n_before"]) > 0]
    parents = some[(some["level"] == "parent") & some["segment_code"].isin(_TOLD)]
    rows = parents if len(parents) else some[some["level"] == "purchase_state"]
    kept = ["n_before", "n", "entries", "moves_in", "moves_out"]
    kept += [c for c in ("change_q05", "change_q95") if c in rows]
    return [
        {"name": row[f"name_{lang}"].removesuffix(" 고객")} | {c: row[c] for c in kept}
        for row in rows.to_dict("records")
    ]
