"""Seasonal time: a day of the calendar counts as many clock days as its bucket's multiplier.

Lambda(d) is the sum of the multipliers of the days up to d. Where purchases come at the rate
lambda m(d), the time between two days is Lambda(d2) - Lambda(d1) in which they come at the rate
lambda: every formula of the models holds on this clock, with dropout on the same clock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from churnlab.errors import UsageError
from churnlab.summary.calendar import Calendar, date, number
from churnlab.types import Array, Ints


@dataclass(frozen=True)
class Clock:
    """Multipliers of a calendar's buckets, and the time that they make.

    calendar: Buckets.
    multipliers: Clock days per day of each bucket; 1 is the mean day of the data that it was learnt
        from.
    origin: Day whose end is clock time 0.
    """

    calendar: Calendar
    multipliers: tuple[float, ...]
    origin: dt.date

    def __post_init__(self) -> None:
        """Refuse multipliers that are not positive, or not one per bucket."""
        values, names = np.asarray(self.multipliers, float), self.calendar.buckets
        if values.shape != (len(names),) or not (np.isfinite(values) & (values > 0)).all():
            raise UsageError(
                f"a clock needs {len(names)} positive multipliers ({names[0]}, ...); got "
                f"{self.multipliers}."
            )

    @classmethod
    def flat(cls, calendar: Calendar, origin: dt.date) -> Clock:
        """Return the clock on which every day counts 1."""
        return cls(calendar, (1.0,) * len(calendar.buckets), origin)

    def rate(self, days: ArrayLike) -> Array:
        """Return the multiplier of each day (days since 1970-01-01)."""
        return np.asarray(self.multipliers)[self.calendar.codes(days)]

    def table(self, first: int, last: int) -> Array:
        """Return clock time at the ends of the days `first` .. `last` (days since 1970-01-01).

        Summed day by day away from the origin, so that a day has the same time in every table.
        """
        zero = number(self.origin)
        after = np.cumsum(self.rate(np.arange(zero + 1, max(last, zero) + 1)))
        before = np.cumsum(self.rate(np.arange(zero, min(first, zero), -1)))
        whole = np.concatenate([-before[::-1], [0.0], after])
        start = min(first, zero)
        return whole[first - start : last - start + 1]

    def stretches(self, first: int, last: int) -> tuple[Ints, Array, Array]:
        """Return the runs of days with one multiplier that make up the days `first` .. `last`.

        Returns (stretch,): First day (days since 1970-01-01), clock time at the end of the day
            before, multiplier.
        """
        days = np.arange(first, last + 1)
        code = self.calendar.codes(days)
        start = np.flatnonzero(np.diff(code, prepend=-1))
        return days[start], self.table(first - 1, last)[start], self.rate(days[start])

    def time(self, days: ArrayLike) -> Array:
        """Return clock time at the end of each day (whole days since 1970-01-01)."""
        day = np.asarray(days, np.int64)
        if not day.size:
            return np.zeros(day.shape)
        low = int(day.min())
        return self.table(low, int(day.max()))[day - low]

    def ahead(self, day: dt.date | Ints, days: ArrayLike) -> Array:
        """Return the clock days in the next `days` (whole) days after `day` (or after each)."""
        start = number(day) if isinstance(day, dt.date) else day
        return self.time(start + np.asarray(days, np.int64)) - self.time(start)

    def day(self, time: ArrayLike) -> Array:
        """Return the day (since 1970-01-01, with fractions) at whose end clock time is `time`.

        The inverse of `time`, a day's clock time being spread evenly over it.
        """
        wanted = np.asarray(time, float)
        if not wanted.size:
            return np.zeros(wanted.shape)
        slow, zero = min(self.multipliers), number(self.origin)
        low = zero + int(np.floor(min(wanted.min(), 0.0) / slow)) - 1
        high = zero + int(np.ceil(max(wanted.max(), 0.0) / slow)) + 1
        return np.asarray(np.interp(wanted, self.table(low, high), np.arange(low, high + 1.0)))

    def date(self, time: float) -> dt.date:
        """Return the date nearest to a clock time."""
        return date(round(float(self.day(time))))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` reads them back exactly."""
        return {
            **self.calendar.to_dict(),
            "origin": self.origin.isoformat(),
            "multipliers": list(self.multipliers),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Clock:
        """Read what `to_dict` wrote."""
        origin = dt.date.fromisoformat(str(values["origin"]))
        return cls(Calendar.from_dict(values), tuple(map(float, values["multipliers"])), origin)

    @classmethod
    def of_fit(cls, fit: Mapping[str, Any]) -> Clock | None:
        """Return the clock of a fit with calendar effects, from its ``fit.json``."""
        if (known := fit.get("calendar")) is None:
            return None
        return cls.from_dict(known | {"multipliers": [b["multiplier"] for b in known["buckets"]]})
