"""Everybody's purchase-days and visit-days by number: what histories are cut from."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnlab.errors import DataError
from churnlab.events.days import keyed
from churnlab.origins.visitdays import VisitDays
from churnlab.summary.daysums import date_of
from churnlab.types import Array, Ints


@dataclass(frozen=True)
class Events:
    """Purchase-days sorted by customer and day, and visit-days; histories are cut from it."""

    customer: Ints
    day: Ints
    amount: Array | None
    group: Ints
    group_names: tuple[str, ...]
    visits: VisitDays | None = None
    others: Ints | None = None
    """Days of everybody's purchases, sorted, where these are the events of some customers."""

    @cached_property
    def _key(self) -> Ints:
        return keyed(self.customer, self.day)

    @cached_property
    def shop_days(self) -> Ints:
        """Days of all purchases, everybody's, sorted."""
        return np.sort(self.day) if self.others is None else self.others

    def of(self, customer: Ints) -> Events:
        """Return the purchases of some customers (codes, sorted), without visits."""
        ends = np.searchsorted(self.customer, customer, side="right")
        size = ends - np.searchsorted(self.customer, customer)
        kept = np.repeat(ends - np.cumsum(size), size) + np.arange(size.sum())
        amount = None if self.amount is None else self.amount[kept]
        mine, day = self.customer[kept], self.day[kept]
        return replace(
            self, customer=mine, day=day, amount=amount, visits=None, others=self.shop_days
        )

    def renumbered(self, customer: Ints) -> Events:
        """Return these customers' events (codes, sorted, of all), numbered from 0 on."""
        visits = None if self.visits is None else self.visits.renumbered(customer)
        mine = np.searchsorted(customer, self.customer)
        return replace(self, customer=mine, group=self.group[customer], visits=visits)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what there is, by name."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        visits = {} if self.visits is None else vars(self.visits)
        every = own | {f"visits.{name}": values for name, values in visits.items()}
        return {name: v for name, v in every.items() if isinstance(v, np.ndarray)}

    def upto(self, day: int) -> Events:
        """Copy everything up to a day.

        Raises DataError: No purchase by then.
        """
        kept = self.day <= day
        if not kept.any():
            first = date_of(int(self.day.min()))
            raise DataError(f"no purchase up to {date_of(day)}; the first is on {first}.")
        return replace(
            self,
            customer=self.customer[kept],
            day=self.day[kept],
            amount=None if self.amount is None else self.amount[kept],
            visits=None if self.visits is None else self.visits.until(day),
            others=None if self.others is None else self.others[self.others <= day],
        )

    def between(self, customer: Ints, start: int | Ints, end: int | Ints) -> Ints:
        """Return purchase-days of customers in (start, end]."""
        low = np.searchsorted(self._key, keyed(customer, start), side="right")
        high = np.searchsorted(self._key, keyed(customer, end), side="right")
        return high - low
