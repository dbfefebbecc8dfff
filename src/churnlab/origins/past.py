"""What is known at an origin: a copy that ends there, so there is no future to be looked at."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from churnlab.errors import DataError
from churnlab.origins.cache import arrays_hash
from churnlab.origins.events import Events
from churnlab.origins.guards import LeakageError
from churnlab.origins.visitdays import Visits
from churnlab.runs.hashing import content_hash
from churnlab.summary import Cells, Clock, Dated
from churnlab.summary.daysums import date_of, day_number, day_sums
from churnlab.types import Array, Ints


@dataclass(frozen=True)
class Past:
    """What is known at an origin, one row per customer with a purchase by then; times in days.

    origin: Last known day, inclusive.
    customer (customer,): Codes into the panel's `ids`.
    x, t_x, T, sum_log_gap (customer,): Repeat purchase-days, first to last, first to origin, sum of
        log gaps.
    spend (customer,): Mean amount per purchase-day, where the log has amounts.
    group (customer,): Group code; `group_names` names those of the whole panel, ``("all",)`` where
        it has none.
    """

    origin: dt.date
    customer: Ints
    x: Array
    t_x: Array
    T: Array
    sum_log_gap: Array
    group: Ints
    group_names: tuple[str, ...]
    spend: Array | None
    _events: Events = field(repr=False)

    @staticmethod
    def of(events: Events, origin: dt.date) -> Past:
        """Copy everything up to `origin` and summarise it.

        Raises DataError: No purchase by then.
        """
        now = day_number(origin)
        known = events.upto(now)
        sums = day_sums(known.customer, known.day)
        amount = known.amount
        return Past(
            origin=origin,
            customer=sums.customer,
            x=(sums.size - 1).astype(np.float64),
            t_x=(sums.last - sums.first).astype(np.float64),
            T=(now - sums.first).astype(np.float64),
            sum_log_gap=sums.sum_log_gap,
            group=known.group[sums.customer],
            group_names=known.group_names,
            spend=None if amount is None else np.add.reduceat(amount, sums.starts) / sums.size,
            _events=known,
        )

    @property
    def n(self) -> int:
        """Number of customers."""
        return int(self.customer.size)

    def groups_present(self) -> tuple[tuple[str, ...], Ints]:
        """Return the names of the groups that have a customer by now, and each customer's code."""
        codes, of = np.unique(self.group, return_inverse=True)
        return tuple(self.group_names[i] for i in codes), of.astype(np.int64)

    @cached_property
    def cells(self) -> Cells:
        """Distinct rows of all customers together, as the models read them."""
        return Cells.collapse(self.x, self.t_x, self.T, sum_log_gap=self.sum_log_gap)[0]

    def grouped_cells(self) -> Cells:
        """Return the distinct rows by the groups that have a customer by now."""
        names, of = self.groups_present()
        groups, rank = np.unique(np.asarray(names, dtype=object), return_inverse=True)
        return Cells.collapse(
            self.x, self.t_x, self.T, sum_log_gap=self.sum_log_gap, group=rank[of],
            groups=tuple(groups),
        )[0]  # fmt: skip

    @property
    def idle(self) -> Array:
        """Days since the last purchase."""
        return self.T - self.t_x

    @property
    def first_day(self) -> dt.date:
        """First purchase day of the log."""
        return date_of(int(self._events.day.min()))

    def dated(self) -> Dated:
        """Return the customers by first and last day, for a clock to be learnt from."""
        first = day_number(self.origin) - self.T
        return Dated.collapse(self.x, first, first + self.t_x, self._events.day, self.origin)

    def times(self, clock: Clock | None) -> tuple[Array, Array]:
        """Return t_x and T in clock days; as they are without a clock."""
        if clock is None:
            return self.t_x, self.T
        now = day_number(self.origin)
        first = clock.time(now - self.T)
        return clock.time(now - self.T + self.t_x) - first, clock.time([now]) - first

    @cached_property
    def alone(self) -> Past:
        """The same history numbered without those who come later, customers and groups."""
        if self.customer[-1] == self.n - 1:
            return self
        names, of = self.groups_present()
        events = self._events.renumbered(self.customer)
        about: dict[str, Any] = {"group": of, "group_names": names}
        numbers = np.arange(self.n, dtype=np.int64)
        return replace(self, customer=numbers, _events=replace(events, **about), **about)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of all that a candidate can read here; equal histories have equal ones."""
        alone = self.alone
        return content_hash([self.origin, alone.group_names, arrays_hash(alone._events.arrays())])

    def purchases_between(self, start: int | Ints, end: int | Ints) -> Array:
        """Return each customer's purchase-days in (start, end], day numbers, one or (customer,)."""
        return self._events.between(self.customer, start, end).astype(np.float64)

    def shop_between(self, start: int, end: int) -> float:
        """Return the purchase-days in (start, end] of all customers of the log."""
        low, high = np.searchsorted(self._events.shop_days, [start, end], side="right")
        return float(high - low)

    def part(self, at: slice | Ints) -> Past:
        """Return some customers, by their rows in order; the shop's days stay everybody's."""
        columns = ("customer", "x", "t_x", "T", "sum_log_gap", "group")
        mine: dict[str, Any] = {name: getattr(self, name)[at] for name in columns}
        spend = None if self.spend is None else self.spend[at]
        return replace(self, spend=spend, _events=self._events.of(mine["customer"]), **mine)

    def some_purchases(self, most: int, seed: int) -> tuple[Ints, Ints]:
        """Return customer (0, 1, ...) and day of the purchases of at most so many, by chance."""
        rng = np.random.default_rng([seed, self.n])
        chosen = np.sort(rng.choice(self.customer, min(most, self.n), replace=False))
        kept = np.isin(self._events.customer, chosen)
        return np.searchsorted(chosen, self._events.customer[kept]), self._events.day[kept]

    def gaps(self) -> tuple[Ints, Array]:
        """Return the row of each gap between purchase-days, in order of time, and its days."""
        row = np.searchsorted(self.customer, self._events.customer)
        same = row[1:] == row[:-1]
        return row[1:][same], np.diff(self._events.day)[same].astype(np.float64)

    @property
    def last_amount(self) -> Array:
        """Amount of the last purchase-day.

        Raises DataError: The log has no amounts.
        """
        if self._events.amount is None:
            raise DataError("the log has no amounts; map data.purchases.amount.")
        last = np.searchsorted(self._events.customer, self.customer, side="right") - 1
        return self._events.amount[last]

    def visits(self, recent_days: int = 30) -> Visits:
        """Return the visit-days since each customer's first purchase, up to the origin.

        Raises DataError: The panel was made without visits.
        """
        if self._events.visits is None:
            raise DataError("this panel was made without visits; pass visits=True to from_log.")
        end = day_number(self.origin)
        first = end - self.T.astype(np.int64)
        return self._events.visits.since(self.customer, first, end, recent_days)

    def at(self, inner: dt.date) -> Past:
        """Return what was known at an earlier day."""
        if inner > self.origin:
            raise LeakageError(f"{inner} lies after the origin {self.origin}: not known there.")
        return Past.of(self._events, inner)

    def counts(self, inner: Past, windows: Ints) -> Ints:
        """Return purchases of `inner`'s customers in their windows, complete by this origin."""
        end = inner.origin + dt.timedelta(days=int(windows.max()))
        if end > self.origin:
            raise LeakageError(
                f"labels of {inner.origin} need data until {end}, after the origin {self.origin}."
            )
        return inner.bought(self._events, windows)

    def bought(self, events: Events, windows: Ints) -> Ints:
        """Return the purchase-days of `events` in each customer's (origin, origin + window]."""
        now = day_number(self.origin)
        return events.between(self.customer, now, now + windows)
