"""From events to a summary, inside the event engine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import ibis
import numpy as np
import pandas as pd

from churnlab.errors import DataError, UsageError, nearest
from churnlab.events import FIRST_CATEGORY, EventLog
from churnlab.events.engine import frame
from churnlab.summary.customers import Summary, gaps_of, with_cells
from churnlab.summary.design import column_of
from churnlab.summary.taking import as_log, is_summary_frame
from churnlab.summary.there import summary_there
from churnlab.types import Ints


def as_summary(data: Any) -> Summary:
    """Return a summary; a log, or a path or frame of purchases, is summarised first.

    Raises UsageError: A frame of x, t_x and T, whose day is not known.
    """
    if isinstance(data, Summary):
        return data
    if is_summary_frame(data):
        raise UsageError(
            "a frame with x, t_x and T is given; expected a summary: "
            "churnlab.Summary.from_arrays(frame.x, frame.t_x, frame.T, as_of=DAY), in days."
        )
    return summarise(data)


def summarise(
    log: EventLog,
    as_of: dt.date | str | None = None,
    *,
    events: str = "purchases",
    group: str | Sequence[str] | None = None,
    covariates: str | Sequence[str] = (),
    count_purchases: bool = False,
    log_gaps: bool = True,
    there: bool = False,
) -> Summary:
    """Return x, t_x, T of every customer with an event up to `as_of`.

    The aggregation runs in the engine: a million customers take seconds.

    Parameters
    ----------
    log : EventLog
        Checked events; a path or frame with the canonical columns is read as purchases.
    as_of : date or ISO text, optional
        Cutoff, inclusive; default: the log's own.
    events : str
        `purchases`, or `visits`: then x, t_x, T speak of visit-days.
    group : str or list of str, optional
        Attributes of members, `signup_month` (YYYY-MM), or `first_category` (of the first
        purchase, where the log has categories).
    covariates : str or list of str
        Attributes of members: numbers (standardised) or categories; ``C(name)`` makes a category
        of numbers.
    count_purchases : bool
        With ``events="visits"``: a purchase-day counts as a visit-day too.
    log_gaps : bool
        Whether the sum of log gaps is computed, which asks for every customer's days in order and
        takes most of the time. Only fits of Erlang-k models need it; without it the sum is NaN.
    there : bool
        Of a log that stays in Spark or PostgreSQL: sum up there. The cells come, and a sample of
        the customers.

    Returns
    -------
    Summary
        ``.customers``: a row a customer with x (count), t_x and T (days); ``.cells``: distinct
        rows.

    Raises
    ------
    DataError
        No event up to `as_of`, no such attribute, or a covariate that cannot be used.
    UsageError
        `as_of` after the log's own; a log that stays elsewhere, without `there`.

    References
    ----------
    Fader, Hardie and Lee (2005), Marketing Science 24, 275-284: (x, t_x, T) suffice.

    Examples
    --------
    >>> import churnlab as cl
    >>> cl.summarise(cl.load_cdnow(as_of="1997-09-30"))
    Summary(2,357 customers up to 1997-09-30, 946 came back, 1,016 cells)
    """
    log = as_log(log)
    view = log if as_of is None else log.until(as_of)
    columns = () if group is None else (group,) if isinstance(group, str) else tuple(group)
    wanted = (covariates,) if isinstance(covariates, str) else tuple(covariates)
    plain = tuple(column_of(name) for name in wanted)
    _check_columns(columns, plain)
    if view.engine is not None and not there:
        raise UsageError(
            f"this log stays in {view.engine.name}, and a customer's row is wanted here. Sum up "
            "there with summarise(log, there=True), or read the log with data.engine=duckdb."
        )
    days = view.day_table(events)
    if count_purchases and events == "visits" and "purchases" in view.tables:
        days = days.union(view.day_table("purchases"), distinct=True)
    customers = _per_customer(days, view.as_of, log_gaps=log_gaps)
    if columns or plain:
        members = _attributes(view, columns, plain)
        customers = customers.left_join(members, "customer_id").drop("customer_id_right")
    made = _made(customers, view, columns, wanted)
    if made is None:
        raise DataError(
            f"no {events} up to {view.as_of}; give a later as_of or data that reach back further."
        )
    counting: dict[str, Any] = {"events": events, "count_purchases": count_purchases}
    again = partial(summarise, view, there=there, **counting)
    histories = partial(_histories, days)
    return replace(
        made,
        regroup=again,
        purchase_days=partial(_purchase_days, days),
        histories=histories,
        counting=counting,
        beginning=view.report.beginning if events == "purchases" else None,
        gaps=gaps_of(made, histories),
    )


def _made(
    customers: Any, log: EventLog, columns: tuple[str, ...], covariates: tuple[str, ...]
) -> Summary | None:
    """Return the summary of counted customers; None where there is nobody."""
    if log.engine is not None:
        if covariates:
            raise UsageError(
                f"covariates need every customer here, and the log stays in {log.engine.name}; "
                "group them with model.group, or read the log with data.engine=duckdb."
            )
        return summary_there(customers, log.as_of, columns)
    found = frame(customers.order_by("customer_id"))
    return None if found.empty else with_cells(found, log.as_of, columns, covariates)


def _purchase_days(days: Any) -> Ints:
    """Return the day number of every counted event, by day (only a clock needs them)."""
    counted = frame(days.group_by("day").aggregate(n=days.count()).order_by("day"))
    day = counted["day"].to_numpy().astype("datetime64[D]").astype(np.int64)
    return np.repeat(day, counted["n"].to_numpy())


def _histories(days: Any, ids: list[str]) -> pd.DataFrame:
    """Return the counted days of these customers, sorted by customer and day."""
    wanted = ibis.memtable(pd.DataFrame({"customer_id": pd.Series(ids, dtype="str")}))
    kept = days.semi_join(wanted, "customer_id").select("customer_id", "day")
    return frame(kept.order_by("customer_id", "day"))


def _with_log_gap(days: Any) -> Any:
    """Return the days with the log of the gap before each, 0 at a customer's first."""
    ordered = ibis.window(group_by="customer_id", order_by="day")
    before = days.day.lag().over(ordered)
    gap = days.day.delta(before, unit="day").cast("float64")
    nothing = ibis.literal(float("-inf"))
    # DuckDB raises on ln(0): two orders on a day, under purchase_unit=order
    log_gap = ibis.cases((gap > 0, ibis.ifelse(gap > 0, gap, 1.0).ln()), (gap == 0, nothing))
    return days.mutate(log_gap=log_gap.fill_null(0.0))  # the first event has no gap


def _per_customer(days: Any, as_of: dt.date, *, log_gaps: bool) -> Any:
    """Return the aggregation; log gaps come from a window over each customer's days."""
    days = _with_log_gap(days) if log_gaps else days.mutate(log_gap=ibis.literal(float("nan")))
    found = days.group_by("customer_id").aggregate(
        n=days.count(), first=days.day.min(), last=days.day.max(), gaps=days.log_gap.sum()
    )
    cutoff = ibis.literal(as_of, type="date")
    return found.select(
        "customer_id",
        x=(found.n - 1).cast("float64"),
        t_x=found["last"].delta(found["first"], unit="day").cast("float64"),
        T=cutoff.delta(found["first"], unit="day").cast("float64"),
        sum_log_gap=found.gaps,
        first_purchase_at=found["first"].cast("timestamp"),
        last_purchase_at=found["last"].cast("timestamp"),
    )


def _check_columns(columns: tuple[str, ...], covariates: tuple[str, ...]) -> None:
    every = [*columns, *covariates]
    twice = sorted({c for c in every if every.count(c) > 1})
    if twice:
        raise UsageError(
            f"{twice[0]!r} is named twice among groups and covariates; a column can be a group "
            "(levels borrow strength) or a covariate (one coefficient a level), not both."
        )


def _attributes(log: EventLog, columns: tuple[str, ...], covariates: tuple[str, ...]) -> Any:
    """Return customer_id with groups as text and covariates as they are."""
    members = log.attribute_table()
    known = [c for c in members.columns if c not in ("customer_id", "signed_up_at")]
    for column in (*columns, *covariates):
        if column not in known:
            raise DataError(
                f"members have no attribute {column!r}.{nearest(column, known)} "
                f"They have: {', '.join(known)}. Name yours in data.members.attributes, "
                'in Python columns={"members": {NAME: COLUMN}}'
                + (
                    "; first_category needs data.purchases.category."
                    if column == FIRST_CATEGORY
                    else "."
                )
            )
    chosen = {c: members[c].cast("string") for c in columns}
    return members.select("customer_id", **chosen, **{c: members[c] for c in covariates})
