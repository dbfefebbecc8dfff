"""Which bucket of the calendar a day falls into: month, ISO week, or an event with a name."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from churnlab.errors import UsageError, one_of
from churnlab.types import Ints

KINDS: Final = ("month", "week")
#: Prior of the sd of log multipliers: a factor of 1.6 between buckets is common, 3 is rare.
SPREAD: Final = "HalfNormal(sigma=0.5)"
#: In place of a kind: months, where they pay (`fitting.seasonal`).
AUTO: Final = "auto"
#: Bucket of the days without an event where neither months nor weeks are asked for.
ORDINARY: Final = "ordinary"
_YEARLY = re.compile(r"(\d{2})-(\d{2})")
_EXAMPLE = (
    "write events as {christmas: [2010-12-01, 2010-12-24]}, several ranges as a list of pairs, "
    "and what comes every year as {christmas: [12-01, 12-24]}"
)


class Range(NamedTuple):
    """Days of an event, both inclusive: ISO dates, or MM-DD for every year."""

    name: str
    first: str
    last: str


@dataclass(frozen=True)
class Calendar:
    """Buckets of days; every day falls into exactly one, an event's before month's or week's.

    kind: `month` (twelve), `week` (ISO weeks 1 to 52; the rare week 53 counts as 52) or None.
    ranges: Days of events.
    """

    kind: str | None = None
    ranges: tuple[Range, ...] = ()

    def __post_init__(self) -> None:
        """Refuse unknown kinds, unreadable ranges, overlaps, and a calendar without any bucket."""
        one_of("the calendar", self.kind, KINDS)
        if self.kind is None and not self.ranges:
            raise UsageError(f"a calendar needs a kind ({', '.join(KINDS)}) or events; got none.")
        years = {int(r.first[:4]) for r in self.ranges if not _YEARLY.fullmatch(r.first)} or {2000}
        # five years hold a leap day; a year on either side, what reaches over new year
        low, high = dt.date(min(years) - 1, 1, 1), dt.date(max(years) + 4, 12, 31)
        self.codes(np.arange(number(low), number(high) + 1))

    @classmethod
    def of(cls, kind: str | None, events: Mapping[str, Any] | None = None) -> Calendar | None:
        """Return the calendar of a configuration, or None where nothing is asked for."""
        if kind is None and not events:
            return None
        return cls(kind, tuple(r for name, v in (events or {}).items() for r in _ranges(name, v)))

    @property
    def buckets(self) -> tuple[str, ...]:
        """Names of the buckets, in the order of their codes."""
        base = {"month": 12, "week": 52}.get(self.kind or "", 0)
        names = [f"{self.kind}_{i:02d}" for i in range(1, base + 1)] or [ORDINARY]
        return (*names, *dict.fromkeys(r.name for r in self.ranges))

    def codes(self, days: ArrayLike) -> Ints:
        """Return the bucket of each day.

        days: Days since 1970-01-01.
        Returns: Codes into `buckets`.
        """
        day = np.asarray(days, np.int64)
        out = _base_codes(self.kind, day)
        names, taken = self.buckets, np.full(day.shape, -1, np.int64)
        for one in self.ranges:
            inside = np.zeros(day.shape, bool)
            for first, last in _spans(one, day):
                inside |= (day >= first) & (day <= last)
            code = names.index(one.name)
            clash = inside & (taken >= 0)
            if clash.any():
                other = names[int(taken[clash][0])]
                raise UsageError(
                    f"events {other!r} and {one.name!r} overlap on {date(int(day[clash][0]))}; a "
                    "day has one multiplier. Cut one of the ranges."
                )
            out[inside], taken[inside] = code, code
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` reads them back."""
        return {"kind": self.kind, "events": [list(r) for r in self.ranges]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calendar:
        """Read what `to_dict` wrote."""
        return cls(values["kind"], tuple(Range(*r) for r in values["events"]))


def number(day: dt.date) -> int:
    """Return days since 1970-01-01."""
    return (day - dt.date(1970, 1, 1)).days


def date(day: int) -> dt.date:
    """Return the date of a day number."""
    return dt.date(1970, 1, 1) + dt.timedelta(days=int(day))


def _base_codes(kind: str | None, day: Ints) -> Ints:
    if kind is None:
        return np.zeros(day.shape, np.int64)
    stamps = day.astype("datetime64[D]")
    if kind == "month":
        return stamps.astype("datetime64[M]").astype(np.int64) % 12
    # ISO: the week belongs to the year of its Thursday (1970-01-01 was one)
    thursday = (day - (day + 3) % 7) + 3
    year = thursday.astype("datetime64[D]").astype("datetime64[Y]").astype("datetime64[D]")
    values: Ints = np.minimum((thursday - year.astype(np.int64)) // 7, 51)
    return values


def _spans(one: Range, day: Ints) -> Iterator[tuple[int, int]]:
    """Yield first and last day number of a range; of a yearly one, for all years of `day`."""
    if not _YEARLY.fullmatch(one.first):
        yield number(dt.date.fromisoformat(one.first)), number(dt.date.fromisoformat(one.last))
        return
    if not day.size:
        return
    over = one.last < one.first  # reaches over new year
    for year in range(date(int(day.min())).year - 1, date(int(day.max())).year + 1):
        yield _in_year(one.first, year), _in_year(one.last, year + over)


def _in_year(text: str, year: int) -> int:
    """Return the day number of MM-DD; 29 February is the 28th in other years."""
    month, day = (int(v) for v in text.split("-"))
    leap = dt.date(year, 12, 31).timetuple().tm_yday == 366
    return number(dt.date(year, month, 28 if (month, day) == (2, 29) and not leap else day))


def _ranges(name: str, value: Any) -> list[Range]:
    """Read one event of a configuration."""
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise UsageError(f"event {name!r} is {value!r}; {_EXAMPLE}.")
    nested = not isinstance(value[0], (str, dt.date))
    return [_range(name, pair) for pair in (value if nested else [value])]


def _range(name: str, pair: Any) -> Range:
    ends = [str(end) for end in pair]
    try:
        yearly = [bool(_YEARLY.fullmatch(end)) for end in ends]
        # 2000 was a leap year: 02-29 is a day of it
        first, last = (
            dt.date.fromisoformat(f"2000-{e}" if y else e)
            for e, y in zip(ends, yearly, strict=True)
        )
    except ValueError as error:
        raise UsageError(f"event {name!r} has the range {ends}; {_EXAMPLE}.") from error
    if yearly[0] != yearly[1] or (not yearly[0] and first > last):
        raise UsageError(f"event {name!r} has the range {ends}: last before first; {_EXAMPLE}.")
    if name == ORDINARY or re.fullmatch(r"(month|week)_\d\d", name):
        raise UsageError(f"event {name!r} bears the name of a bucket; give it another.")
    return Range(name, *ends)
