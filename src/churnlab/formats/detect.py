"""Which time format a column follows, tried on all of its values."""

import datetime as dt
from typing import Any, NamedTuple

from churnlab import engine
from churnlab.formats.text import read_text, strip
from churnlab.formats.times import NUMERIC, read_time, western, written_as

_DAYS = (
    *("%Y%m%d", "%Y.%m.%d", "%Y. %m. %d", "%Y. %m. %d.", "%Y년 %m월 %d일", "%Y年%m月%d日"),
    *("%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%Y", "%d.%m.%y"),
    *("%d-%m-%Y", "%d-%m-%y", "%m-%d-%Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y"),
    *("%b %d, %Y", "%B %d, %Y"),
)
_HALVES = (" %I:%M %p", " %I:%M:%S %p", " %p %I:%M", " %p %I:%M:%S")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", *_HALVES)
#: Tried in this order; the ISO forms that need no format are not among them.
COMMON_FORMATS = (
    *(f"{day}{clock}" for clock in _CLOCKS for day in _DAYS),
    *(f"{day},{clock}" for clock in _CLOCKS[1:] for day in _DAYS),
    *(f"{day}{clock}" for clock in _HALVES for day in ("%Y-%m-%d", "%Y/%m/%d")),
    *("%Y%m%d%H%M%S", "%a, %d %b %Y %H:%M:%S %z", "%d/%b/%Y:%H:%M:%S %z"),
)
_NUMBERS_LIKE_TEXT = ("%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%d%H%M")
#: Formats are first tried on so many rows, drawn at random; the same ones every time.
_SAMPLE = "USING SAMPLE reservoir(100 ROWS) REPEATABLE (1)"
#: A format counts as reading a column if it reads so much of it; the rest are bad rows.
ENOUGH = 0.99
#: No shop's log ends before; numbers that say so are of another unit.
FIRST_YEAR = 1990
#: Nor does one reach further ahead.
_AHEAD = dt.timedelta(days=366)


class Candidate(NamedTuple):
    """A format that reads a column."""

    time_format: str
    n: int
    first: dt.datetime
    last: dt.datetime

    def __str__(self) -> str:
        """Return the format with the days that it finds."""
        return f"{self.time_format!r} ({self.first.date()} to {self.last.date()})"


def candidates(table: Any, column: str, zone: str) -> list[Candidate]:
    """Return the formats that read a column of text or numbers into plausible days, best first.

    column: Its column of text or numbers.
    zone: IANA name of the local zone.
    """
    cell = table[column]
    number = cell.type().is_numeric()
    patterns = (*(_NUMBERS_LIKE_TEXT if number else COMMON_FORMATS), *NUMERIC)
    patterns = _of_a_sample(table, read_text(cell) if number else cell, patterns)
    read = [read_time(cell, zone, p, column) for p in patterns]
    if not read:
        return []
    until = dt.datetime.now() + _AHEAD  # a row of 2099 is a bad row, not another format
    near = [t.local <= until for t in read]
    found = table.aggregate(
        total=read[-1].text.count(),
        **{f"n{i}": t.local.count(where=near[i]) for i, t in enumerate(read)},
        **{f"first{i}": t.local.min(where=near[i]) for i, t in enumerate(read)},
        **{f"last{i}": t.local.max(where=near[i]) for i, t in enumerate(read)},
    ).to_pyarrow()
    values = {k: v[0] for k, v in found.to_pydict().items()}
    kept = [
        Candidate(p, values[f"n{i}"], values[f"first{i}"], values[f"last{i}"])
        for i, p in enumerate(patterns)
        if values[f"n{i}"] and values[f"n{i}"] >= ENOUGH * values["total"]
    ]
    return sorted((c for c in kept if c.last.year >= FIRST_YEAR), key=lambda c: -c.n)


def _of_a_sample(table: Any, cell: Any, patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the formats that read half of a random sample of rows, and no unit of another age.

    Nothing is decided by it: what reads `ENOUGH` of a column reads more than half of so many rows,
    and all formats over all rows would cost more than everything else together.
    """
    text = strip(western(cell)).re_replace(r"^(\d+)\.0+$", r"\1")
    rows = table.select(v=text).filter(lambda t: t.v.notnull())
    backend = table.get_backend()
    number = "try_cast(replace(v, ',', '.') AS DOUBLE)"
    tests = ", ".join(
        f"count({number})" if p in NUMERIC else f"count(try_strptime(v, {engine.literal(p)}))"
        for p in patterns
    )
    sql = f"SELECT count(*), max({number}), {tests} FROM (FROM ({backend.compile(rows)}) {_SAMPLE})"
    total, most, *counts = engine.rows(backend, sql)[0]
    return tuple(
        p
        for p, n in zip(patterns, counts, strict=True)
        if n and 2 * n >= total and (p not in NUMERIC or _of_its_age(most, p))
    )


def _of_its_age(value: float, unit: str) -> bool:
    """Whether a number lies between `FIRST_YEAR` and today in a unit; units are far apart."""
    first, last = dt.datetime(FIRST_YEAR, 1, 1), dt.datetime.now() + _AHEAD
    low, high = (written_as(t, unit) for t in (first, last))
    return low <= value <= high


def said(found: list[Candidate], key: str) -> str:
    """Return a sentence on what `key` should be, naming every format that reads the column."""
    if not found:
        return f"Give {key} if they follow another format."
    best = [c for c in found if c.n == found[0].n]
    if len(best) == 1:
        return f"{key}='{best[0].time_format}' reads {best[0].n:,} of them."
    listed = " and ".join(map(str, best))
    return (
        f"{listed} read {best[0].n:,} of them alike: say which is meant, e.g. "
        f"{key}='{best[0].time_format}'."
    )
