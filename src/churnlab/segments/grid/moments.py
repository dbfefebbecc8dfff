"""The cell of a customer at some moment: clocks as they stood at the end of the day before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.engine import frame
from churnlab.events import EventLog
from churnlab.posterior.silence.stream import Rows
from churnlab.segments.grid.axes import Axis, cut_days
from churnlab.segments.grid.placed import Placed
from churnlab.segments.grid.states import cell_names, cells, purchase_codes, visit_codes
from churnlab.summary import Summary
from churnlab.types import Array, Ints


def cells_then(
    log: EventLog, placed: Placed, moments: pd.DataFrame, signed_up: pd.Series[Any]
) -> NDArray[np.object_]:
    """Return the segment code of each customer at the end of the day before a moment.

    By the latest fit, as all movement is: the same clocks and cut points as of today's grid.

    moments: ``customer_id, day`` (midnight); rows may repeat a customer.
    signed_up: Signup by customer: the visit clock of those without a purchase or a visit.
    """
    x, level = _levels(log, "purchases", placed.purchases, placed.purchase_axis, moments)
    bought = purchase_codes(x, level[0])
    unknown = np.ones(len(moments), bool)
    if placed.visits is None or placed.visit_axis is None:
        return cell_names(cells(bought, visit_codes(unknown, unknown, unknown)))
    since = moments["customer_id"].map(signed_up).to_numpy().astype("datetime64[D]")
    start = np.where(np.isnan(x), since, np.datetime64("NaT", "D"))
    seen, reached = _levels(log, "visits", placed.visits, placed.visit_axis, moments, start)
    visit = visit_codes(reached[0], reached[1], np.isnan(seen))
    return cell_names(cells(bought, visit))


def _levels(
    log: EventLog, events: str, summary: Summary, axis: Axis, moments: pd.DataFrame,
    start: NDArray[np.datetime64] | None = None,
) -> tuple[Array, NDArray[np.bool_]]:  # fmt: skip
    """Return x (nan without an event, or a clock) and which cut points are reached, (cut, row)."""
    before = _before(log, events, moments)
    day = moments["day"].to_numpy().astype("datetime64[D]") - np.timedelta64(1, "D")
    first, last = (before[c].to_numpy().astype("datetime64[D]") for c in ("first", "last"))
    x = before["n"].to_numpy(np.float64) - 1.0
    if start is not None:
        quiet = np.isnan(x) & ~np.isnat(start)
        x, first, last = np.where(quiet, 0.0, x), np.where(quiet, start, first), np.where(
            quiet, start, last
        )  # fmt: skip
    known = np.flatnonzero(~np.isnan(x))
    silence = (day - last)[known].astype(float)
    today = np.full(len(known), np.datetime64(summary.as_of, "D"))
    begin, latest, now = (axis.time(ends) for ends in (first[known], last[known], today))
    group = _groups(summary, axis, moments["customer_id"].iloc[known])
    days = cut_days(axis, Rows(group, x[known], latest - begin, now - begin), summary.as_of)
    reached = np.zeros((len(axis.cuts), len(moments)), bool)
    reached[:, known] = (days >= 0) & (silence >= days)
    return x, reached


def _before(log: EventLog, events: str, moments: pd.DataFrame) -> pd.DataFrame:
    """Return number, first and last of each customer's days before a moment, row by row."""
    import ibis

    asked = moments[["customer_id", "day"]].reset_index(drop=True).reset_index(names="row")
    table = ibis.memtable(asked)
    days = log.day_table(events)
    met = table.inner_join(days.rename(at="day"), "customer_id")
    met = met.filter(met["at"] < met["day"].cast("date"))
    found = met.group_by("row").aggregate(
        n=met.count(),
        first=met["at"].min().cast("timestamp"),
        last=met["at"].max().cast("timestamp"),
    )
    return frame(found).set_index("row").reindex(range(len(asked)))


def _groups(summary: Summary, axis: Axis, ids: pd.Series[str]) -> Ints:
    """Return group codes; who is unknown to the summary is of its first group."""
    if len(axis.draws.groups) == 1:
        return np.zeros(len(ids), dtype=np.int64)
    people = summary.customers.set_index("customer_id")["cell"]
    codes = axis.draws.codes_of(summary.cells.groups)[summary.cells.group]
    cell = ids.map(people).fillna(0).to_numpy(np.int64)
    return np.asarray(codes[cell])
