"""Visit-days of purchasers, cut off at an origin and counted from the first purchase on.

The clock is the purchases' own: T is the same, a purchase-day counts as a visit-day, so x <= the
visits' x and t_x <= the visits' t_x. Visits before the first purchase are another story (a member
who has yet to convert) and are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from churnlab.errors import DataError
from churnlab.events.days import EventDays, keyed, unkeyed
from churnlab.events.ids import positions
from churnlab.summary.daysums import date_of, day_sums
from churnlab.types import Array, Ints

#: Share of visit-days known from purchases alone beyond which the visit log is said to miss some.
_NOTED = 0.01


class VisitLog(Protocol):
    """What is needed of an event log here."""

    @property
    def tables(self) -> frozenset[str]:
        """Names of the tables there are."""

    def event_days(self, events: str = "purchases") -> EventDays:
        """Return distinct days by customer, sorted."""


@dataclass(frozen=True)
class Visits:
    """Visit-days since the first purchase, one row per customer of a `Past`; times in days.

    x, t_x, T, sum_log_gap (customer,): Visit-days after the first purchase, first purchase to last
        visit, first purchase to origin, sum of log gaps.
    purchases (customer,): Purchase-days among the x visit-days.
    recent (customer,): Visit-days in the last `recent_days` days up to the origin.
    recent_days: Length of that window.
    unlogged: Share of the visit-days that the visit log lacks: purchase-days without a visit.
    note: Empty, or how the visit log falls short.
    """

    x: Array
    t_x: Array
    T: Array
    sum_log_gap: Array
    purchases: Array
    recent: Array
    recent_days: int
    unlogged: float
    note: str

    @property
    def idle(self) -> Array:
        """Days since the last visit."""
        return self.T - self.t_x


@dataclass(frozen=True)
class VisitDays:
    """Visit-days of purchasers, purchase-days among them, sorted by customer and day.

    customer, day (event,): Codes into the panel's `ids`; day numbers.
    logged, bought (event,): Whether the visit log has the day, and whether it is a purchase-day;
        one of them is True.
    """

    customer: Ints
    day: Ints
    logged: NDArray[np.bool_]
    bought: NDArray[np.bool_]

    @classmethod
    def read(cls, log: VisitLog, ids: NDArray[Any], customer: Ints, day: Ints) -> VisitDays:
        """Read the visit-days of a log's purchasers and add their purchase-days.

        log: With a table of visits.
        ids: The panel's customers, sorted.
        customer, day (event,): Their purchase-days.
        Raises DataError: No visits, or none by a purchaser.
        """
        if "visits" not in log.tables:
            raise DataError(
                "a candidate uses visits, and the log has none; give data.visits.path (and its "
                "columns), or choose candidates without visits."
            )
        seen = log.event_days("visits")
        at = positions(seen.ids, ids)
        if not (at >= 0).any():
            raise DataError(
                f"none of the {len(at):,} customers in the visit log has a "
                "purchase; check that both tables name customers in the same way."
            )
        of = np.repeat(at, np.diff(seen.starts))
        visited = keyed(of[of >= 0], seen.day[of >= 0])
        purchased = keyed(customer, day)
        every = np.union1d(visited, purchased)
        marks = (np.isin(every, part) for part in (visited, purchased))
        return cls(*unkeyed(every), *marks)

    def until(self, origin: int) -> VisitDays:
        """Copy everything up to a day number."""
        kept = self.day <= origin
        marks = (self.logged[kept], self.bought[kept])
        return VisitDays(self.customer[kept], self.day[kept], *marks)

    def renumbered(self, customer: Ints) -> VisitDays:
        """Return the visit-days of some customers (codes, sorted), numbered from 0 on."""
        at = np.minimum(np.searchsorted(customer, self.customer), customer.size - 1)
        kept = customer[at] == self.customer
        return VisitDays(at[kept], self.day[kept], self.logged[kept], self.bought[kept])

    def since(self, customer: Ints, first: Ints, origin: int, recent_days: int) -> Visits:
        """Return the visits of customers from their first purchase to the origin.

        customer, first (customer,): Codes, sorted, and day numbers of the first purchases.
        origin: Day number; nothing later is counted.
        recent_days: Length of the window of `Visits.recent`.
        """
        at = np.minimum(np.searchsorted(customer, self.customer), customer.size - 1)
        kept = (customer[at] == self.customer) & (self.day >= first[at]) & (self.day <= origin)
        day = self.day[kept]
        sums = day_sums(self.customer[kept], day)
        bought, recent = (
            np.add.reduceat(mark.astype(np.float64), sums.starts)
            for mark in (self.bought[kept], day > origin - recent_days)
        )
        return Visits(
            x=(sums.size - 1).astype(np.float64),
            t_x=(sums.last - sums.first).astype(np.float64),
            T=(origin - sums.first).astype(np.float64),
            sum_log_gap=sums.sum_log_gap,
            purchases=bought - 1.0,
            recent=recent,
            recent_days=recent_days,
            unlogged=float(1.0 - self.logged[kept].mean()),
            note=self._note(kept),
        )

    def _note(self, kept: NDArray[np.bool_]) -> str:
        if self.logged[kept].mean() >= 1.0 - _NOTED:
            return ""
        first = date_of(int(self.day[self.logged].min()))
        return (
            f"the visit log, which begins on {first} for these customers, lacks more than "
            f"{_NOTED:.0%} of the visit-days: purchase-days without a visit; they count as visits"
        )
