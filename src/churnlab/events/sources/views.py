"""Where rows come from: files, frames, or a table behind an Ibis URL; each becomes a view."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
from ibis.backends.duckdb import Backend

from churnlab.errors import DataError
from churnlab.events import engine
from churnlab.events.config import SourceTable
from churnlab.events.formats.expressions import NotAnExpressionError, parse
from churnlab.events.sources.files import Files, encoding_error, resolve

#: Added to each source: a hash over all its columns, by which duplicates are known.
ROW_HASH = "churnlab row hash"


@dataclass(frozen=True)
class Source:
    """One table's rows, not yet looked at.

    Attributes
    ----------
    table : str
        `purchases`, `visits`, `members` or `treatments`.
    raw, view : str
        Names in the engine: everything, and the rows that `where` keeps.
    columns : dict
        The source's own columns with their Ibis types.
    label : str
        What to call it in messages.
    hash : str
        SHA-256 of the input.
    text_lines : bool
        Whether a row number can be told as a line of one CSV file.
    """

    table: str
    raw: str
    view: str
    columns: dict[str, ibis.expr.datatypes.DataType]
    label: str
    hash: str
    text_lines: bool
    where: str | None


def from_files(backend: Backend, table: str, config: SourceTable) -> Source:
    """Open files as a view; nothing is read yet but headers."""
    files = resolve(table, str(config.path))
    _create(backend, files, f"CREATE VIEW raw_{table} AS {files.sql()}")
    lines = files.kind == "csv" and len(files.paths) == 1
    return _finish(backend, table, config, str(config.path), files.hash(), lines)


def from_frame(
    backend: Backend, table: str, config: SourceTable, frame: pd.DataFrame | pa.Table
) -> Source:
    """Take a pandas frame or an Arrow table over into the engine."""
    data = engine.to_arrow(table, frame) if isinstance(frame, pd.DataFrame) else frame
    backend.create_table(f"raw_{table}", data)
    return _finish(backend, table, config, "a frame", engine.arrow_hash(data), False)


def from_connection(backend: Backend, table: str, config: SourceTable, url: str) -> Source:
    """Fetch a table from another database; `where` runs over there.

    Raises
    ------
    DataError
        The connection fails or has no such table.
    """
    try:
        remote = ibis.connect(url)
        whole = _whole(remote, config)
        where = _where(table, config, list(whole.columns), remote.dialect)
        query = f"SELECT * FROM {config.table}{where}"
        data = (remote.sql(query) if where else whole).to_pyarrow()
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"{table}: {config.table} cannot be read over data.connection "
            f"({engine.plain_message(error)}). Check the URL, the table's name and "
            f"data.{table}.where."
        ) from error
    here = SourceTable(path="-", customer_id=config.customer_id)
    backend.create_table(f"raw_{table}", data)
    return _finish(backend, table, here, str(config.table), engine.arrow_hash(data), False)


def _whole(remote: ibis.BaseBackend, config: SourceTable) -> Any:
    *place, name = str(config.table).split(".")
    return remote.table(name, database=tuple(place) or None)


def _where(table: str, config: SourceTable, columns: list[str], dialect: str = "duckdb") -> str:
    if not config.where:
        return ""
    try:
        parse(config.where, dialect)
    except NotAnExpressionError as error:
        raise where_error(table, config.where, columns, error) from error
    return f" WHERE (\n{config.where}\n)"


def _create(backend: Backend, files: Files, sql: str) -> None:
    try:
        backend.raw_sql(sql)
    except engine.DuckDBError as error:
        raise reading_error(files.table, files.paths[0], error) from error


def _finish(
    backend: Backend, table: str, config: SourceTable, label: str, digest: str, lines: bool
) -> Source:
    view = f"source_{table}"
    raw = dict(backend.table(f"raw_{table}").schema().items())
    sql = (
        f"CREATE VIEW {view} AS SELECT *, hash(whole_row) AS {engine.identifier(ROW_HASH)} "
        f"FROM raw_{table} AS whole_row{_where(table, config, list(raw))}"
    )
    try:
        backend.raw_sql(sql)
    except engine.DuckDBError as error:
        raise where_error(table, config.where, list(raw), error) from error
    return Source(table, f"raw_{table}", view, raw, label, digest, lines, config.where)


def where_error(table: str, where: str | None, columns: list[str], error: Exception) -> DataError:
    """Return the error for a condition that the engine refuses."""
    return DataError(
        f"data.{table}.where={where!r} is refused ({engine.plain_message(error)}). It is an SQL "
        f"condition on the source's own columns: {', '.join(columns)}. Columns of a CSV are text: "
        "write CAST(minutes AS DOUBLE) > 0."
    )


def reading_error(table: str, path: Path, error: Exception) -> DataError:
    """Turn an error met while reading a file into a plain one."""
    text = str(error)
    if "not utf-8" in text or "Invalid unicode" in text:
        return encoding_error(table, path, path.read_bytes()[: 1 << 24])
    first = " ".join(line.strip() for line in text.splitlines()[:3] if line.strip())
    first = first.split("Error: ", 1)[-1]
    return DataError(
        f"{table}: {path} cannot be read: {first}. Expected Parquet, or CSV with a header and the "
        "same number of fields on every line."
    )
