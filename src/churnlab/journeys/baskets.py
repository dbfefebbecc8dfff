"""Ordered baskets per customer inside the event engine: what every table of journeys starts from.

A basket is an order (rows of one order_id, at the time of the first), else the rows of a customer
at one moment. Its position counts a customer's baskets from 1 in time order.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any, Final

import ibis
import pandas as pd

from churnlab.engine import frame
from churnlab.errors import DataError
from churnlab.events import EventLog

DAY: Final = 86_400_000_000
"""Microseconds: the unit of times in here, so that a window's end is exact."""


@dataclass(frozen=True)
class Baskets:
    """A log's baskets, as tables of the engine.

    table: ``customer`` (code), ``customer_id``, ``at`` (microseconds since 1970, local), ``pos`` (1
        .. n), ``n`` (the customer's baskets), ``last`` (position of the last basket within the
        window after this one).
    lines: ``customer``, ``pos``, ``at``, ``item`` (code into `items`): distinct; common items only.
    items: The items studied, most customers first.
    end: First moment that is not known any more, microseconds since 1970: midnight after `as_of`.
    window: Microseconds.
    n_items: Different items in the log, before the common ones were taken.
    """

    table: Any
    lines: Any
    items: list[str]
    end: int
    window: int
    n_items: int

    def of(self, customers: Any) -> Baskets:
        """Return the baskets of some customers: an Ibis table with their ``customer_id``."""
        table = self.table.semi_join(customers, "customer_id").cache()
        return replace(self, table=table, lines=self.lines.semi_join(table, "customer").cache())

    @property
    def people(self) -> Any:
        """Ibis table of ``customer`` (code) and ``customer_id``."""
        return self.table.select("customer", "customer_id").distinct()

    def names(self, codes: pd.Series) -> pd.Series:
        """Return the names of item codes."""
        return codes.map(dict(enumerate(self.items)))


def read_baskets(log: EventLog, *, level: str, window_days: float, most_items: int) -> Baskets:
    """Return the ordered baskets of a log, with the items that most customers buy.

    level: Column of purchases that names the goods: `item` or `category`.
    window_days: Window of a journey, days.
    most_items: How many items are studied; the others still make baskets.
    Raises DataError: No such column, no basket with a name in it, one item only, or a log that is
        not longer than the window: nobody's is wholly known.
    """
    rows = _rows(log.table("purchases"), level)
    window = round(window_days * DAY)
    known = rows.filter(rows["item"].notnull() & (rows["item"] != ""))  # noqa: PD004 (Ibis)
    counted = known.group_by("item").aggregate(customers=known["customer_id"].nunique())
    ranked = frame(counted.order_by([ibis.desc("customers"), "item"]))
    _require_several(ranked, level)
    names = ranked["item"].head(most_items).tolist()
    end = (log.as_of - dt.date(1969, 12, 31)).days * DAY  # of as_of, since 1970
    _require_history(rows, window, end)
    table = _ordered(rows, window).cache()
    codes = ibis.memtable(pd.DataFrame({"name": names, "code": range(len(names))}))
    lines = (
        known.inner_join(codes, known["item"] == codes["name"])
        .inner_join(table, ["customer_id", "at"])
        .select("customer", "pos", "at", item="code")
        .distinct()
        .cache()
    )
    return Baskets(table, lines, names, end, window, len(ranked))


def _rows(purchases: Any, level: str) -> Any:
    """Return customer_id, at, item: rows of an order at the time of its first."""
    if level not in purchases.columns:
        raise DataError(
            f"journeys need goods: purchases have no column {level!r}. Map yours with "
            f"data.purchases.{level}=NAME; purchases have {', '.join(purchases.columns)}."
        )
    rows = purchases.mutate(at=moment(purchases["event_at"]), item=purchases[level])
    if "order_id" in purchases.columns:
        order = ibis.window(group_by=["customer_id", "order_id"])
        first = rows["at"].min().over(order)
        rows = rows.mutate(at=ibis.ifelse(rows["order_id"].notnull(), first, rows["at"]))  # noqa: PD004
    return rows.select("customer_id", "at", "item")


def moment(time: Any) -> Any:
    """Return a column of times as microseconds since 1970."""
    return time.epoch_seconds() * 1_000_000 + time.microsecond()


def _require_several(ranked: pd.DataFrame, level: str) -> None:
    if ranked.empty:
        raise DataError(f"journeys need goods: every {level} of the purchases is empty.")
    if len(ranked) == 1:
        raise DataError(
            f"journeys need at least two different goods; every purchase has {level} "
            f"{ranked['item'][0]!r}. Take another level: journey.level=item or category."
        )


def _require_history(rows: Any, window: int, end: int) -> None:
    first = int(frame(rows.aggregate(at=rows["at"].min()))["at"][0])
    if first + window >= end:
        raise DataError(
            f"no purchase has a window of {window / DAY:g} days that is over: the log spans "
            f"{(end - first) / DAY:.1f} days. Give more history or a shorter journey.window_days."
        )


def _ordered(rows: Any, window: int) -> Any:
    """Return one row per basket, with its position and the last position within the window."""
    baskets = rows.select("customer_id", "at").distinct()
    own = ibis.window(group_by="customer_id", order_by="at")
    ahead = ibis.range_window(
        preceding=0, following=window, group_by="customer_id", order_by=baskets["at"]
    )
    people = baskets.select("customer_id").distinct()
    people = people.mutate(customer=ibis.row_number().over(order_by="customer_id"))
    ordered = baskets.mutate(
        pos=ibis.row_number().over(own) + 1,
        n=baskets.count().over(ibis.window(group_by="customer_id")),
        within=baskets.count().over(ahead),
    )
    ordered = ordered.mutate(last=ordered["pos"] + ordered["within"] - 1)
    return ordered.inner_join(people, "customer_id").select(
        "customer", "customer_id", "at", "pos", "n", "last"
    )
