"""What is said of values that cannot be read: examples, where they stand, formats that fit."""

from typing import Any

from churnlab import engine
from churnlab.errors import DataError
from churnlab.events.cleaning.staging import TIME_TEXT, Staged, unreadable_column
from churnlab.events.schema import time_column
from churnlab.formats.detect import candidates, said

_SAMPLES = 3


def bad_values(backend: Any, staged: Staged, column: str) -> list[str]:
    """Return up to three unreadable values of a column."""
    table = backend.table(staged.name)
    if column == time_column(staged.table):
        text = table.filter(table[column].isnull() & table[TIME_TEXT].notnull())[TIME_TEXT]
    else:
        bad = unreadable_column(column)
        text = table.filter(table[bad].notnull())[bad]
    values = text.name("v").as_table().limit(_SAMPLES).to_pyarrow()["v"].to_pylist()
    return [str(v) for v in dict.fromkeys(values)]


def describe_bad(backend: Any, staged: Staged, column: str) -> str:
    """Return the unreadable values of a column with their places, for a message."""
    values = bad_values(backend, staged, column)
    if staged.source.elsewhere:
        return ", ".join(map(repr, values))
    return ", ".join(f"{v!r} ({_place(backend, staged, column, v)})" for v in values)


def format_hint(backend: Any, staged: Staged) -> str:
    """Return a sentence that names the formats which read the times.

    They are tried on the whole column; where none reads all of it, on what is unreadable.
    """
    if staged.source.elsewhere:
        return "Times before 1900 and after 2199 are placeholders, not events."
    key = f"data.{staged.table}.time_format"
    table, at = backend.table(staged.name), time_column(staged.table)
    found = candidates(table, TIME_TEXT, staged.zone)
    if not found:
        unread = table.filter(table[at].isnull())
        found = candidates(unread, TIME_TEXT, staged.zone)
    return said(found, key)


def reads_more(backend: Any, staged: Staged) -> bool:
    """Whether another format reads more of the times than the one that was given.

    The day-first reading of a month-first column loses the days above 12 and mangles the others.
    """
    if staged.time_format is None:
        return False
    table = backend.table(staged.name)
    known = table[time_column(staged.table)].count().to_pyarrow().as_py()
    return any(c.n > known for c in candidates(table, TIME_TEXT, staged.zone))


def no_readable_time(backend: Any, staged: Staged) -> DataError:
    """Return the error for a table in which not one time can be read."""
    at = time_column(staged.table)
    found = describe_bad(backend, staged, at)
    what = f"They say {found}. {format_hint(backend, staged)}" if found else "All are missing."
    return DataError(
        f"{staged.table}: none of {staged.rows:,} times in {staged.columns[at]!r} is readable. "
        f"{what} Expected dates or timestamps such as 2020-01-31 or 2020-01-31T18:05:00+09:00."
    )


def in_another_unit(backend: Any, staged: Staged) -> DataError:
    """Return the error for numbers read in the wrong unit: every time lies near its zero."""
    assert staged.days is not None
    first, last = staged.days
    when = f"in {first.year}" if first.year == last.year else f"from {first.year} to {last.year}"
    return DataError(
        f"{staged.table}: every time in {staged.columns[time_column(staged.table)]!r} lies {when} "
        f"({first} to {last}), where numbers end up that are read in the wrong unit. "
        + format_hint(backend, staged)
    )


def _place(backend: Any, staged: Staged, column: str, value: str) -> str:
    """Find a value's first row; in a single CSV its line, counting one line per row."""
    source = staged.source
    if staged.columns[column] not in source.columns:
        return "computed"
    name = engine.identifier(staged.columns[column])
    numbered = (
        f"SELECT *, row_number() OVER () AS {engine.identifier('churnlab row')} FROM {source.raw}"
    )
    keep = f" AND (\n{source.where}\n)" if source.where else ""
    sql = (
        f"SELECT min({engine.identifier('churnlab row')}) FROM ({numbered}) AS whole_row "
        f"WHERE trim(CAST({name} AS VARCHAR)) = {engine.literal(value.strip())}{keep}"
    )
    row = engine.rows(backend, sql)[0][0]
    if row is None:
        return "row unknown"
    return f"line {row + source.text_lines:,}" if source.text_lines else f"row {row:,}"
