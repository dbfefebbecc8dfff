"""From events to a summary."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from churnlab.errors import DataError, UsageError, nearest
from churnlab.events import FIRST_CATEGORY, EventLog
from churnlab.events.days import EventDays
from churnlab.events.ids import positions
from churnlab.summary.calendar import number
from churnlab.summary.customers import Summary, gaps_of, with_cells
from churnlab.summary.daysums import sum_log_gaps
from churnlab.summary.design import column_of
from churnlab.summary.taking import as_log, is_summary_frame
from churnlab.summary.there import Histories, summed_up_there
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
    counting: dict[str, Any] = {"events": events, "count_purchases": count_purchases}
    if view.engine is None:
        days = partial(view.event_days, **counting)
        found = _with_attributes(_customers(days(), view.as_of, log_gaps), view, columns, plain)
        made = None if found.empty else with_cells(found, view.as_of, columns, wanted)
        histories: Histories = partial(_histories, days)
        every: Callable[[], Ints] = partial(_every_day, days)
    else:
        if wanted:
            raise UsageError(
                f"covariates need every customer here, and the log stays in {view.engine.name}; "
                "group them with model.group, or read the log with data.engine=duckdb."
            )
        members = _attributes(view, columns, ()) if columns else None
        found_there = summed_up_there(view, members, columns, log_gaps=log_gaps, **counting)
        made, histories, every = found_there
    if made is None:
        raise DataError(
            f"no {events} up to {view.as_of}; give a later as_of or data that reach back further."
        )
    return replace(
        made,
        regroup=partial(summarise, view, there=there, **counting),
        purchase_days=every,
        histories=histories,
        counting=counting,
        beginning=view.report.beginning if events == "purchases" else None,
        gaps=gaps_of(made, histories),
    )


def _customers(days: EventDays, as_of: dt.date, log_gaps: bool) -> pd.DataFrame:
    """Return what days come to, a row a customer."""
    starts, size = days.starts[:-1], np.diff(days.starts)
    first, last = days.day[starts], days.day[days.starts[1:] - 1]
    dates = (v.astype("datetime64[D]").astype("datetime64[us]") for v in (first, last))
    return pd.DataFrame(
        {
            "customer_id": days.ids.to_pandas(),
            "x": size - 1.0,
            "t_x": (last - first).astype(np.float64),
            "T": (number(as_of) - first).astype(np.float64),
            "sum_log_gap": sum_log_gaps(days.day, starts) if log_gaps and len(size) else np.nan,
            **dict(zip(("first_purchase_at", "last_purchase_at"), dates, strict=True)),
        }
    )


def _with_attributes(
    customers: pd.DataFrame, log: EventLog, columns: tuple[str, ...], covariates: tuple[str, ...]
) -> pd.DataFrame:
    if not columns and not covariates:
        return customers
    members = _attributes(log, columns, covariates).to_pyarrow()
    at = positions(customers["customer_id"], members["customer_id"])
    own: pd.DataFrame = members.drop_columns("customer_id").take(pa.array(at)).to_pandas()
    return pd.concat([customers, own], axis="columns")


def _every_day(days: Callable[[], EventDays]) -> Ints:
    """Return the day number of every counted event, by day (only a clock needs them)."""
    return np.sort(days().day).astype(np.int64)


def _histories(days: Callable[[], EventDays], ids: list[str]) -> pd.DataFrame:
    """Return the counted days of these customers, sorted by customer and day."""
    return days().of(ids)


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
