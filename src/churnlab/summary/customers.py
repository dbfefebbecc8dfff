"""x, t_x, T of every customer, with the cells that they fall into."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from churnlab.errors import UsageError
from churnlab.events import Beginning
from churnlab.summary.calendar import number
from churnlab.summary.cells import POOLED, Cells
from churnlab.summary.clock import Clock
from churnlab.summary.dated import Dated
from churnlab.summary.design import Coding, Design, column_of, learn_codings, profiles
from churnlab.summary.elsewhere import Elsewhere
from churnlab.summary.gaps import Gaps, completed_gaps
from churnlab.types import Array, Ints

#: Group of customers whose attribute is missing.
UNKNOWN = "unknown"
#: Customers that a clock is learnt from: months are known to half a percent by then, and a million
#: customers cost no more.
MOST_DATED = 30_000
#: Between the values of several grouping columns.
JOINED = " | "


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
    covariates : tuple of str
        Covariates as they were asked for; their columns stand last in `customers`.
    design : Design, optional
        With covariates: what the groups of `cells` then are, distinct (group, covariates).
    purchase_days : callable, optional
        Returns the day number of every purchase; see `dated`.
    histories : callable, optional
        Returns the purchase-days of some customers (ids): customer_id, day, sorted by them.
    gaps : callable, optional
        Returns the gaps between the purchases of customers who came back.
    clock : Clock, optional
        With one, the *cells'* t_x and T are clock days; those of `customers` stay days.
    beginning : Beginning, optional
        What speaks for purchases before the log.
    counting : mapping
        `events` and `count_purchases` of `summarise`: what was counted.
    elsewhere : Elsewhere, optional
        The customers of a log in Spark or PostgreSQL, where they are; `customers` is a sample of
        them, and `cells` are those of all.

    Notes
    -----
    Made by `churnlab.summarise` or `from_arrays`. The examples of the methods go on from this one.

    Examples
    --------
    >>> import churnlab as cl
    >>> log = cl.load_shop(300)
    >>> summary = cl.summarise(log)
    >>> bool((summary.customers["t_x"] <= summary.customers["T"]).all())
    True
    """

    customers: pd.DataFrame
    cells: Cells
    as_of: dt.date
    group_columns: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    design: Design | None = field(default=None, repr=False, compare=False)
    regroup: Callable[..., Summary] | None = field(default=None, repr=False, compare=False)
    purchase_days: Callable[[], Ints] | None = field(default=None, repr=False, compare=False)
    histories: Callable[[list[str]], pd.DataFrame] | None = field(
        default=None, repr=False, compare=False
    )
    gaps: Callable[[], Gaps] | None = field(default=None, repr=False, compare=False)
    clock: Clock | None = None
    beginning: Beginning | None = None
    counting: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    elsewhere: Elsewhere | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        """One line: customers, those who came back, day, cells and groups."""
        return f"Summary({self._title})"

    def _repr_html_(self) -> str:
        """Return the line with the spread of x, t_x and T, for a notebook."""
        spread = self.customers[["x", "t_x", "T"]].describe().to_html(float_format="{:.4g}".format)
        return f"<p><b>Summary</b> {self._title}</p>{spread}"

    @property
    def _title(self) -> str:
        repeat = int((self.customers["x"] > 0).sum())
        groups = f", by {', '.join(self.group_columns)}" if self.group_columns else ""
        return (
            f"{len(self.customers):,} customers up to {self.as_of}, {repeat:,} came back, "
            f"{len(self.cells):,} cells{groups}"
        )

    def grouped(self, columns: Sequence[str], covariates: Sequence[str] = ()) -> Summary:
        """Return the same customers with cells by these columns and covariates.

        Parameters
        ----------
        columns, covariates : sequence of str
            Columns of `EventLog.attributes`.

        Returns
        -------
        Summary
            Of the same log and day.

        Raises
        ------
        UsageError
            The summary does not know the log that it came from.

        Examples
        --------
        >>> summary.grouped(["gender"]).cells.groups
        ('female', 'male')
        """
        wanted = tuple(columns), tuple(covariates)
        if wanted == (self.group_columns, self.covariates):
            return self
        if self.regroup is None:
            raise UsageError(
                f"this summary is grouped by {self.group_columns or 'nothing'}, has the covariates "
                f"{self.covariates or 'none'} and was made from arrays; pass group= and "
                "covariates= when making it."
            )
        return self.regroup(group=wanted[0], covariates=wanted[1])

    def coded_as(self, codings: tuple[Coding, ...]) -> Summary:
        """Return the same customers with covariates coded by the `codings` of another summary.

        Parameters
        ----------
        codings : tuple of Coding
            ``other.design.codings``.

        Returns
        -------
        Summary
            With a design of its own.

        Raises
        ------
        DataError
            A category that the coding does not know; see `Coding.encode`.

        Examples
        --------
        >>> aged = cl.summarise(log, covariates=["gender"])
        >>> aged.coded_as(aged.design.codings).covariates
        ('gender',)
        """
        people = self.customers.drop(columns="cell")
        made = with_cells(people, self.as_of, self.group_columns, self.covariates, codings)
        return self._like(made)

    def dated(self) -> Dated:
        """Return the customers by the days of their first and last purchase.

        Those of `spaced`, where the summary knows everybody's history.

        Returns
        -------
        Dated
            Distinct (x, first day, last day) with weights, and every purchase's day.

        Raises
        ------
        UsageError
            The summary does not know the log that it came from.

        Examples
        --------
        >>> type(summary.dated()).__name__
        'Dated'
        """
        if self.purchase_days is None:
            raise UsageError(
                "calendar effects need the day of every purchase, and this summary was made from "
                "arrays; make it from a log with summarise(log)."
            )
        people = self.customers if self.histories is None else self.spaced
        if self.histories is None or len(people) == len(self.customers):
            every = self.purchase_days()
        else:
            days = self.histories(people["customer_id"].tolist())["day"]
            every = days.to_numpy().astype("datetime64[D]").astype(np.int64)
        first, last = _day_numbers(people)
        return Dated.collapse(people["x"], first, last, every, self.as_of)

    @property
    def spaced(self) -> pd.DataFrame:
        """At most `MOST_DATED` customers, evenly spaced in the order of their ids."""
        return self.customers.iloc[:: max(1, -(-len(self.customers) // MOST_DATED))]

    @property
    def ahead(self) -> Callable[[Array], Array] | None:
        """What turns days after `as_of` into the cells' time; None where that is days."""
        return None if self.clock is None else partial(self.clock.ahead, self.as_of)

    def on_clock(self, clock: Clock) -> Summary:
        """Return the same customers with cells in clock days; `customers` keeps days.

        Parameters
        ----------
        clock : Clock
            Of a fit's `seasons`: how fast time runs on each day.

        Returns
        -------
        Summary
            With `clock`.

        Examples
        --------
        >>> seasonal = cl.fit(summary, model=cl.ModelConfig(calendar="month"))
        >>> summary.on_clock(seasonal.seasons.clock).clock is not None
        True
        """
        people = self.customers.drop(columns="cell")
        begin, end = (clock.time(v) for v in _day_numbers(people))
        stop = clock.time([number(self.as_of)])
        timed = people.assign(t_x=end - begin, T=stop - begin)
        codings = None if self.design is None else self.design.codings
        made = with_cells(timed, self.as_of, self.group_columns, self.covariates, codings)
        kept = made.customers.assign(t_x=people["t_x"], T=people["T"])
        again = self.regroup

        def regroup(**columns: tuple[str, ...]) -> Summary:
            assert again is not None
            return again(**columns).on_clock(clock)

        timed_again = regroup if again else None
        return replace(
            self._like(made), customers=kept, clock=clock, regroup=timed_again, gaps=self.gaps
        )

    def _like(self, made: Summary) -> Summary:
        """Return a summary of the same customers that knows the same log."""
        return replace(
            made,
            regroup=self.regroup,
            purchase_days=self.purchase_days,
            histories=self.histories,
            beginning=self.beginning,
            counting=self.counting,
            gaps=None if self.histories is None else gaps_of(made, self.histories),
        )

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
        covariates: pd.DataFrame | None = None,
    ) -> Summary:
        """Make a summary from arrays.

        Parameters
        ----------
        x, t_x, T : array, shape (customer,)
            Repeat purchases; days from the first to the last; days from the first to `as_of`.
        as_of : date or ISO text
            Last known day.
        sum_log_gap : array, shape (customer,), optional
            Sum of the logs of the gaps in days, for Erlang-k models; default: 0.
        customer_id, group : array of text, shape (customer,), optional
            Ids (default: running numbers) and groups (default: one).
        covariates : DataFrame, optional
            One row per customer.

        Returns
        -------
        Summary
            Without a log behind it: `dated` and other groups are not to be had.

        Raises
        ------
        UsageError
            Lengths differ, or values that no customer can have (t_x > T, t_x > 0 at x = 0, ...).

        Examples
        --------
        >>> cl.Summary.from_arrays(x=[0, 3], t_x=[0.0, 80.0], T=[100.0, 90.0], as_of="2025-06-30")
        Summary(2 customers up to 2025-06-30, 1 came back, 2 cells)
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
                "customer_id": pd.Series(ids, dtype="str").array,
                **columns,
                "sum_log_gap": gaps,
                "first_purchase_at": first,
                "last_purchase_at": first + pd.to_timedelta(columns["t_x"], unit="D"),
            }
        )
        if group is not None:
            customers["group"] = pd.Series(list(group), dtype="str")
        names: tuple[str, ...] = ()
        if covariates is not None:
            names = tuple(covariates.columns)
            customers = pd.concat([customers, covariates.reset_index(drop=True)], axis="columns")
        return with_cells(customers, day.date(), () if group is None else ("group",), names)


def gaps_of(made: Summary, histories: Callable[[list[str]], pd.DataFrame]) -> Callable[[], Gaps]:
    """Return what `Summary.gaps` is: the gaps in the codes of its own cells."""
    return partial(completed_gaps, histories, made.customers, made.cells.group, made.as_of)


def with_cells(
    customers: pd.DataFrame,
    as_of: dt.date,
    columns: tuple[str, ...],
    covariates: tuple[str, ...] = (),
    codings: tuple[Coding, ...] | None = None,
) -> Summary:
    """Return the summary of a customer table, grouped by columns of it, with covariates.

    `codings` are learnt from the table where they are not given.
    """
    customers, codes, groups = grouped(customers, columns)
    design = None
    if covariates:
        chosen = learn_codings(customers, covariates) if codings is None else codings
        own = np.zeros(len(customers), np.int64) if codes is None else codes
        design, codes, names = profiles(customers, chosen, own, groups)
        groups = names
    cells, inverse = Cells.collapse(
        customers["x"],
        customers["t_x"],
        customers["T"],
        sum_log_gap=customers["sum_log_gap"],
        group=codes,
        groups=groups,
    )
    last = [*columns, *(column_of(c) for c in covariates if column_of(c) not in columns)]
    first = [c for c in customers.columns if c not in last]
    customers = customers.assign(cell=inverse)[[*first, "cell", *last]]
    return Summary(customers, cells, as_of, columns, covariates=covariates, design=design)


def grouped(
    customers: pd.DataFrame, columns: tuple[str, ...]
) -> tuple[pd.DataFrame, NDArray[np.int64] | None, tuple[str, ...]]:
    """Return the table with group columns as text, each customer's group code, and the names."""
    if not columns:
        return customers, None, POOLED
    text = customers[list(columns)].astype("str").fillna(UNKNOWN)
    customers = customers.assign(**{c: text[c] for c in columns})
    label = text[columns[0]]
    for column in columns[1:]:
        label = label + JOINED + text[column]
    codes, names = pd.factorize(label, sort=True)
    return customers, np.asarray(codes, np.int64), tuple(str(n) for n in names)


def _day_numbers(people: pd.DataFrame) -> tuple[Ints, Ints]:
    """Return the first and the last purchase-day as days since 1970-01-01."""
    first, last = (
        people[name].to_numpy().astype("datetime64[D]").astype(np.int64)
        for name in ("first_purchase_at", "last_purchase_at")
    )
    return first, last


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
            f"row {i} (customer {str(list(ids)[i])!r}) has x={x[i]:g}, t_x={t_x[i]:g}, "
            f"T={T[i]:g}; expected whole x >= 0, "
            "0 <= t_x <= T, and t_x = 0 where x = 0."
        )
