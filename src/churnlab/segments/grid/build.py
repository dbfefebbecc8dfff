"""Take a snapshot: members, two summaries and two fits in; everybody's cell out."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.errors import UsageError
from churnlab.events import SIGNUP_MONTH
from churnlab.events.ids import increasing, positions
from churnlab.posterior import rows_of
from churnlab.posterior.silence.stream import Rows
from churnlab.segments.config import SegmentsConfig
from churnlab.segments.grid.axes import Axis, cut_days, drawn_levels
from churnlab.segments.grid.membership import Side, membership_frame, slim_frame
from churnlab.segments.grid.snapshot import DrawnStates, Snapshot
from churnlab.segments.grid.states import (
    Codes,
    Days,
    after_days,
    cells,
    purchase_codes,
    reached,
    visit_codes,
)
from churnlab.summary import JOINED, UNKNOWN, Summary
from churnlab.types import Ints

_NAT = np.datetime64("NaT", "D")


def take_snapshot(
    members: pd.DataFrame,
    purchases: Summary,
    purchase_axis: Axis,
    visits: Summary | None = None,
    visit_axis: Axis | None = None,
    *,
    as_of: dt.date | None = None,
    config: SegmentsConfig | None = None,
    slim: bool = False,
) -> Snapshot:
    """Place every member in the grid on one day.

    members: ``customer_id, signed_up_at`` (and, with a grouped visit fit, its group column). Those
        who signed up later are left out; purchasers and visitors who are missing are added, counted
        and said so in `Snapshot.notes`.
    purchases, visits: Purchase-days and visit-days up to the same day; no `visits` means
        ``visit_unknown``.
    purchase_axis, visit_axis: Fits and cut points; one cut for purchases, two for visits.
    as_of: Must equal the summaries' day.
    slim: Leave the membership at ids, signup days and `state_since`: enough for shares, changes and
        leaks.
    Raises UsageError when days or cut points do not fit together.
    """
    config = config or SegmentsConfig()
    day = np.datetime64(_check(purchases, purchase_axis, visits, visit_axis, as_of), "D")
    ids, signup, (bought_at, *seen_at), notes = _everybody(members, purchases, visits, day)
    found = _match(len(ids), purchases, purchase_axis, bought_at)
    bought = Side(*found, _dates(purchase_axis, purchases.as_of, *found))
    x = np.full(len(ids), np.nan)
    has = bought.row >= 0
    x[has] = bought.rows.x[bought.row[has]]
    purchase = purchase_codes(x, reached(day, bought.dates[0]))
    seen = _visit_side(ids, signup, members, visits, visit_axis, has, day, seen_at)
    thin, gone = (reached(day, date) for date in seen.dates)
    visit = visit_codes(thin, gone, seen.row < 0)
    code = cells(purchase, visit)
    drawn = DrawnStates.collapse(
        _drawn_purchases(purchase_axis, bought.rows, config.draws, purchases.as_of),
        bought.row,
        np.zeros((1, 0), np.int8)
        if visit_axis is None
        else drawn_levels(visit_axis, seen.rows, config.draws, purchases.as_of),
        seen.row,
    )
    if slim:
        frame = slim_frame(ids, signup, (bought, seen), day)
    else:
        frame = membership_frame(ids, signup, (code, drawn), (bought, seen), day, config)
    return Snapshot(pd.Timestamp(day).date(), frame, code, drawn, notes)


def _check(
    purchases: Summary,
    purchase_axis: Axis,
    visits: Summary | None,
    visit_axis: Axis | None,
    as_of: dt.date | None,
) -> dt.date:
    days = {purchases.as_of} | ({visits.as_of} if visits is not None else set())
    days |= {as_of} if as_of is not None else set()
    if len(days) > 1:
        raise UsageError(
            f"A snapshot needs one day; got {', '.join(map(str, sorted(days)))}. "
            "Summarise purchases and visits up to the same as_of."
        )
    if len(purchase_axis.cuts) != 1 or (visit_axis is not None and len(visit_axis.cuts) != 2):
        raise UsageError("Purchases need one cut point and visits two.")
    for axis in (purchase_axis, visit_axis):
        if axis is not None and not axis.draws.likelihood.judges_first_purchasers:
            raise UsageError(
                f"{axis.draws.model} cannot place first purchasers or one-time visitors: it holds "
                "them alive for ever. Choose mbg_nbd, mbg_cnbd_k or pareto_nbd for segments."
            )
    if (visits is None) != (visit_axis is None):
        raise UsageError("Give both a visit summary and a visit axis, or neither.")
    return days.pop()


def _everybody(
    members: pd.DataFrame, purchases: Summary, visits: Summary | None, day: np.datetime64
) -> tuple[pd.Series[str], Days, list[Ints], tuple[str, ...]]:
    """Return ids (sorted) and signup days of all who are members on the day, and notes.

    With them where the customers of the summaries stand among the ids.
    """
    alone = increasing(members["customer_id"])
    known = members if alone else members.drop_duplicates("customer_id")
    ids = known["customer_id"].astype("str").reset_index(drop=True)
    signup = known["signed_up_at"].to_numpy().astype("datetime64[D]")
    notes, found = [], []
    for name, summary in (("purchasers", purchases), ("visitors", visits)):
        if summary is None:
            continue
        others = summary.customers["customer_id"]
        first = summary.customers["first_purchase_at"].to_numpy().astype("datetime64[D]")
        at = positions(others, ids)
        there, missing = at[at >= 0], at < 0
        # whoever has an event on the day is a member, whatever the signup says (NaT: no signup)
        signup[there] = np.fmin(signup[there], first[at >= 0])
        at[missing] = len(ids) + np.arange(missing.sum())
        found.append(at)
        if missing.any():
            notes.append(
                f"{missing.sum()} {name} are missing from the members table; they were added with "
                "their first event as the signup."
            )
            ids = pd.concat([ids, others[missing].astype("str")], ignore_index=True)
            signup = np.concatenate([signup, first[missing]])
    order = np.flatnonzero(signup <= day)
    if not increasing(ids.iloc[order]):
        order = order[ids.iloc[order].array.argsort()]
    rank = np.full(len(ids), -1)
    rank[order] = np.arange(len(order))
    return (
        ids.iloc[order].reset_index(drop=True),
        signup[order],
        [rank[at] for at in found],
        tuple(notes),
    )


def _match(n: int, summary: Summary, axis: Axis, at: Ints) -> tuple[Rows, Ints, Days]:
    """Return the rows of data, everybody's row (-1 for none) and day of the last event."""
    customers = summary.customers
    row, last = np.full(n, -1), np.full(n, _NAT)
    row[at] = customers["cell"].to_numpy(dtype=np.int64)
    last[at] = customers["last_purchase_at"].to_numpy().astype("datetime64[D]")
    return rows_of(summary.cells, axis.draws), row, last


def _dates(axis: Axis, as_of: dt.date, rows: Rows, row: Ints, start: Days) -> list[Days]:
    """Return the dates of the cut points per member, counted from the start of the silence."""
    return [
        np.where(row >= 0, after_days(start, days[row]), _NAT)
        if days.size
        else np.full(len(row), _NAT)
        for days in cut_days(axis, rows, as_of)
    ]


def _visit_side(
    ids: pd.Series[str],
    signup: Days,
    members: pd.DataFrame,
    visits: Summary | None,
    axis: Axis | None,
    purchased: NDArray[np.bool_],
    day: np.datetime64,
    at: list[Ints],
) -> Side:
    """Visit clocks: the last visit; for members without a purchase or a visit, the signup."""
    nobody = np.full(len(ids), _NAT)
    if visits is None or axis is None:
        empty = Rows(np.zeros(0, np.int64), *(np.zeros(0) for _ in range(3)))
        return Side(empty, np.full(len(ids), -1), nobody, [nobody, nobody])
    seen, row, last = _match(len(ids), visits, axis, at[0])
    start = last.copy()
    new = np.flatnonzero((row < 0) & ~purchased)
    group = _member_groups(ids.iloc[new], signup[new], members, visits, axis)
    idle = (day - signup[new]).astype(float)
    key, of = np.unique(np.stack([group.astype(float), idle]), axis=1, return_inverse=True)
    zero = np.zeros(key.shape[1])
    clock = (key[0].astype(np.int64), zero, zero, key[1])
    rows = Rows(*(np.concatenate(pair) for pair in zip(seen, clock, strict=True)))
    row[new] = len(seen.x) + of.ravel()
    start[new] = signup[new]
    return Side(rows, row, last, _dates(axis, visits.as_of, rows, row, start))


def _member_groups(
    ids: pd.Series[str], signup: Days, members: pd.DataFrame, visits: Summary, axis: Axis
) -> Ints:
    """Group codes of members who have no visit rows."""
    if len(axis.draws.groups) == 1 or len(ids) == 0:
        return np.zeros(len(ids), dtype=np.int64)
    columns = list(visits.group_columns)
    absent = [c for c in columns if c not in (*members.columns, SIGNUP_MONTH)]
    if absent or not columns:
        raise UsageError(
            "The visit fit is grouped, and some members have no visits: the members table needs "
            f"the group column(s) {', '.join(absent or ['?'])}."
        )
    table = members.drop_duplicates("customer_id").set_index("customer_id").reindex(ids)
    table[SIGNUP_MONTH] = signup.astype("datetime64[M]").astype(str)
    names = table[columns].astype("str").fillna(UNKNOWN).agg(JOINED.join, axis=1)
    distinct, inverse = np.unique(names.to_numpy(dtype=object), return_inverse=True)
    return axis.draws.codes_of(list(distinct))[inverse]


def _drawn_purchases(axis: Axis, rows: Rows, n_draws: int, as_of: dt.date) -> Codes:
    return purchase_codes(rows.x, drawn_levels(axis, rows, n_draws, as_of) > 0)
