"""The embedded engine: one private in-memory DuckDB behind Ibis, per event log."""

import contextlib
import ctypes
import gc
import glob
import hashlib
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pandas as pd
import pyarrow as pa
from ibis.backends.duckdb import Backend

from churnlab.errors import UsageError

#: What a task of DuckDB may let go of before it goes back to the system; by default 128 MB a thread
#: stay with an engine that nobody asks any more.
FLUSHED = "16MB"


def connect(memory_limit: str | None = None) -> Backend:
    """Open an empty in-memory database whose session zone is UTC.

    DuckDB spills into the working directory by default; a temporary folder is used instead, one of
    its own: DuckDB clears the folder at its end, whoever else spills there.

    memory_limit: Memory from which the engine spills (``2GB``); default: DuckDB's, 80% of the
        machine's.
    Raises UsageError when DuckDB cannot read the limit.
    """
    backend = ibis.duckdb.connect()
    if memory_limit is not None:
        try:
            backend.raw_sql(f"SET memory_limit = {literal(memory_limit)}")
        except duckdb.Error as error:
            raise UsageError(
                f"data.memory_limit must be a size such as 2GB; got {memory_limit!r} "
                f"({plain_message(error)})."
            ) from error
    backend.raw_sql("SET TimeZone = 'UTC'")
    with contextlib.suppress(duckdb.InvalidInputException):  # in a notebook without ipywidgets
        backend.raw_sql("SET enable_progress_bar = false")  # it would write into standard output
    spill = Path(tempfile.gettempdir()) / f"churnlab-duckdb-{secrets.token_hex(8)}"
    backend.raw_sql(f"SET temp_directory = {literal(str(spill))}")
    for setting in ("autoinstall_known_extensions", "autoload_known_extensions"):
        backend.raw_sql(f"SET {setting} = false")  # nothing is fetched, whatever SQL asks for
    for setting in ("allocator_flush_threshold", "allocator_bulk_deallocation_flush_threshold"):
        backend.raw_sql(f"SET {setting} = '{FLUSHED}'")
    return backend


def close_off(backend: Backend, files: Iterable[Path]) -> None:
    """Let the engine reach nothing outside of it any more but `files`, for reading.

    It cannot be undone: DuckDB refuses to open itself again. It still spills into its folder.
    """
    names = {
        name for path in map(str, files) for name in (path, glob.escape(path))
    }  # as globs, too
    allowed = ", ".join(map(literal, sorted(names)))
    backend.raw_sql(f"SET allowed_paths = [{allowed}]")
    backend.raw_sql("SET enable_external_access = false")


def literal(text: str) -> str:
    """Quote text as an SQL string; DuckDB's parser ends a text at a NUL, which is spelled out."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "(" + quoted.replace("\0", "' || chr(0) || '") + ")" if "\0" in text else quoted


def identifier(name: str) -> str:
    """Quote a name as an SQL identifier: any character is safe inside."""
    return '"' + name.replace('"', '""') + '"'


def rows(backend: Backend, sql: str) -> list[tuple[Any, ...]]:
    """Run SQL and return its rows."""
    return list(backend.raw_sql(sql).fetchall())


def frame(expression: Any) -> pd.DataFrame:
    """Run an Ibis expression and return a pandas frame; text stays text, integers stay integers."""
    table = expression.to_pyarrow()
    result: pd.DataFrame = table.to_pandas()
    return result


def arrow_hash(data: pa.Table) -> str:
    """Return the SHA-256 of a table's columns and values as Arrow writes them."""
    digest = _Digest()
    whole = data.replace_schema_metadata(None).combine_chunks()
    with pa.ipc.new_stream(pa.PythonFile(digest, mode="w"), whole.schema) as stream:
        stream.write_table(whole)
    return digest.sha.hexdigest()


def give_back() -> None:
    """Return what was let go of to the system: cycles hold frames, allocators their memory."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    with contextlib.suppress(AttributeError, OSError):  # glibc's
        ctypes.CDLL(None).malloc_trim(0)


class _Digest:
    """A file that only remembers the hash of what is written."""

    closed = False

    def __init__(self) -> None:
        self.sha = hashlib.sha256()

    def write(self, block: Any) -> int:
        self.sha.update(block)
        return len(block)

    def flush(self) -> None:
        """Do nothing: there is no buffer."""

    def close(self) -> None:
        """Do nothing: the hash stays readable."""


def plain_message(error: Exception) -> str:
    """Return the first line of a DuckDB error without its class prefix."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return text.split("Error: ", 1)[-1]


DuckDBError = duckdb.Error
