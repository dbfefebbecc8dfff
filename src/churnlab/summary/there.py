"""The summary of a log that stays in Spark or PostgreSQL: its cells, and a sample of customers."""

import datetime as dt
from typing import Any, Final

import ibis
import numpy as np
import pandas as pd

from churnlab.events.engine import frame
from churnlab.summary.cells import Cells, distinct_rows
from churnlab.summary.customers import UNKNOWN, Summary, grouped
from churnlab.summary.elsewhere import KEYS, Elsewhere

#: Customers that come here, drawn by their ids: what a fit is held against, and learns levels from.
MOST_CUSTOMERS: Final = 30_000
#: Hexadecimal digits that an id is drawn by.
_DIGITS: Final = 12


@ibis.udf.scalar.builtin(name="md5", signature=(("string",), "string"))
def _md5(text):  # type: ignore[no-untyped-def]
    ...


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
