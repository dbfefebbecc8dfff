"""Visit states and dates: two increasing cuts on the silence in visits."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.scoring.bundle import VisitRule
from churnlab.scoring.cells import DistinctRows
from churnlab.scoring.dates import at_risk_days, days_to_dates
from churnlab.scoring.forms import Array
from churnlab.scoring.summaries import summarise_events
from churnlab.vocabulary import VISIT_STATES, VISIT_UNKNOWN


def visit_columns(
    rule: VisitRule | None,
    people: pd.DataFrame,
    visits: pd.DataFrame | None,
    as_of: dt.date,
    time_zone: str,
) -> dict[str, NDArray[Any]]:
    """Visit state and dates; a member without purchase or visit starts at signup."""
    n = len(people)
    missing = np.full(n, np.datetime64("NaT", "us"))
    state, risk_dates, inactive_dates = np.full(n, VISIT_UNKNOWN, object), missing, missing.copy()
    last = missing
    if rule is not None and visits is not None:
        seen = summarise_events(visits, as_of, time_zone, "visits").set_index("customer_id")
        rows = seen.reindex(people["customer_id"])
        last = rows["last_at"].to_numpy()
        clock = _clock(people, last)
        known, last = ~np.isnat(clock), clock  # a first visit makes a clock from signup obsolete
        x, t_x = (rows[c].fillna(0.0).to_numpy()[known] for c in ("x", "t_x"))
        risk_dates[known], inactive_dates[known] = visit_dates(rule, x, t_x, clock[known])
        step = (risk_dates[known] <= np.datetime64(as_of)).astype(int)
        step += inactive_dates[known] <= np.datetime64(as_of)
        state[known] = np.array(VISIT_STATES, object)[step]
    return {
        "visit_state": state,
        "visit_risk_date": risk_dates,
        "visit_inactive_date": inactive_dates,
        "valid_for_last_visit_at": last,
    }


def _clock(people: pd.DataFrame, last: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Start of each visit clock: the last visit, else the signup of a member who never bought."""
    signup = people["signed_up_at"].to_numpy()
    at_signup = np.isnat(last) & ~people["buyer"].to_numpy()
    return np.where(at_signup, signup, last)


def visit_dates(
    rule: VisitRule, x: Array, t_x: Array, last: NDArray[np.datetime64]
) -> tuple[NDArray[np.datetime64], NDArray[np.datetime64]]:
    """Dates from which a visitor counts as at risk and as inactive."""
    cells = DistinctRows(np.zeros(len(x)), x, t_x)
    g, (cx, ct) = cells.group, cells.columns
    found = []
    for cut in (rule.risk_value, rule.inactive_value):
        days = at_risk_days(rule.process, rule.risk, g, cx, ct, np.full(len(cx), cut))
        found.append(days_to_dates(last, days[cells.inverse]))
    return found[0], found[1]
