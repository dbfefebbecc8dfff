"""Where rows come from: files, frames, or a table behind an Ibis URL; each becomes a view."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import ibis
import pyarrow as pa
from ibis.backends.duckdb import Backend

from churnlab import engine
from churnlab.errors import DataError
from churnlab.events.config import SourceTable
from churnlab.events.sources.connections import (
    attach,
    database_file,
    fetch,
    opened,
    qualified,
    remote_table,
)
from churnlab.events.sources.csvs import select
from churnlab.events.sources.encodings import as_utf8, detect, require
from churnlab.events.sources.files import Files, resolve
from churnlab.events.sources.frames import Arrowed, to_arrow
from churnlab.events.sources.workbooks import read_sheet
from churnlab.formats.expressions import NotAnExpressionError, parse
from churnlab.runs.hashing import content_hash

#: Added to each source: a hash over all its columns, by which duplicates are known.
ROW_HASH = "churnlab row hash"


@dataclass(frozen=True)
class Source:
    """One table's rows, not yet looked at.

    table: `purchases`, `visits`, `members` or `treatments`.
    raw, view: Names in the engine: everything, and the rows that `where` keeps.
    columns: The source's own columns with their Ibis types.
    hash: SHA-256 of the input.
    text_lines: Lines up to the header, where a row number can be told as a line of one CSV file;
        else 0.
    where: The condition that its rows were kept by.
    notes: What was seen while opening it.
    files: What the engine still reads from.
    """

    table: str
    raw: str
    view: str
    columns: dict[str, ibis.expr.datatypes.DataType]
    label: str
    hash: str
    text_lines: int
    where: str | None
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()

    @property
    def elsewhere(self) -> bool:
        """Whether the rows stay in an engine of their own."""
        return not self.raw


def from_files(
    backend: Backend, table: str, config: SourceTable, paths: Sequence[str], scratch: Path
) -> Source:
    """Open files as a view; of text nothing is read yet but its encoding and header.

    table: The table of the contract that they feed.
    config: Its settings; `path` is not looked at.
    paths: Files or globs of one kind.
    scratch: Folder for what has to be written anew; it must outlive the reading.
    """
    files = resolve(table, paths)
    notes: list[str] = []
    lines = 0
    if files.kind == "workbook":
        sheets = [read_sheet(table, p, config.sheet) for p in files.paths]
        backend.create_table(f"raw_{table}", pa.concat_tables(sheets, promote_options="permissive"))
    elif files.kind == "parquet":
        files.check_pages()
        _create(backend, files, f"CREATE VIEW raw_{table} AS {files.parquet_sql()}")
    else:
        parts = [_csv(table, p, config, scratch, notes) for p in files.paths]
        union = " UNION ALL BY NAME ".join(sql for sql, _ in parts)
        _create(backend, files, f"CREATE VIEW raw_{table} AS {union}")
        lines = parts[0][1] + 1 if len(parts) == 1 else 0
    found = _finish(backend, table, config, ", ".join(paths), files.hash(), lines, notes)
    return replace(found, files=(*files.paths, *scratch.iterdir()))


def _csv(
    table: str, path: Path, config: SourceTable, scratch: Path, notes: list[str]
) -> tuple[str, int]:
    encoding = config.encoding or detect(table, path)
    plain = codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii")
    if config.encoding is None and not plain:
        notes.append(f"{path.name} is read as {encoding}, seen from its letters")
    if config.encoding is not None and plain:
        require(table, path, encoding)
    readable = path if plain else as_utf8(table, path, encoding, scratch)
    sql, above = select(table, readable, path.name)
    if above:
        notes.append(
            f"the header of {path.name} is on line {above + 1}; what stands above is left out"
        )
    return sql, above


def from_frame(backend: Backend, table: str, config: SourceTable, frame: Arrowed) -> Source:
    """Take a frame over into the engine."""
    data = to_arrow(table, frame)
    try:
        backend.create_table(f"raw_{table}", data)
    except engine.DuckDBError as error:
        raise DataError(
            f"{table}: the frame cannot be taken over ({engine.plain_message(error)}). Expected "
            "columns of text, numbers, dates and times."
        ) from error
    return _finish(backend, table, config, "a frame", engine.arrow_hash(data))


def from_connection(backend: Backend, table: str, config: SourceTable, url: str) -> Source:
    """Open a table of another database: a DuckDB file in place, others fetched.

    Raises DataError: The connection fails or has no such table.
    """
    path = database_file(url)
    try:
        if path is not None and url.startswith("duckdb:"):
            name = ".".join(map(engine.identifier, (attach(backend, path), *_place(config))))
            backend.raw_sql(f"CREATE VIEW raw_{table} AS SELECT * FROM {name}")
            sql = f"SELECT bit_xor(hash(w)), count(*) FROM raw_{table} AS w"
            digest = content_hash([list(map(str, r)) for r in engine.rows(backend, sql)])
            return _finish(backend, table, config, f"{config.table} of {path}", digest)
        with opened(url) as remote:
            whole = remote_table(remote, str(config.table))
            where = _where(table, config, list(whole.columns), remote.dialect)
            data = fetch(remote.sql(f"SELECT * FROM {config.table}{where}") if where else whole)
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
    return _finish(backend, table, here, str(config.table), engine.arrow_hash(data))


def _place(config: SourceTable) -> tuple[str, ...]:
    parts = qualified(str(config.table))
    return parts if len(parts) > 1 else ("main", *parts)


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
    backend: Backend,
    table: str,
    config: SourceTable,
    label: str,
    digest: str,
    lines: int = 0,
    notes: Sequence[str] = (),
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
    return Source(
        table, f"raw_{table}", view, raw, label, digest, lines, config.where, tuple(notes)
    )


def where_error(table: str, where: str | None, columns: list[str], error: Exception) -> DataError:
    """Return the error for a condition that the engine refuses."""
    return DataError(
        f"data.{table}.where={where!r} is refused ({engine.plain_message(error)}). It is an SQL "
        f"condition on the source's own columns: {', '.join(columns)}. Columns of a CSV are text: "
        "write CAST(minutes AS DOUBLE) > 0."
    )


def reading_error(table: str, path: Path, error: Exception) -> DataError:
    """Turn an error met while reading a file into a plain one.

    Raises MemoryError: It was the machine that refused, not the file.
    """
    if isinstance(error, duckdb.OutOfMemoryException):
        raise MemoryError(str(error)) from error
    text = str(error).split("\nLINE ")[0]
    first = " ".join(line.strip() for line in text.splitlines()[:3] if line.strip())
    first = first.split("Error: ", 1)[-1]
    return DataError(
        f"{table}: {path} cannot be read: {first}. Expected Parquet, or CSV with a header and the "
        "same number of fields on every line."
    )
