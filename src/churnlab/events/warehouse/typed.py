"""A table whose columns have types as canonical columns: nothing is guessed from text."""

from typing import Any

from churnlab.errors import DataError
from churnlab.events.cleaning.staging import (
    DATE,
    HASH,
    KIND,
    TIME_TEXT,
    Staged,
    look,
    no_rows,
    require,
    unreadable_column,
)
from churnlab.events.config import SourceTable
from churnlab.events.schema import Mapped, mapped_columns
from churnlab.events.sources import ROW_HASH, Source
from churnlab.events.warehouse.engines import Engine, Opened
from churnlab.formats.amounts import read_number
from churnlab.formats.text import is_mendable, read_id, read_text
from churnlab.formats.times import NAIVE, OFFSET, typed
from churnlab.formats.values import read_attribute, read_flag


def stage_there(engine: Engine, table: str, config: SourceTable, zone: str) -> Staged:
    """Bring a source into canonical columns where it lies, and look at it as a whole.

    Raises DataError: As `stage`; and columns of text where times, numbers or flags are expected.
    """
    opened = engine.open(table, config, zone)
    kinds = {c: k for c, k in opened.rows.schema().items() if c != ROW_HASH}
    source = Source(table, "", "", kinds, opened.label, "", 0, config.where)
    mapped = mapped_columns(table, config, list(kinds))
    require(source, mapped)
    columns = {m.column.name: m.source for m in mapped}
    staged = Staged(source, engine.named(f"staged_{table}"), columns, zone)
    chosen: dict[str, Any] = {}
    for m in mapped:
        chosen |= _column(opened, table, m)
    kept = engine.keep(
        f"staged_{table}", opened.rows.select(**chosen, **{HASH: opened.rows[ROW_HASH]})
    )
    if not kept.count().to_pyarrow().as_py():
        raise no_rows(staged, config)
    look(engine.backend, staged)
    return staged


def _column(opened: Opened, table: str, mapped: Mapped) -> dict[str, Any]:
    """Return a canonical column, with what goes beside it."""
    name, kind = mapped.column.name, mapped.column.kind
    if mapped.computed:
        raise _refused(table, mapped, "is an expression", "make it a column of a view")
    cell = opened.rows[mapped.source]
    of = cell.type()
    if kind == "time":
        if not (of.is_timestamp() or of.is_date()):
            raise _refused(table, mapped, f"holds {of}", "cast it to a timestamp or date in a view")
        said = OFFSET if mapped.source in opened.zoned else NAIVE
        time = typed(cell.cast("timestamp"), cell, said)
        return {name: time.local, DATE: time.local.date(), KIND: time.kind, TIME_TEXT: time.text}
    if kind == "number":
        if not (of.is_numeric() or of.is_boolean()):
            raise _refused(table, mapped, f"holds {of}", "cast it to a number in a view")
        value, bad = read_number(cell)
        return {name: value, unreadable_column(name): bad}
    if kind == "flag":
        value, bad = read_flag(cell)
        return {name: value, unreadable_column(name): bad}
    if kind == "id":
        if is_mendable(of):
            raise _refused(table, mapped, f"holds {of}", "cast ids to text in a view")
        return {name: read_id(cell, f"{table}: column {mapped.source!r}")}
    return {name: read_attribute(cell) if kind == "attribute" else read_text(cell)}


def _refused(table: str, mapped: Mapped, what: str, cure: str) -> DataError:
    return DataError(
        f"{table}: column {mapped.source!r} {what}. Tables that stay where they are need "
        f"columns of the right type for {mapped.column.name}: {cure}, or read the log with "
        "data.engine=duckdb."
    )
