"""The summary of a log that stays in Spark or PostgreSQL: its cells, and a sample of customers."""

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import ibis
import numpy as np
import pandas as pd

from churnlab.engine import frame
from churnlab.events import EventLog
from churnlab.summary.cells import Cells, distinct_rows
from churnlab.summary.customers import UNKNOWN, Summary, grouped
from churnlab.summary.elsewhere import KEYS, Elsewhere
from churnlab.types import Ints

#: Customers that come here, drawn by their ids: what a fit is held against, and learns levels from.
MOST_CUSTOMERS: Final = 30_000
#: The event-days of some customers.
Histories = Callable[[list[str]], pd.DataFrame]
#: Hexadecimal digits that an id is drawn by.
_DIGITS: Final = 12


@ibis.udf.scalar.builtin(name="md5", signature=(("string",), "string"))
def _md5(text):  # type: ignore[no-untyped-def]
    ...


def summed_up_there(
    log: EventLog, members: Any | None, columns: tuple[str, ...], *, log_gaps: bool,
    events: str, count_purchases: bool,
) -> tuple[Summary | None, Histories, Callable[[], Ints]]:  # fmt: skip
    """Return the summary of a log that stays elsewhere, and its `histories` and `purchase_days`.

    log: Up to the day in question.
    members: customer_id and the grouping columns, where there are any.
    """
    days = log.day_table(events)
    if count_purchases and events == "visits" and "purchases" in log.tables:
        days = days.union(log.day_table("purchases"), distinct=True)
    customers = _per_customer(days, log.as_of, log_gaps=log_gaps)
    if members is not None:
        customers = customers.left_join(members, "customer_id").drop("customer_id_right")
    made = summary_there(customers, log.as_of, columns)
    return made, partial(_histories, days), partial(_purchase_days, days)


def summary_there(customers: Any, as_of: dt.date, columns: tuple[str, ...]) -> Summary | None:
    """Return the cells of customers who stay where they are, and a sample of them.

    customers: A row a customer, as of `summarise`.
    columns: Grouping columns; a missing value is a group.
    Returns: `cells` are those of all; `customers` is a sample of at most `MOST_CUSTOMERS`. None
        where there is nobody.
    """
    customers = customers.mutate(**{c: customers[c].fill_null(UNKNOWN) for c in columns})
    keys = [*KEYS, *columns]
    counted = customers.group_by(keys).aggregate(
        n=customers.count(), sum_log_gap=customers.sum_log_gap.mean()
    )
    table = frame(counted.cast({"n": "float64"}))
    if table.empty:
        return None
    table, codes, groups = grouped(table, columns)
    group = np.zeros(len(table), np.int64) if codes is None else codes
    order, _ = distinct_rows(group, *(table[k] for k in KEYS))
    table, group = table.iloc[order].reset_index(drop=True), group[order]
    values = {k: table[k].to_numpy(np.float64) for k in (*KEYS, "sum_log_gap")}
    cells = Cells(**values, weight=table["n"].to_numpy(), group=group, groups=groups)
    rows = _one_each(table, as_of, columns)
    people = _sample(customers, cells.n_customers).merge(
        rows[[*keys, "cell"]], on=keys, how="left", validate="many_to_one"
    )
    first = [c for c in people.columns if c not in columns]
    there = Elsewhere(customers, rows, columns)
    return Summary(people[[*first, *columns]], cells, as_of, columns, elsewhere=there)


def _one_each(table: pd.DataFrame, as_of: dt.date, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return a row a cell, as if a customer were in it: the days follow from T and t_x."""
    first = pd.Timestamp(as_of).as_unit("us") - pd.to_timedelta(table["T"], unit="D")
    return pd.DataFrame(
        {
            "customer_id": table.index.astype("str"),
            **{k: table[k] for k in (*KEYS, "sum_log_gap")},
            "first_purchase_at": first,
            "last_purchase_at": first + pd.to_timedelta(table["t_x"], unit="D"),
            "cell": np.arange(len(table)),
            **{c: table[c] for c in columns},
        }
    )


def _sample(customers: Any, n: int) -> pd.DataFrame:
    """Fetch customers by chance, the same ones whatever the order and the engine."""
    if n > MOST_CUSTOMERS:
        until = format(int(MOST_CUSTOMERS / n * 16**_DIGITS), f"0{_DIGITS}x")
        customers = customers.filter(_md5(customers.customer_id).left(_DIGITS) < until)
    return frame(customers.order_by("customer_id"))


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
