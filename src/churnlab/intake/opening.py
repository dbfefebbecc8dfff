"""From what was typed, files, folders, globs, URLs, to sources to look at."""

from collections.abc import Iterator
from pathlib import Path

from churnlab import engine
from churnlab.errors import DataError
from churnlab.events.config import SourceTable
from churnlab.events.sources.connections import attach, database_file, opened
from churnlab.events.sources.files import READABLE, resolve
from churnlab.events.sources.views import from_connection, from_files
from churnlab.events.sources.workbooks import sheets_of
from churnlab.intake.look import Looked, look, shown

#: Tables of a database that are looked at, so that a warehouse is not read whole.
MOST_TABLES = 20


def open_sources(typed: list[str], scratch: Path) -> list[Looked]:
    """Return what to look at, each source in an engine of its own.

    Raises DataError: Nothing there, files that cannot be read, or no rows in any of them.
    """
    found = [looked for source in typed for looked in _opened(source, scratch)]
    filled = [looked for looked in found if looked.rows]
    if not filled:
        labels = ", ".join(looked.source.label for looked in found)
        raise DataError(f"{labels}: no rows; expected some.")
    return filled


def _opened(typed: str, scratch: Path) -> Iterator[Looked]:
    if "://" in typed:
        for table in _tables(typed):
            backend = engine.connect()
            config = SourceTable(table=table)
            source = from_connection(backend, "purchases", config, typed)
            yield look(backend, source, {"table": table, "connection": typed})
        return
    for path in _folder(typed) if Path(typed).is_dir() else [typed]:
        for sheet in _sheets(path):
            backend = engine.connect()
            source = from_files(backend, "purchases", SourceTable(sheet=sheet), [path], scratch)
            place = {"path": shown(Path(path)) if Path(path).exists() else path}
            yield look(backend, source, place | ({"sheet": sheet} if sheet else {}))


def _folder(typed: str) -> list[str]:
    """Take files of one kind and the same first line for parts of one table."""
    folder = Path(typed)
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in READABLE)
    if not files:
        raise DataError(f"{typed} holds no CSV, Parquet or Excel file; expected some.")
    endings = {p.suffix for p in files}
    if len(endings) == 1 and len({_first_line(p) for p in files}) == 1:
        return [str(folder / f"*{files[0].suffix}")]
    return [str(p) for p in files]


def _first_line(path: Path) -> bytes:
    if path.suffix.lower() in (".parquet", ".pq"):
        import pyarrow.parquet

        return "\n".join(pyarrow.parquet.read_schema(path).names).encode()
    with path.open("rb") as file:
        return file.readline()


def _sheets(path: str) -> list[str | None]:
    """Return the sheets with rows, where there are several; a plain file is one source."""
    if resolve("purchases", [path]).kind != "workbook":
        return [None]
    filled = [n for n, rows in sheets_of("purchases", Path(path)).items() if len(rows) > 1]
    return [None] if len(filled) < 2 else list(filled)


def _tables(url: str) -> list[str]:
    path = database_file(url)
    if path is not None and url.startswith("duckdb:"):
        backend = engine.connect()
        name = attach(backend, path)
        sql = (
            "SELECT schema_name, table_name FROM (SELECT schema_name, table_name, database_name "
            "FROM duckdb_tables() UNION ALL SELECT schema_name, view_name, database_name FROM "
            f"duckdb_views() WHERE NOT internal) WHERE database_name = '{name}' ORDER BY ALL"
        )
        found = [t if s == "main" else f"{s}.{t}" for s, t in engine.rows(backend, sql)]
    else:
        try:
            with opened(url) as remote:
                found = sorted(remote.list_tables())
        except Exception as error:
            raise DataError(f"{url} cannot be opened ({engine.plain_message(error)}).") from error
    if not 0 < len(found) <= MOST_TABLES:
        raise DataError(
            f"{url} has {len(found)} tables; expected 1 to {MOST_TABLES}. Write the settings by "
            "hand: data.connection, data.purchases.table."
        )
    return found
