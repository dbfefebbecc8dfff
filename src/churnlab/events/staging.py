"""Read one source once into a staged table: canonical columns, and what is wrong with each row."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ibis
from ibis.backends.duckdb import Backend

from churnlab.errors import DataError, nearest
from churnlab.events import engine
from churnlab.events.config import SourceTable
from churnlab.events.schema import ARMS, Mapped, mapped_columns, time_column
from churnlab.events.sources import ROW_HASH, Source, reading_error, where_error
from churnlab.events.times import OFFSET, read_time, suggest_format
from churnlab.events.values import (
    broken_ids,
    is_mendable,
    read_attribute,
    read_flag,
    read_id,
    read_number,
    read_text,
)

#: Columns of a staged table that are not the user's.
KIND, TIME_TEXT, HASH, DATE = "_kind", "_time_text", "_hash", "event_date"
_SAMPLES = 3


@dataclass
class Staged:
    """A source read into the engine, before anything is dropped.

    Attributes
    ----------
    source : Source
        Where it came from.
    name : str
        Name of the staged table.
    columns : dict
        Canonical name -> the source's column.
    rows : int
        Rows read (after `where`).
    time_kind : str
        `naive`, `offset` or `none`.
    unreadable : dict
        Values of optional columns that could not be read, by column.
    notes : list of str
        What was mended.
    """

    source: Source
    name: str
    columns: dict[str, str]
    rows: int = 0
    time_kind: str = "none"
    unreadable: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def table(self) -> str:
        """Name of the table of the contract."""
        return self.source.table


def stage(backend: Backend, source: Source, config: SourceTable, zone: str) -> Staged:
    """Read a source into canonical columns and look at it as a whole.

    Raises
    ------
    DataError
        A missing column, no rows, ids or times of a type that holds none, naive and offset times
        mixed, unknown arms.
    """
    mapped = mapped_columns(source.table, config, list(source.columns))
    _require(source, mapped)
    view = backend.table(source.view)
    staged = Staged(source, f"staged_{source.table}", {m.column.name: m.source for m in mapped})
    if not source.text_lines and not view.count().to_pyarrow().as_py():
        raise _no_rows(
            staged, config
        )  # before types are judged: those of an empty table say nothing
    try:
        staged.notes += _mend_notes(view, source, mapped)
        backend.create_table(staged.name, _selection(view, source, config, mapped, zone))
    except engine.DuckDBError as error:
        raise _while_reading(source, config, error) from error
    _look(backend, staged, config)
    return staged


def _require(source: Source, mapped: list[Mapped]) -> None:
    missing = [m for m in mapped if m.source not in source.columns]
    if missing:
        lines = "; ".join(
            f"{m.column.name} (looked for {m.source!r}).{nearest(m.source, source.columns)}"
            for m in missing
        )
        raise DataError(
            f"{source.table}: {source.label} has no column for {lines} "
            f"It has: {', '.join(source.columns)}. "
            f"Map yours with data.{source.table}.{missing[0].column.name}=NAME."
        )


def _mend_notes(view: Any, source: Source, mapped: list[Mapped]) -> list[str]:
    column = next(m.source for m in mapped if m.column.kind == "id")
    if not is_mendable(source.columns[column]):
        return []
    broken = int(view.aggregate(n=broken_ids(view[column])).to_pyarrow()["n"][0].as_py() or 0)
    if broken:
        raise DataError(
            f"{source.table}: ids in {column!r} are floating-point numbers and {broken:,} of them "
            "are not whole or have more digits than a float holds. Store ids as text."
        )
    return [f"ids in {column!r} came as floating-point numbers; read as whole numbers (1.0 is 1)"]


def _selection(
    view: Any, source: Source, config: SourceTable, mapped: list[Mapped], zone: str
) -> Any:
    chosen: dict[str, Any] = {}
    for column, name in mapped:
        cell, label = view[name], f"{source.table}: column {name!r}"
        if column.kind == "time":
            time = read_time(cell, zone, config.time_format, label)
            chosen |= {column.name: time.local, DATE: time.local.date(), KIND: time.kind}
            chosen[TIME_TEXT] = time.text
        elif column.kind in ("number", "flag"):
            read = read_number if column.kind == "number" else read_flag
            chosen[column.name], chosen[_bad(column.name)] = read(cell)
        elif column.kind == "id":
            chosen[column.name] = read_id(cell, label)
        else:
            chosen[column.name] = (
                read_attribute(cell) if column.kind == "attribute" else read_text(cell)
            )
    return view.select(**chosen, **{HASH: view[ROW_HASH]})


def _bad(column: str) -> str:
    return f"_unreadable_{column}"


def _while_reading(source: Source, config: SourceTable, error: Exception) -> DataError:
    """Tell an unreadable file from a condition that fails on some row."""
    files = Path(source.label)
    if config.where and "CSV Error" not in str(error) and "Conversion" in type(error).__name__:
        return where_error(source.table, config.where, list(source.columns), error)
    if "strptime" in str(error) or "strftime" in str(error):
        return DataError(
            f"data.{source.table}.time_format={config.time_format!r} is no strptime format "
            f"({engine.plain_message(error)}); an example is %d/%m/%Y %H:%M."
        )
    return reading_error(source.table, files, error)


def _look(backend: Backend, staged: Staged, config: SourceTable) -> None:
    table = backend.table(staged.name)
    bad = [c for c in table.columns if c.startswith("_unreadable_")]
    counts = table.aggregate(
        rows=table.count(),
        naive=(table[KIND] != OFFSET).sum(),
        offset=(table[KIND] == OFFSET).sum(),
        **{c: table[c].count() for c in bad},
    )
    found = {k: int(v[0] or 0) for k, v in counts.to_pyarrow().to_pydict().items()}
    staged.rows = found["rows"]
    if not staged.rows:
        raise _no_rows(staged, config)
    if found["naive"] and found["offset"]:
        raise _mixed(backend, staged, found)
    staged.time_kind = "naive" if found["naive"] else "offset" if found["offset"] else "none"
    staged.unreadable = {c.removeprefix("_unreadable_"): found[c] for c in bad if found[c]}
    if staged.table == "treatments":
        _check_arms(backend, staged)


def _no_rows(staged: Staged, config: SourceTable) -> DataError:
    kept = f" for which {config.where} holds" if config.where else ""
    return DataError(f"{staged.table}: {staged.source.label} has no rows{kept}; expected some.")


def _mixed(backend: Backend, staged: Staged, found: dict[str, int]) -> DataError:
    table = backend.table(staged.name)
    zoned = table[KIND] == OFFSET
    both = [
        table.filter(c).select(t=TIME_TEXT).limit(1).to_pyarrow()["t"][0].as_py()
        for c in (~zoned, zoned)
    ]
    return DataError(
        f"{staged.table}: {found['naive']:,} times have no offset (e.g. {both[0]!r}) and "
        f"{found['offset']:,} have one (e.g. {both[1]!r}) in one column. Expected one kind: "
        "write all with an offset, or all in local time."
    )


def _check_arms(backend: Backend, staged: Staged) -> None:
    arm = backend.table(staged.name).arm
    others = arm.fill_null("(missing)").name("arm").as_table().distinct()
    names = sorted(str(a) for a in others.to_pyarrow()["arm"].to_pylist())
    unknown = [n for n in names if n not in ARMS]
    if unknown:
        raise DataError(
            f"treatments: arm must be {' or '.join(ARMS)}; "
            f"got {', '.join(map(repr, unknown[:5]))}. "
            "Rename them in the source, or keep the two arms to compare with data.treatments.where."
        )


def bad_values(backend: Backend, staged: Staged, column: str) -> list[str]:
    """Return up to three unreadable values of a column, each with the line or row it stands on."""
    table = backend.table(staged.name)
    if column == time_column(staged.table):
        text = table.filter(table[column].isnull() & table[TIME_TEXT].notnull())[TIME_TEXT]
    else:
        text = table.filter(table[_bad(column)].notnull())[_bad(column)]
    values = text.name("v").as_table().limit(_SAMPLES).to_pyarrow()["v"].to_pylist()
    return [str(v) for v in dict.fromkeys(values)]


def describe_bad(backend: Backend, staged: Staged, column: str) -> str:
    """Return the unreadable values of a column with their places, for a message."""
    values = bad_values(backend, staged, column)
    return ", ".join(f"{v!r} ({_place(backend, staged, column, v)})" for v in values)


def format_hint(backend: Backend, staged: Staged) -> str:
    """Return a sentence that names the time format which reads the unreadable times, if any."""
    pattern = suggest_format(bad_values(backend, staged, time_column(staged.table)))
    if pattern is None:
        return f"Give data.{staged.table}.time_format if they follow another format."
    return f"data.{staged.table}.time_format='{pattern}' reads these."


def no_readable_time(backend: Backend, staged: Staged) -> DataError:
    """Return the error for a table in which not one time can be read."""
    at = time_column(staged.table)
    found = describe_bad(backend, staged, at)
    said = f"They say {found}. {format_hint(backend, staged)}" if found else "All are missing."
    return DataError(
        f"{staged.table}: none of {staged.rows:,} times in {staged.columns[at]!r} is readable. "
        f"{said} Expected dates or timestamps such as 2020-01-31 or 2020-01-31T18:05:00+09:00."
    )


def _place(backend: Backend, staged: Staged, column: str, value: str) -> str:
    """Find a value's first row; in a single CSV its line, counting one line per row."""
    source = staged.source
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
    return f"line {row + 1:,}" if source.text_lines else f"row {row:,}"


def last_day(backend: Backend, staged: Staged) -> Any:
    """Return the last readable day of a staged table, or None."""
    table = backend.table(staged.name)
    return table.aggregate(last=table[DATE].max()).to_pyarrow()["last"][0].as_py()


def literal_date(day: Any) -> Any:
    """Return a date literal for comparisons."""
    return ibis.literal(day, type="date")
