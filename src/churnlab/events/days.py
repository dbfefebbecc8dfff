"""Everybody's event-days as two columns of numbers: what is summed up on any day of the log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from churnlab.events.ids import whole
from churnlab.types import Ints

#: Days of 1900 to 2199 lie well between minus the other and the one less the other.
_SPAN, _BEFORE = 1 << 20, 1 << 19
#: Rows that come from the engine at once.
_BATCH = 1 << 20


def keyed(customer: Ints, day: NDArray[np.integer] | int) -> Ints:
    """Return a customer's number and a day as one number that sorts like both, also before 1970."""
    key: Ints = customer * _SPAN + (day + _BEFORE)
    return key


def unkeyed(key: Ints) -> tuple[Ints, Ints]:
    """Return the customers' numbers and the days of `keyed`."""
    return key // _SPAN, key % _SPAN - _BEFORE


@dataclass(frozen=True)
class EventDays:
    """Event-days by customer, sorted by id and day; the engine is asked for them once a log.

    ids (customer,): Sorted; everybody has a day.
    starts (customer + 1,): Where each customer's days begin, and where the last ones end.
    day (event,): Days since 1970-01-01.
    """

    ids: pa.Array
    starts: Ints
    day: NDArray[np.int32]

    @staticmethod
    def read(
        table: Any, *, people: Any | None = None, distinct: bool = True
    ) -> tuple[EventDays, int]:
        """Fetch the days of an Ibis table (``customer_id``, ``day``) of the embedded engine.

        Days come beside numbers of customers, not ids: lists of days by id take the engine's memory
        several times over, and so does text here.

        table: In any order.
        people: A row a customer of it, where there is such a table.
        distinct: Whether a customer's day counts once, however many rows it has.
        Returns how many customer-days stand in several rows, too.
        """
        backend, numbered = table.get_backend(), f"numbered_{token_hex(4)}"
        named = table.select("customer_id").distinct() if people is None else people
        rank = ibis.row_number().over(ibis.window(order_by="customer_id"))
        ranked = named.select("customer_id", number=rank.cast("int32"))
        known = backend.create_table(numbered, ranked, temp=True)
        ids = whole(known.order_by("number").customer_id.to_pyarrow())
        rows = table.inner_join(known, "customer_id").select("number", "day")
        key = _joined(rows, int(table.count().to_pyarrow().as_py()))
        backend.drop_table(numbered)
        key.sort()
        starts = np.searchsorted(key, np.arange(len(ids) + 1) * _SPAN)
        again = key[1:] == key[:-1]
        several = int(again.sum() - (again[1:] & again[:-1]).sum())
        key %= _SPAN
        key -= _BEFORE
        day = key.astype(np.int32)
        del key
        if distinct and several:
            starts -= np.searchsorted(np.flatnonzero(again) + 1, starts)
            day = day[np.append(True, ~again)]
        return EventDays(ids, starts, day), several

    @property
    def customer(self) -> Ints:
        """Whose each day is, (event,): a place among the ids."""
        return np.repeat(np.arange(len(self.ids)), np.diff(self.starts))

    def until(self, as_of: dt.date) -> EventDays:
        """Return the days up to one, of those who have any."""
        known = self.day <= np.datetime64(as_of, "D").astype(np.int32)
        if known.all():
            return self
        starts = np.concatenate([[0], np.cumsum(known)])[self.starts]
        there = np.diff(starts) > 0
        ids = self.ids.filter(pa.array(there))
        return EventDays(ids, np.append(starts[:-1][there], starts[-1]), self.day[known])

    def of(self, ids: Iterable[str]) -> pd.DataFrame:
        """Return ``customer_id``, ``day`` of some customers, sorted by both."""
        chosen = pc.is_in(self.ids, value_set=whole(ids)).to_numpy(zero_copy_only=False)
        size = np.diff(self.starts)
        each = pa.array(np.repeat(np.arange(chosen.sum()), size[chosen]))
        days = pa.array(self.day[np.repeat(chosen, size)]).cast("date32")
        names = self.ids.filter(pa.array(chosen)).take(each)
        found: pd.DataFrame = pa.table({"customer_id": names, "day": days}).to_pandas()
        return found


def _joined(rows: Any, n: int) -> Ints:
    """Return `keyed` of each of `n` rows, as they come."""
    key, at = np.empty(n, np.int64), 0
    for batch in rows.to_pyarrow_batches(chunk_size=_BATCH):
        number, day = batch["number"].cast("int64"), batch["day"].cast("int32")
        key[at : at + len(batch)] = keyed(number.to_numpy(), day.to_numpy())
        at += len(batch)
    return key
