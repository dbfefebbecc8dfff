"""Tables behind an Ibis URL. Nothing is ever created: a file that is not there is an error."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import ibis
import pyarrow as pa
from ibis.backends.duckdb import Backend

from churnlab import engine
from churnlab.errors import DataError

_FILES = ("duckdb", "sqlite")
_ATTACHED = "remote"


def database_file(url: str) -> Path | None:
    """Return the file that a URL names: `duckdb://shop.duckdb` here, `duckdb:///data/x` absolute.

    Raises DataError: There is no such file.
    """
    parts = urlsplit(url)
    if parts.scheme not in _FILES:
        return None
    path = Path(unquote(parts.netloc + parts.path)).expanduser()
    if path.is_file():
        return path
    beside = Path(path.name)
    hint = f" For {path.name} of this folder write {parts.scheme}://{path.name}."
    raise DataError(
        f"data.connection={url} names the file {path}, which is not there; nothing was created."
        + (hint if beside.is_file() and path.is_absolute() else "")
    )


def attach(backend: Backend, path: Path) -> str:
    """Open a DuckDB file beside the engine's own tables, for reading only; return its name."""
    known = {r[0] for r in engine.rows(backend, "SELECT database_name FROM duckdb_databases()")}
    if _ATTACHED not in known:
        backend.raw_sql(f"ATTACH {engine.literal(str(path))} AS {_ATTACHED} (READ_ONLY)")
    return _ATTACHED


def detach(backend: Backend) -> None:
    """Let go of the file: others may write to it again."""
    known = engine.rows(backend, "SELECT database_name FROM duckdb_databases()")
    if (_ATTACHED,) in known:
        backend.raw_sql(f"DETACH {_ATTACHED}")


def qualified(name: str) -> tuple[str, ...]:
    """Return the parts of `table` or `schema.table`."""
    return tuple(str(name).split("."))


@contextmanager
def opened(url: str) -> Iterator[ibis.BaseBackend]:
    """Open a database that is no DuckDB file, and let go of it."""
    remote = ibis.connect(url)
    try:
        yield remote
    finally:
        remote.disconnect()


def remote_table(remote: ibis.BaseBackend, name: str) -> Any:
    """Return the table `table` or `schema.table` of a connection."""
    *place, last = qualified(name)
    return remote.table(last, database=tuple(place) or None)


def fetch(table: Any) -> pa.Table:
    """Fetch an Ibis table; types that Arrow may not carry come as text, or not at all."""
    kept = {}
    for column, kind in table.schema().items():
        if kind.is_binary() or kind.is_unknown():
            continue
        odd = kind.is_interval() or kind.is_nested() or kind.is_uuid() or kind.is_json()
        kept[column] = table[column].cast("string") if odd else table[column]
    found: pa.Table = table.select(**kept).to_pyarrow()
    return found
