"""Customers by the days of their first and last purchase: what a clock is learnt from.

Given the cutoff, (x, first day, last day) is (x, t_x, T), so there are as many distinct rows as
cells; the purchases of each day of the log are the only further statistic.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from churnlab.summary.calendar import number
from churnlab.types import Array, Ints


@dataclass(frozen=True)
class Dated:
    """Distinct (x, first, last) with weights, and repeat purchases per day.

    x, weight (row,): Repeat purchases; customers.
    first, last (row,): First and last purchase-day, days since 1970-01-01.
    as_of: Cutoff, inclusive.
    repeats (day,): Repeat purchases on each day from `start` (the earliest first purchase) to
        `as_of`.
    """

    x: Array
    first: Ints
    last: Ints
    weight: Array
    as_of: dt.date
    repeats: Array

    @property
    def start(self) -> int:
        """Earliest first purchase, days since 1970-01-01."""
        return int(self.first.min())

    @property
    def days(self) -> Ints:
        """Days of the log, `start` to `as_of`."""
        return np.arange(self.start, number(self.as_of) + 1)

    @staticmethod
    def collapse(
        x: ArrayLike, first: ArrayLike, last: ArrayLike, purchase_days: ArrayLike, as_of: dt.date
    ) -> Dated:
        """Return the rows of customers.

        x, first, last (customer,): As above.
        purchase_days (purchase,): Day of every purchase of these customers, the first ones too.
        """
        columns = [np.asarray(v, np.int64) for v in (x, first, last)]
        rows, weight = np.unique(np.column_stack(columns), axis=0, return_counts=True)
        start, size = int(columns[1].min()), number(as_of) - int(columns[1].min()) + 1
        every = np.bincount(np.asarray(purchase_days, np.int64) - start, minlength=size)
        firsts = np.bincount(columns[1] - start, minlength=size)
        x, first, last = rows[:, 0].astype(float), rows[:, 1], rows[:, 2]
        return Dated(x, first, last, weight.astype(float), as_of, (every - firsts).astype(float))
