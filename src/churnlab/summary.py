"""From events to x, t_x, T per customer, and to the distinct cells that a likelihood needs.

x counts repeat purchase-days, t_x = last - first, T = as_of - first; all in days. The likelihood
depends on the data only through (group, x, t_x, T) and the sum of log gaps, so customers with equal
values become one weighted cell: the posterior is exactly the same, the work much less.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import ibis
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from churnlab.errors import DataError, UsageError, nearest
from churnlab.events import EventLog
from churnlab.events.engine import frame

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Group of customers whose attribute is missing.
UNKNOWN = "unknown"
#: Between the values of several grouping columns.
JOINED = " | "
POOLED = ("all",)
SIGNUP_MONTH = "signup_month"


@dataclass(frozen=True)
class Cells:
    """Distinct (group, x, t_x, T), sorted by them, with the number of customers of each.

    Attributes
    ----------
    x : array (cell,)
        Repeat purchase-days.
    t_x, T : array (cell,)
        Days from the first to the last purchase, and to the cutoff.
    weight : array (cell,)
        Customers.
    sum_log_gap : array (cell,)
        Sum over gaps of ln(days), the mean of the cell's customers; -inf where a gap is 0 days.
    group : int array (cell,)
        Codes into `groups`.
    groups : tuple of str
        ``("all",)`` when pooled.
    """

    x: Array
    t_x: Array
    T: Array
    weight: Array
    sum_log_gap: Array
    group: Ints
    groups: tuple[str, ...] = POOLED

    @property
    def n_customers(self) -> int:
        """Number of customers."""
        return round(float(self.weight.sum()))

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.x)

    @staticmethod
    def collapse(
        x: ArrayLike,
        t_x: ArrayLike,
        T: ArrayLike,
        *,
        sum_log_gap: ArrayLike | None = None,
        group: ArrayLike | None = None,
        groups: Sequence[str] = POOLED,
    ) -> tuple[Cells, Ints]:
        """Return the cells of customers, and the cell of each customer.

        Parameters
        ----------
        x, t_x, T : array (customer,)
            As above.
        sum_log_gap : array (customer,), optional
            0 where missing.
        group : int array (customer,), optional
            Codes into `groups`.

        Returns
        -------
        cells : Cells
        inverse : int array (customer,)
            ``cells.x[inverse]`` is `x`.
        """
        xs, ts, ages = (np.asarray(v, dtype=np.float64) for v in (x, t_x, T))
        n = len(xs)
        codes = np.zeros(n, np.int64) if group is None else np.asarray(group, dtype=np.int64)
        gaps = np.zeros(n) if sum_log_gap is None else np.asarray(sum_log_gap, dtype=np.float64)
        order = np.lexsort((ages, ts, xs, codes))
        new = np.ones(n, dtype=bool)
        if n:
            sides = [v[order] for v in (codes, xs, ts, ages)]
            new[1:] = np.any([v[1:] != v[:-1] for v in sides], axis=0)
        inverse = np.empty(n, dtype=np.int64)
        inverse[order] = np.cumsum(new) - 1
        first, weight = order[new], np.bincount(inverse).astype(np.float64)
        cells = Cells(
            x=xs[first],
            t_x=ts[first],
            T=ages[first],
            weight=weight,
            sum_log_gap=np.bincount(inverse, weights=gaps) / weight,
            group=codes[first],
            groups=tuple(groups),
        )
        return cells, inverse


@dataclass(frozen=True)
class Summary:
    """x, t_x, T of every customer at a day, and their cells.

    Attributes
    ----------
    customers : DataFrame
        One row per customer, sorted by id: customer_id, x, t_x, T, sum_log_gap,
        first_purchase_at, last_purchase_at (midnight of the day), cell (row of `cells`), and the
        group columns.
    cells : Cells
        Distinct rows with weights.
    as_of : date
        Last known day.
    group_columns : tuple of str
        Columns that the groups come from; several are joined with `` | `` in `cells.groups`.
    regroup : callable, optional
        Makes the summary of the same log by other columns; see `grouped`.
    """

    customers: pd.DataFrame
    cells: Cells
    as_of: dt.date
    group_columns: tuple[str, ...] = ()
    regroup: Callable[..., Summary] | None = field(default=None, repr=False, compare=False)

    def grouped(self, columns: Sequence[str]) -> Summary:
        """Return the same customers with cells by these columns.

        Raises
        ------
        UsageError
            The summary does not know the log that it came from.
        """
        if tuple(columns) == self.group_columns:
            return self
        if self.regroup is None:
            raise UsageError(
                f"this summary is grouped by {self.group_columns or 'nothing'} and was made from "
                "arrays; pass group= when making it."
            )
        return self.regroup(group=tuple(columns))

    @staticmethod
    def from_arrays(
        x: ArrayLike,
        t_x: ArrayLike,
        T: ArrayLike,
        *,
        as_of: dt.date | str,
        sum_log_gap: ArrayLike | None = None,
        customer_id: Sequence[str] | NDArray[Any] | pd.Series | None = None,
        group: Sequence[str] | NDArray[Any] | pd.Series | None = None,
    ) -> Summary:
        """Make a summary from arrays, in days.

        Raises
        ------
        UsageError
            Lengths differ, or values that no customer can have (t_x > T, t_x > 0 at x = 0, ...).
        """
        day = pd.Timestamp(as_of).normalize().as_unit("us")
        columns = {
            k: np.asarray(v, dtype=np.float64) for k, v in (("x", x), ("t_x", t_x), ("T", T))
        }
        n = len(columns["x"])
        gaps = np.zeros(n) if sum_log_gap is None else np.asarray(sum_log_gap, dtype=np.float64)
        ids = [f"{i:07d}" for i in range(n)] if customer_id is None else customer_id
        _check_arrays(columns, gaps, ids)
        first = day - pd.to_timedelta(columns["T"], unit="D")
        customers = pd.DataFrame(
            {
                "customer_id": pd.Series(list(ids), dtype="str"),
                **columns,
                "sum_log_gap": gaps,
                "first_purchase_at": first,
                "last_purchase_at": first + pd.to_timedelta(columns["t_x"], unit="D"),
            }
        )
        if group is not None:
            customers["group"] = pd.Series(list(group), dtype="str")
        return _with_cells(customers, day.date(), () if group is None else ("group",))


def summarise(
    log: EventLog,
    as_of: dt.date | str | None = None,
    *,
    events: str = "purchases",
    group: str | Sequence[str] | None = None,
    count_purchases: bool = False,
) -> Summary:
    """Return x, t_x, T of every customer with an event up to `as_of`.

    The aggregation runs in the engine: a million customers take seconds.

    Parameters
    ----------
    log : EventLog
        Checked events.
    as_of : date or ISO text, optional
        Cutoff, inclusive; default: the log's own.
    events : str
        `purchases`, or `visits`: then x, t_x, T speak of visit-days.
    group : str or list of str, optional
        Attributes of members, or `signup_month` (YYYY-MM).
    count_purchases : bool
        With ``events="visits"``: a purchase-day counts as a visit-day too.

    Raises
    ------
    DataError
        No event up to `as_of`, or no such attribute.
    UsageError
        `as_of` after the log's own.
    """
    view = log if as_of is None else log.until(as_of)
    columns = () if group is None else (group,) if isinstance(group, str) else tuple(group)
    days = view.day_table(events)
    if count_purchases and events == "visits" and "purchases" in view.tables:
        days = days.union(view.day_table("purchases"), distinct=True)
    customers = _per_customer(days, view.as_of)
    if columns:
        customers = customers.left_join(_group_table(view, columns), "customer_id").drop(
            "customer_id_right"
        )
    found = frame(customers.order_by("customer_id"))
    if found.empty:
        raise DataError(
            f"no {events} up to {view.as_of}; give a later as_of or data that reach back further."
        )
    again = partial(summarise, view, events=events, count_purchases=count_purchases)
    return replace(_with_cells(found, view.as_of, columns), regroup=again)


def _per_customer(days: Any, as_of: dt.date) -> Any:
    """Return the aggregation; gaps come from a window over each customer's days."""
    ordered = ibis.window(group_by="customer_id", order_by="day")
    before = days.day.lag().over(ordered)
    gap = days.day.delta(before, unit="day").cast("float64")
    nothing = ibis.literal(float("-inf"))
    # DuckDB raises on ln(0): two orders on a day, under purchase_unit=order
    log_gap = ibis.cases((gap > 0, ibis.ifelse(gap > 0, gap, 1.0).ln()), (gap == 0, nothing))
    days = days.mutate(log_gap=log_gap.fill_null(0.0))  # the first event has no gap
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


def _group_table(log: EventLog, columns: tuple[str, ...]) -> Any:
    members = log.table("members")
    members = members.mutate(**{SIGNUP_MONTH: members.signed_up_at.strftime("%Y-%m")})
    known = [c for c in members.columns if c not in ("customer_id", "signed_up_at")]
    for column in columns:
        if column not in known:
            raise DataError(
                f"members have no attribute {column!r}.{nearest(column, known)} "
                f"They have: {', '.join(known)}. Name yours in data.members.attributes."
            )
    chosen = {c: members[c].cast("string") for c in columns}
    return members.select("customer_id", **chosen)


def _with_cells(customers: pd.DataFrame, as_of: dt.date, columns: tuple[str, ...]) -> Summary:
    groups: tuple[str, ...] = POOLED
    codes = None
    if columns:
        text = customers[list(columns)].astype("str").fillna(UNKNOWN)
        customers[list(columns)] = text
        label = text[columns[0]]
        for column in columns[1:]:
            label = label + JOINED + text[column]
        codes, names = pd.factorize(label, sort=True)
        groups = tuple(str(n) for n in names)
    cells, inverse = Cells.collapse(
        customers["x"],
        customers["t_x"],
        customers["T"],
        sum_log_gap=customers["sum_log_gap"],
        group=codes,
        groups=groups,
    )
    own = [c for c in customers.columns if c not in columns]
    customers = customers.assign(cell=inverse)[[*own, "cell", *columns]]
    return Summary(customers, cells, as_of, columns)


def _check_arrays(columns: dict[str, Array], gaps: Array, ids: Any) -> None:
    sizes = {k: len(v) for k, v in columns.items()} | {"sum_log_gap": len(gaps), "ids": len(ids)}
    if len(set(sizes.values())) > 1:
        raise UsageError(f"arrays must have one length; got {sizes}.")
    x, t_x, T = columns["x"], columns["t_x"], columns["T"]
    wrong = ~((x >= 0) & (x == np.floor(x)) & (t_x >= 0) & (t_x <= T) & ((x > 0) | (t_x == 0)))
    wrong |= ~np.isfinite(T)
    if wrong.any():
        i = int(np.flatnonzero(wrong)[0])
        raise UsageError(
            f"row {i} has x={x[i]:g}, t_x={t_x[i]:g}, T={T[i]:g}; expected whole x >= 0, "
            "0 <= t_x <= T, and t_x = 0 where x = 0."
        )
