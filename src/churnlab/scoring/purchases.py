"""Scored purchasers: risk, cycle, dates and state, one row per customer."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.scoring.bundle import PurchaseRule
from churnlab.scoring.cells import DistinctRows
from churnlab.scoring.cycle import cycle_days
from churnlab.scoring.dates import at_risk_days, days_to_dates, due_days
from churnlab.scoring.forms import Array
from churnlab.scoring.process import Process, Risk


def score_purchases(
    rule: PurchaseRule,
    buyers: pd.DataFrame,
    group: NDArray[np.int64],
    as_of: dt.date,
    *,
    details: bool = True,
) -> pd.DataFrame:
    """Score purchasers: risk, P(alive), dates and state, one row per customer."""
    process, risk = rule.process, rule.risk
    cells = DistinctRows(group, buyers["x"], buyers["t_x"], buyers["T"])
    g, (x, t_x, T) = cells.group, cells.columns
    window = process.windows(risk, g, x, t_x)
    spread = process.spread(process.risk_values(risk), g, x, t_x, T, window)
    values: dict[str, Array] = {
        "rhythm_days": process.rhythm_days(g, x, t_x),
        "purchase_risk": spread.mean,
        "purchase_risk_q05": spread.q05,
        "purchase_risk_q95": spread.q95,
        "p_alive": process.mean(process.form.p_alive, g, x, t_x, T),
        "horizon_days": window,
    }
    cycle = cycle_days(process, g, x, t_x, T) if details else np.full((3, len(x)), np.nan)
    values |= dict(zip(("cycle_days", "cycle_q05", "cycle_q95"), cycle, strict=True))
    out = pd.DataFrame({"customer_id": buyers["customer_id"].to_numpy()})
    out = out.assign(**{name: value[cells.inverse] for name, value in values.items()})
    dates = _purchase_dates(rule, group, buyers, details=details)
    out = out.assign(**dates, valid_for_last_purchase_at=buyers["last_at"].to_numpy())
    at_risk = out["at_risk_date"].to_numpy() <= np.datetime64(as_of)
    kind = np.where(buyers["x"].to_numpy() > 0, "repeat", "first")
    state = np.char.add(kind, np.where(at_risk, "_risk", "_active"))
    return out.assign(purchase_state=state.astype(object))


def _purchase_dates(
    rule: PurchaseRule, group: NDArray[np.int64], buyers: pd.DataFrame, *, details: bool
) -> dict[str, NDArray[np.datetime64]]:
    cells = DistinctRows(group, buyers["x"], buyers["t_x"])
    g, (x, t_x) = cells.group, cells.columns
    last = buyers["last_at"].to_numpy().astype("datetime64[D]")
    cut = np.where(x > 0, rule.value, rule.first_value)
    days = at_risk_days(rule.process, rule.risk, g, x, t_x, cut)
    dates = {"at_risk_date": days_to_dates(last, days[cells.inverse])}
    due = np.full((3, len(x)), np.nan)
    if details:
        due = due_days(rule.process, g, x, t_x, within=rule.risk.due_window_days)
    for name, row in zip(("due_date", "due_q10", "due_q90"), due, strict=True):
        offset = np.rint(row[cells.inverse])
        dates[name] = (last + offset.astype("timedelta64[D]")).astype("datetime64[us]")
    return dates


def risk_on(
    process: Process, risk: Risk, group: NDArray[np.int64], x: Array, t_x: Array, T: Array
) -> Array:
    """Mean risk per row at age T (per distinct cell, then joined back)."""
    cells = DistinctRows(group, x, t_x, T)
    g, (cx, ct, cT) = cells.group, cells.columns
    window = process.windows(risk, g, cx, ct)
    return process.risk_mean(risk, g, cx, ct, cT, window)[cells.inverse]
