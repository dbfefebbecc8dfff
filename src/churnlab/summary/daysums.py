"""Days as numbers, and sums over each customer's event days: what x, t_x and T are made of."""

import datetime as dt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from churnlab.types import Array, Ints

_EPOCH = dt.date(1970, 1, 1)


def day_number(day: dt.date) -> int:
    """Return days since 1970-01-01."""
    return (day - _EPOCH).days


def date_of(number: int) -> dt.date:
    """Return the date of a day number."""
    return _EPOCH + dt.timedelta(days=int(number))


class DaySums(NamedTuple):
    """One row per customer with an event; arrays (customer,)."""

    customer: Ints
    starts: NDArray[np.intp]
    """Position of the customer's first event."""
    size: Ints
    """Events."""
    first: Ints
    last: Ints
    sum_log_gap: Array
    """Sum of ln(gap in days); -inf where two events share a day."""


def day_sums(customer: Ints, day: Ints) -> DaySums:
    """Sum up events that are sorted by customer and day."""
    starts = np.flatnonzero(np.r_[True, customer[1:] != customer[:-1]])
    size = np.diff(np.r_[starts, customer.size])
    gaps = sum_log_gaps(day, starts)
    return DaySums(customer[starts], starts, size, day[starts], day[starts + size - 1], gaps)


def sum_log_gaps(day: NDArray[np.integer], starts: NDArray[np.integer]) -> Array:
    """Return each customer's sum of ln(gap in days), in the order of the days.

    So it has the same last bit in every run, which a sum in the engine's threads has not.

    day (event,): Sorted by customer and day.
    starts (customer,): Where each customer's begin.
    """
    gap = np.diff(day, prepend=day[:1])
    gap[starts] = 1  # the first event has no gap: log 1 = 0
    with np.errstate(divide="ignore"):
        logs = np.log(np.arange(gap.max(initial=1) + 1.0))
    return np.add.reduceat(logs[gap], starts)
