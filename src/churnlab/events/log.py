"""The event log: clean tables inside the engine, cut off at a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any, ClassVar, Protocol

import ibis
import pandas as pd

from churnlab import engine
from churnlab.errors import DataError, UsageError, nearest, one_of
from churnlab.events.cleaning import history
from churnlab.events.cleaning.staging import DATE, literal_date
from churnlab.events.days import EventDays
from churnlab.events.members import members_expression, with_derived
from churnlab.events.report import DataReport
from churnlab.events.schema import COLUMNS, time_column
from churnlab.formats.times import parse_day

EVENTS = ("purchases", "visits")


class Place(Protocol):
    """Where tables are that stay out of this process (`churnlab.events.warehouse`)."""

    name: ClassVar[str]

    def write(self, expression: Any, folder: Path) -> None:
        """Write rows as Parquet files."""

    def close(self) -> None:
        """Let go of the tables."""


@dataclass(frozen=True)
class EventLog:
    """Checked events up to and including `as_of`.

    Attributes
    ----------
    as_of : date
        Last known day, inclusive and complete. Nothing later can be got out of the log.
    time_zone : str
        IANA zone that the times are local to.
    report : DataReport
        The account of the reading, as of the day it was read for (views share it).
    hashes : dict
        SHA-256 of each input, by table.
    purchase_unit : str
        `customer_day` or `order`.
    engine : Place, optional
        Where the tables are, if not in this process: Spark or PostgreSQL.

    Notes
    -----
    Made by `read_events`, `load_shop` or `load_cdnow`. The examples of the methods go on from this.

    Examples
    --------
    >>> import churnlab as cl
    >>> log = cl.load_shop(300)
    >>> sorted(log.tables)
    ['members', 'purchases', 'treatments', 'visits']
    """

    as_of: dt.date
    time_zone: str
    report: DataReport
    hashes: dict[str, str]
    purchase_unit: str = "customer_day"
    _clean: Mapping[str, Any] = field(repr=False, compare=False, kw_only=True)
    """Clean Ibis tables by name, of those of unknown beginning too where anybody asked."""
    engine: Place | None = field(default=None, repr=False, compare=False, kw_only=True)
    """Where the tables are, if not in this process."""
    _kept: dict[Hashable, Any] = field(
        default_factory=dict, repr=False, compare=False, kw_only=True
    )
    """What the engine was asked for once; views share it."""

    def __repr__(self) -> str:
        """Where from, up to which day, what is kept of each table; a line for each note."""
        kept = ", ".join(f"{name} {t.kept:,} rows" for name, t in self.report.tables.items())
        return "\n".join([f"EventLog({self._title}: {kept})", *self.report.notes])

    def _repr_html_(self) -> str:
        """Return the account of the reading as a table, for a notebook."""
        columns = ("rows", "kept", "customers", "first_day", "last_day")
        rows = {
            name: {column: getattr(table, column) for column in columns}
            for name, table in self.report.tables.items()
        }
        title = f"<p><b>EventLog</b> {self._title}, {self.time_zone}</p>"
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.report.notes)
        return title + pd.DataFrame.from_dict(rows, orient="index").to_html(na_rep="") + notes

    @property
    def _title(self) -> str:
        read = self.report.as_of  # what is said of tables is of what was read, not of a cut
        cut = f", of what was read up to {read}" if self.as_of < read else ""
        return f"{self.report.name} up to {self.as_of}{cut}"

    @property
    def tables(self) -> frozenset[str]:
        """Names of the tables there are."""
        return frozenset(self.report.tables)

    @property
    def members_derived(self) -> bool:
        """True when members are derived from events, for want of a members table."""
        return "members" not in self.tables

    def table(self, name: str) -> Any:
        """Return a table as an Ibis expression: canonical columns, nothing after `as_of`.

        Parameters
        ----------
        name : str
            `purchases`, `visits`, `treatments` (customer_id: text, event_at: local timestamp,
            event_date: date, and the optional columns there are) or `members`.

        Returns
        -------
        ibis.Table
            Lazy: nothing is read before it is executed.

        Raises
        ------
        DataError
            The log has no such table.

        Examples
        --------
        >>> amounts = log.table("purchases").amount
        >>> bool(amounts.mean().execute() > 0)
        True
        """
        if name == "members":
            return members_expression(self._events(), self._raw("members"))
        if name not in self.tables:
            raise DataError(
                f"the log has no table {name!r}; it has {', '.join(sorted(self.tables))}."
                + nearest(name, COLUMNS)
            )
        return self._raw(name)

    def frame(self, name: str) -> pd.DataFrame:
        """Return a table as a pandas frame, sorted by customer, time and the other columns.

        Parameters
        ----------
        name : str
            `purchases`, `visits`, `members` or `treatments`; `event_date` comes as midnight of the
            day.

        Returns
        -------
        DataFrame
            A row an event, or a member.

        Raises
        ------
        DataError
            The log has no such table.

        Examples
        --------
        >>> log.frame("purchases").columns[:3].tolist()
        ['customer_id', 'event_at', 'event_date']
        """
        table = self.table(name)
        first = ["customer_id", time_column(name)]
        rest = [c for c in table.columns if c not in first]
        if DATE in table.columns:  # dates would come out as Python objects
            table = table.mutate(**{DATE: table[DATE].cast("timestamp")})
        return engine.frame(table.order_by([*first, *rest]))

    def first_day(self, events: str = "purchases") -> dt.date:
        """Return the day of the first of `events`; `as_of` where there is none.

        Parameters
        ----------
        events : str
            `purchases` or `visits`.

        Returns
        -------
        date
            In the log's time zone.

        Examples
        --------
        >>> log.first_day("visits") <= log.as_of
        True
        """
        one_of("events", events, EVENTS)
        found = self.table(events)[DATE].min().to_pyarrow().as_py()
        return self.as_of if found is None else found

    def days(
        self,
        events: str = "purchases",
        *,
        after: dt.date | None = None,
        of: Collection[str] | None = None,
    ) -> pd.DataFrame:
        """Return distinct `customer_id`, `day` (midnight), sorted; those after a day alone.

        With `of`, those of some customers alone.

        Under `purchase_unit=order` purchases have one row per order instead: an order is one
        order_id of a customer, on the day of its first row; rows without order_id are one each.

        Parameters
        ----------
        events : str
            `purchases` or `visits`.
        after : date, optional
            Days up to it are left out.
        of : collection of str, optional
            Ids; default: everybody.

        Returns
        -------
        DataFrame
            ``customer_id``, ``day``.

        Examples
        --------
        >>> mine = log.days("visits", of=["m00002"])
        >>> bool(mine["day"].is_unique)
        True
        """
        days = self.day_table(events)
        if after is not None:
            days = days.filter(days.day > literal_date(after))
        if of is not None:
            days = days.filter(days.customer_id.isin(sorted(of)))
        return engine.frame(
            days.select("customer_id", day=lambda t: t.day.cast("timestamp")).order_by(
                ["customer_id", "day"]
            )
        )

    def day_table(self, events: str = "purchases") -> Any:
        """Return `days` of `events`, unsorted, as an Ibis expression with `day` a date.

        Parameters
        ----------
        events : str
            `purchases` or `visits`.

        Returns
        -------
        ibis.Table
            ``customer_id``, ``day``.

        Raises
        ------
        UsageError
            Another table: only purchases and visits have days.

        Examples
        --------
        >>> bool(log.day_table().count().execute() == len(log.days()))
        True
        """
        one_of("events", events, EVENTS)
        days = self._rows_of_days(events)
        orders = events == "purchases" and self.purchase_unit == "order"
        return days if orders else days.distinct()

    def event_days(self, events: str = "purchases", *, count_purchases: bool = False) -> EventDays:
        """Return `days` as numbers; the engine is asked once, for every day of the log.

        Parameters
        ----------
        events : str
            `purchases` or `visits`.
        count_purchases : bool
            Whether a purchase-day is a visit-day, too.

        Returns
        -------
        EventDays
            Up to `as_of`; ``.ids``, ``.starts``, ``.day``.

        Examples
        --------
        >>> seen = log.event_days("visits")
        >>> len(seen.day) == len(log.days("visits"))
        True
        """
        one_of("events", events, EVENTS)
        both = count_purchases and events == "visits" and "purchases" in self.tables

        def read() -> EventDays:
            every = replace(self, as_of=self.report.as_of)
            orders = events == "purchases" and self.purchase_unit == "order"
            table = every._rows_of_days(events)
            if both:
                table = table.union(every._rows_of_days("purchases"))
            return EventDays.read(table, distinct=not orders)[0]

        return self.once((events, both), read).until(self.as_of)

    def once[Found](self, what: Hashable, find: Callable[[], Found]) -> Found:
        """Return what the engine is asked for once, however often and in how many views.

        Parameters
        ----------
        what : hashable
            Its name; what depends on the day has `as_of` in it.
        find : callable
            Asks the engine, where nobody has.

        Returns
        -------
        object
            What `find` returned first; it is shared, so nobody changes it.

        Examples
        --------
        >>> log.once("answer", lambda: 42), log.once("answer", lambda: 43)
        (42, 42)
        """
        if what not in self._kept:
            self._kept[what] = find()
        found: Found = self._kept[what]
        return found

    def members(self) -> pd.DataFrame:
        """Return customer_id, signed_up_at and the attributes, one row per member, sorted.

        Everybody with a purchase or visit is a member: those the members table lacks are added
        with their first event as signup and no attributes.

        Returns
        -------
        DataFrame
            ``customer_id``, ``signed_up_at`` (local timestamp), attributes.

        Examples
        --------
        >>> len(log.members())
        300
        """
        return engine.frame(self.table("members").order_by("customer_id"))

    def signup_table(self) -> Any:
        """Return those whom the members table lists, as an Ibis expression: whose signup is known.

        The first event of the others is no signup: counted from it everybody would have bought on
        the first day.

        Returns
        -------
        ibis.Table
            ``customer_id``, ``signed_up_at`` (local timestamp) and attributes, unsorted.

        Raises
        ------
        DataError
            There is no members table.

        Examples
        --------
        >>> log.signup_table().count().execute() <= len(log.members())
        True
        """
        if self.members_derived:
            raise DataError("the log has no members table, so that nobody's signup is known.")
        return self._raw("members").drop(DATE)

    def attributes(self) -> pd.DataFrame:
        """Return `members` with what follows from the log: see `attribute_table`.

        Returns
        -------
        DataFrame
            A row a member, sorted by id.

        Examples
        --------
        >>> {"signup_month", "gender"} <= set(log.attributes())
        True
        """

        def read() -> pd.DataFrame:
            return engine.frame(self.attribute_table().order_by("customer_id"))

        return self.once(("attributes", self.as_of), read).copy(deep=False)

    def attribute_table(self) -> Any:
        """Return members and derived attributes as an Ibis expression.

        `signup_month` (YYYY-MM), `first_category` where purchases have categories, and
        `beginning` under `data.unknown_beginning=model`.

        Returns
        -------
        ibis.Table
            A row a member, unsorted.

        Examples
        --------
        >>> "signup_month" in log.attribute_table().columns
        True
        """
        purchases = self._raw("purchases") if "purchases" in self.tables else None
        return with_derived(self.table("members"), purchases, self._clean.get(history.TABLE))

    def until(self, as_of: dt.date | str) -> EventLog:
        """Return a view of the log as it was known at the end of an earlier day.

        Nothing is copied; each table is filtered inside the engine.

        Parameters
        ----------
        as_of : date or ISO text
            The day, inclusive.

        Returns
        -------
        EventLog
            On the same tables.

        Raises
        ------
        UsageError
            A day after this log's own `as_of`: not known.

        Examples
        --------
        >>> before = log.until(log.first_day())
        >>> before.as_of == log.first_day()
        True
        """
        day = parse_day(as_of)
        if day is None or day > self.as_of:
            raise UsageError(f"the log is known until {self.as_of}; {as_of} lies after it.")
        return replace(self, as_of=day)

    def _raw(self, name: str) -> Any:
        if name not in self.tables:
            return None
        table = self._clean[name]
        return table.filter(table[DATE] <= literal_date(self.as_of))

    def _rows_of_days(self, events: str) -> Any:
        """Return ``customer_id``, ``day``: a row an order, or one a row that `day` counts once."""
        table = self.table(events)
        if events == "purchases" and self.purchase_unit == "order":
            return _orders(table)
        return table.select("customer_id", day=table[DATE])

    def _events(self) -> list[Any]:
        return [self._raw(name) for name in EVENTS if name in self.tables]


def _orders(table: Any) -> Any:
    if "order_id" not in table.columns:
        return table.select("customer_id", day=table[DATE])
    known = table.filter(table.order_id.notnull())  # noqa: PD004 (Ibis)
    orders = known.group_by(["customer_id", "order_id"]).aggregate(day=known[DATE].min())
    single = table.filter(table.order_id.isnull())  # noqa: PD003 (Ibis)
    return ibis.union(
        orders.select("customer_id", "day"),
        single.select("customer_id", day=single[DATE]),
        distinct=False,
    )
