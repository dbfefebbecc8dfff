"""Read one source once into a staged table: canonical columns, and what is wrong with each row."""

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ibis
from ibis.backends.duckdb import Backend

from churnlab import engine
from churnlab.errors import DataError, nearest
from churnlab.events.cleaning.computed import compute, counted_text, result_of, uncomputed
from churnlab.events.config import SourceTable
from churnlab.events.schema import ARMS, Mapped, mapped_columns, time_column
from churnlab.events.sources import ROW_HASH, Source, reading_error, where_error
from churnlab.formats.amounts import PLAIN, Marks, decide, read_number
from churnlab.formats.detect import candidates, said
from churnlab.formats.text import broken_ids, is_mendable, read_id, read_text
from churnlab.formats.times import OFFSET, read_time
from churnlab.formats.values import read_attribute, read_flag

#: Columns of a staged table that are not the user's.
KIND, TIME_TEXT, HASH, DATE = "_kind", "_time_text", "_hash", "event_date"


@dataclass
class Staged:
    """A source read into the engine, before anything is dropped.

    source: Where it came from.
    name: Name of the staged table.
    columns: Canonical name -> the source's column.
    zone: IANA zone that the times are local to.
    time_format: As the user gave it.
    rows: Rows read (after `where`).
    days: First and last readable day.
    time_kind: `naive`, `offset` or `none`.
    known, unreadable: Values of optional columns that could be read and that could not, by column.
    ambiguous: Columns of amounts in which either mark could be the decimal one.
    notes: What was mended.
    """

    source: Source
    name: str
    columns: dict[str, str]
    zone: str
    time_format: str | None = None
    rows: int = 0
    days: tuple[dt.date, dt.date] | None = None
    time_kind: str = "none"
    known: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, int] = field(default_factory=dict)
    ambiguous: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def table(self) -> str:
        """Name of the table of the contract."""
        return self.source.table


def stage(backend: Backend, source: Source, config: SourceTable, zone: str) -> Staged:
    """Read a source into canonical columns and look at it as a whole.

    Raises DataError: A missing column, no rows, ids or times of a type that holds none, naive and
        offset times mixed, amounts in several currencies, unknown arms.
    """
    mapped = mapped_columns(source.table, config, list(source.columns))
    require(source, mapped)
    columns = {m.column.name: m.source for m in mapped}
    staged = Staged(source, f"staged_{source.table}", columns, zone, config.time_format)
    try:
        whole = not all(_needs_no_look(source, m) for m in mapped)
        picked = _pick(backend, source, mapped) if whole else backend.table(source.view)
        if whole and not picked.count().to_pyarrow().as_py():
            raise no_rows(staged, config)  # types of an empty table say nothing
        staged.notes += [*source.notes, *_mend_notes(picked, source, mapped)]
        backend.create_table(staged.name, _selection(backend, picked, staged, config, mapped))
        if whole:
            backend.drop_table(picked.get_name())
    except engine.DuckDBError as error:
        raise _while_reading(source, config, error) from error
    look(backend, staged)
    if not staged.rows:
        raise no_rows(staged, config)
    return staged


def _needs_no_look(source: Source, mapped: Mapped) -> bool:
    """Whether a column is read by its type alone, so that the source streams through once."""
    kind, role = source.columns.get(mapped.source), mapped.column.kind
    if kind is None or mapped.computed or kind.is_unknown():
        return False
    if role == "time":
        return bool(kind.is_timestamp() or kind.is_date())
    if role == "number":
        return bool(kind.is_numeric())
    if role == "id":
        return bool(kind.is_string() or kind.is_integer())
    return bool(kind.is_string() or kind.is_boolean() or kind.is_integer())


def require(source: Source, mapped: list[Mapped]) -> None:
    """Refuse a source that lacks a column, naming all that it lacks."""
    missing = [m for m in mapped if not set(m.inputs) <= set(source.columns)]
    if missing:
        names = " and ".join(f"{m.column.name} (looked for {m.source!r})" for m in missing)
        near = "".join(dict.fromkeys(nearest(m.source, source.columns) for m in missing))
        raise DataError(
            f"{source.table}: {source.label} has no column for {names}.{near} "
            f"It has: {', '.join(source.columns)}. "
            f"Map yours with data.{source.table}.{missing[0].column.name}=NAME."
        )


def _pick(backend: Backend, source: Source, mapped: list[Mapped]) -> Any:
    """Read what is needed of a source into memory, once: columns are then judged as a whole."""
    wanted = dict.fromkeys([name for m in mapped for name in m.inputs] + [ROW_HASH])
    name = f"picked_{source.table}"
    listed = ", ".join(_as_known(source, c) for c in wanted)
    backend.raw_sql(f"CREATE TABLE {name} AS SELECT {listed} FROM {source.view}")
    return backend.table(name)


def _as_known(source: Source, column: str) -> str:
    """Columns of types that Ibis does not know (128-bit unsigned ids) are text."""
    name = engine.identifier(column)
    kind = source.columns.get(column)
    return f"CAST({name} AS VARCHAR) AS {name}" if kind is not None and kind.is_unknown() else name


def _mend_notes(picked: Any, source: Source, mapped: list[Mapped]) -> list[str]:
    column = next(m.source for m in mapped if m.column.kind == "id")
    if not is_mendable(source.columns[column]):
        return []
    broken = int(picked.aggregate(n=broken_ids(picked[column])).to_pyarrow()["n"][0].as_py() or 0)
    if broken:
        raise DataError(
            f"{source.table}: ids in {column!r} are floating-point numbers and {broken:,} of them "
            "are not whole or have more digits than a float holds. Store ids as text."
        )
    return [f"ids in {column!r} came as floating-point numbers; read as whole numbers (1.0 is 1)"]


def _selection(
    backend: Backend, picked: Any, staged: Staged, config: SourceTable, mapped: list[Mapped]
) -> Any:
    chosen: dict[str, Any] = {}
    computed = {m.column.name: m for m in mapped if m.computed}
    if computed:
        expressions = list(computed.values())
        numbers = {
            c: read_number(picked[c], _marks(picked, staged, config, c, c))[0]
            for c in counted_text(picked, expressions)
        }
        picked = compute(backend, picked, staged.table, expressions, numbers)
    for column, name, _ in mapped:
        label = f"{staged.table}: column {name!r}"
        name = result_of(column.name) if column.name in computed else name
        cell = picked[name]
        if column.kind == "number" and column.name in computed:
            chosen[column.name], _ = read_number(cell)
            chosen[unreadable_column(column.name)] = uncomputed(picked, computed[column.name])
        elif column.kind == "time":
            _numbers_want_a_format(picked, staged, config, name)
            time = read_time(cell, staged.zone, config.time_format, label)
            chosen |= {column.name: time.local, DATE: time.local.date(), KIND: time.kind}
            chosen[TIME_TEXT] = time.text
        elif column.kind == "number":
            marks = _marks(picked, staged, config, name, column.name)
            chosen[column.name], chosen[unreadable_column(column.name)] = read_number(cell, marks)
        elif column.kind == "flag":
            chosen[column.name], chosen[unreadable_column(column.name)] = read_flag(cell)
        elif column.kind == "id":
            chosen[column.name] = read_id(cell, label)
        else:
            chosen[column.name] = (
                read_attribute(cell) if column.kind == "attribute" else read_text(cell)
            )
    return picked.select(**chosen, **{HASH: picked[ROW_HASH]})


def _marks(picked: Any, staged: Staged, config: SourceTable, name: str, column: str) -> Marks:
    if not picked[name].type().is_string():
        return PLAIN
    declared = getattr(config, "decimal", None)
    marks = decide(picked, name, f"{staged.table}: column {name!r}", declared)
    if marks.decimal is None:
        staged.ambiguous.append(column)
    elif not marks.plain:
        staged.notes.append(
            f"numbers in {name!r} are read with {marks.decimal!r} as the decimal mark"
        )
    return marks


def _numbers_want_a_format(picked: Any, staged: Staged, config: SourceTable, name: str) -> None:
    kind = picked[name].type()
    if config.time_format is None and kind.is_numeric() and not kind.is_boolean():
        found = candidates(picked, name, staged.zone)
        raise DataError(
            f"{staged.table}: column {name!r} holds {kind}, not times. "
            + said(found, f"data.{staged.table}.time_format")
        )


def unreadable_column(column: str) -> str:
    """Return the name of the column that holds what could not be read of another."""
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


def look(backend: Any, staged: Staged) -> None:
    """Count the rows of a staged table, what could be read, and its days."""
    table = backend.table(staged.name)
    bad = [c for c in table.columns if c.startswith("_unreadable_")]
    good = [c.removeprefix("_unreadable_") for c in bad]
    known = table[time_column(staged.table)].notnull()
    counts = table.aggregate(
        rows=table.count(),
        naive=(known & (table[KIND] != OFFSET)).sum(),
        offset=(known & (table[KIND] == OFFSET)).sum(),
        first=table[DATE].min(),
        last=table[DATE].max(),
        **{c: table[c].count() for c in bad},
        **{f"known_{c}": table[c].count() for c in good},
    )
    values = {k: v[0] for k, v in counts.to_pyarrow().to_pydict().items()}
    days = values.pop("first"), values.pop("last")
    found = {k: int(v or 0) for k, v in values.items()}
    staged.rows, staged.days = found["rows"], None if days[0] is None else days
    if found["naive"] and found["offset"]:
        raise _mixed(backend, staged, found)
    staged.time_kind = "naive" if found["naive"] else "offset" if found["offset"] else "none"
    staged.unreadable = {c: found[b] for c, b in zip(good, bad, strict=True) if found[b]}
    staged.known = {c: found[f"known_{c}"] for c in good}
    if staged.table == "treatments":
        _check_arms(backend, staged)


def no_rows(staged: Staged, config: SourceTable) -> DataError:
    """Return the error for a table without rows."""
    kept = f" for which {config.where} holds" if config.where else ""
    return DataError(f"{staged.table}: {staged.source.label} has no rows{kept}; expected some.")


def _mixed(backend: Any, staged: Staged, found: dict[str, int]) -> DataError:
    table = backend.table(staged.name)
    zoned, known = table[KIND] == OFFSET, table[time_column(staged.table)].notnull()
    both = [
        table.filter(c & known).select(t=TIME_TEXT).limit(1).to_pyarrow()["t"][0].as_py()
        for c in (~zoned, zoned)
    ]
    return DataError(
        f"{staged.table}: {found['naive']:,} times have no offset (e.g. {both[0]!r}) and "
        f"{found['offset']:,} have one (e.g. {both[1]!r}) in one column. Expected one kind: "
        "write all with an offset, or all in local time."
    )


def _check_arms(backend: Any, staged: Staged) -> None:
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


def literal_date(day: Any) -> Any:
    """Return a date literal for comparisons."""
    return ibis.literal(day, type="date")
