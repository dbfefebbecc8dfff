"""Gaps between purchases that are over: what late by the own rhythm is held against."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final, NamedTuple

import ibis
import numpy as np
import pandas as pd

from churnlab.events.engine import frame
from churnlab.types import Array, Ints

#: Customers whose gaps are looked at, evenly spaced in the order of their ids: the level's interval
#: is within a point by then, and a million customers cost no more.
MOST_CUSTOMERS: Final = 20_000


class Gaps(NamedTuple):
    """Gaps from one purchase to the next, each with what was known at its start, (gap,)."""

    customer: Ints
    """Whose: a number among the customers looked at."""
    group: Ints
    """Codes into the groups of the summary's cells."""
    x: Array
    """Repeat purchases at the start."""
    t_x: Array
    """Days from the first purchase to the start."""
    days: Array
    """From the start to the next purchase."""
    follow: Array
    """Days from the start to the cutoff: how long the next purchase could have been seen."""


def completed_gaps(days: Any, people: pd.DataFrame, group: Ints, as_of: dt.date) -> Gaps:
    """Return the gaps of customers who came back, in the engine.

    Parameters
    ----------
    days : Ibis table
        ``customer_id, day`` of the events up to the cutoff.
    people : DataFrame
        The summary's customers, sorted by id.
    group : array of int (row,)
        Group code of each of the summary's cells.
    """
    repeat = people[people["x"] > 0]
    step = max(1, -(-len(repeat) // MOST_CUSTOMERS))
    per = days.group_by("customer_id").aggregate(n=days.count(), first_day=days.day.min())
    per = per.filter(per.n > 1)
    per = per.mutate(code=ibis.row_number().over(order_by="customer_id"))
    chosen = per.filter(per.code % step == 0).select("customer_id", "code", "first_day")
    rows = days.inner_join(chosen, "customer_id")
    ordered = ibis.window(group_by="code", order_by="day")
    rows = rows.select(
        "code", "day", "first_day",
        x=ibis.row_number().over(ordered), next_day=rows.day.lead().over(ordered),
    )  # fmt: skip
    rows = rows.filter(rows.next_day.notnull())  # noqa: PD004 (Ibis)
    cutoff = ibis.literal(as_of, type="date")
    found = frame(
        rows.select(
            "code",
            "x",
            t_x=rows.day.delta(rows.first_day, unit="day"),
            days=rows.next_day.delta(rows.day, unit="day"),
            follow=cutoff.delta(rows.day, unit="day"),
        ).order_by(["code", "x", "t_x", "days"])
    )
    code = found["code"].to_numpy(np.int64)
    own = group[repeat["cell"].to_numpy(np.int64)][code] if len(code) else code
    values = (found[c].to_numpy(np.float64) for c in ("x", "t_x", "days", "follow"))
    return Gaps(code // step, own, *values)
