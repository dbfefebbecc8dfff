"""Tables to and from files: Parquet and CSV with declared types, by pyarrow, nothing unpickled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from churnlab.errors import VerificationError
from churnlab.export.tables.arrow import arrow_schema, check_keys, check_text
from churnlab.export.tables.columns import TABLES, Table

#: What readers raise on a broken file; RuntimeError: pyarrow-hotfix, on types that hold a pickle.
_BROKEN = (pa.ArrowException, OSError, ValueError, TypeError, OverflowError, MemoryError,
           RuntimeError)  # fmt: skip
#: Rows that are turned into text at a time.
_BATCH = 1 << 16

#: A spreadsheet takes text that begins like this for a formula; the apostrophe is the guard itself.
_RISKY = pa.array(list("=+-@\t\r'"))


def write_parquet(data: pa.Table, path: Path) -> None:
    """Write Parquet."""
    pq.write_table(data, path, compression="zstd")


def write_csv(data: pa.Table | Iterable[pa.Table], path: Path, *, guard: bool = True) -> None:
    """Write CSV: UTF-8, ISO dates, UTC instants with offset, empty for null.

    data: Text is made of some rows at a time.
    guard: Put an apostrophe before text that a spreadsheet would take for a formula (it begins with
        ``=``, ``+``, ``-``, ``@``, tab or return), and before text that begins with an apostrophe
        already, so that taking one away from the front gives the text back.
    """
    writer = None
    try:
        for piece in _pieces(data) if isinstance(data, pa.Table) else data:
            text = _as_text(piece, guard=guard)
            writer = writer or pyarrow.csv.CSVWriter(path, text.schema)
            writer.write_table(text)
    finally:
        if writer is not None:
            writer.close()


def _pieces(data: pa.Table) -> Iterator[pa.Table]:
    """Cut a table into pieces, an empty one into one."""
    for start in range(0, max(data.num_rows, 1), _BATCH):
        yield data.slice(start, _BATCH)


def _as_text(data: pa.Table, *, guard: bool) -> pa.Table:
    for i, field in enumerate(data.schema):
        if pa.types.is_timestamp(field.type):
            data = data.set_column(i, field.name, _by_value(data.column(i), _stamp))
        elif guard and (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)):
            text = data.column(i).cast(pa.string())
            data = data.set_column(i, field.name, _by_value(text, _guard))
    return data


def _by_value(column: pa.ChunkedArray, make: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Make text of each distinct value once: most columns have few."""
    coded = column.combine_chunks().dictionary_encode()
    return make(coded.dictionary).take(coded.indices)


def _stamp(times: pa.Array) -> pa.Array:
    return pa.compute.strftime(times, format="%Y-%m-%dT%H:%M:%S+00:00")


def _guard(text: pa.Array) -> pa.Array:
    first = pa.compute.utf8_slice_codeunits(text, 0, 1)
    risky = pa.compute.is_in(first, value_set=_RISKY)
    if not pa.compute.any(risky).as_py():
        return text
    return pa.compute.if_else(risky, pa.compute.binary_join_element_wise("'", text, ""), text)


def _without_guard(text: pa.ChunkedArray) -> pa.ChunkedArray:
    guarded = pa.compute.starts_with(text, "'")
    return pa.compute.if_else(guarded, pa.compute.utf8_slice_codeunits(text, 1), text)


def read_table(path: Path, table: Table, max_bytes: int | None = None) -> pd.DataFrame:
    """Read one exported Parquet table and hold it against its specification.

    max_bytes: Most memory that the table may take; a small file can hold very many equal values.
    Raises VerificationError: Whatever is wrong with the file, the columns, the types, the keys or
        its size.
    """

    def read() -> pd.DataFrame:
        data = _bounded(path, max_bytes)
        _check_schema(data, table, path)
        check_text(data, path.name)
        return _to_pandas(data)

    frame = _guarded(path, read)
    check_keys(frame, table, path.name)
    return frame


def _bounded(path: Path, max_bytes: int | None) -> pa.Table:
    """Read Parquet row group by row group, in pieces, as long as the memory allows."""
    limit = float("inf") if max_bytes is None else max_bytes
    # pre-buffering and threads are left out: a broken file then fails in one place
    plain = pq.ParquetFile(path, pre_buffer=False, memory_map=False)
    schema = plain.schema_arrow
    text = [f.name for f in schema if pa.types.is_string(f.type)]
    least = 8 * plain.metadata.num_rows * len(schema)  # a number, a day, an offset of a text
    if max(least, _stated_bytes(plain.metadata)) > limit:
        raise _too_large(path, plain.metadata.num_rows, limit)
    pieces, taken = [], 0
    # Text comes as codes first: a long text that occurs often would fill the memory at once.
    coded = pq.ParquetFile(path, pre_buffer=False, memory_map=False, read_dictionary=text)
    for batch in coded.iter_batches(batch_size=_BATCH, use_threads=False):
        piece = pa.Table.from_batches([batch])
        taken += piece.nbytes + sum(_text_bytes(piece.column(name)) for name in text)
        if taken > limit:
            raise _too_large(path, plain.metadata.num_rows, limit)
        pieces.append(piece.cast(schema.remove_metadata()))
    if not pieces:
        return schema.empty_table()
    return pa.concat_tables(pieces)


def _stated_bytes(metadata: pq.FileMetaData) -> int:
    groups = range(metadata.num_row_groups)
    return int(sum(metadata.row_group(i).total_byte_size for i in groups))


def _text_bytes(column: pa.ChunkedArray) -> int:
    """Bytes that a column of codes takes as text."""
    total = 0
    for chunk in column.chunks:
        if not pa.types.is_dictionary(chunk.type):
            continue
        sizes = pa.compute.binary_length(chunk.dictionary).take(chunk.indices)
        total += pa.compute.sum(sizes).as_py() or 0
    return total


def _too_large(path: Path, rows: int, limit: float) -> VerificationError:
    return VerificationError(
        f"{path.name}: {rows:,} rows take more memory than the {limit / 1e9:g} GB allowed. Is it "
        "what an export wrote? If so, verify it with a larger max_table_gb."
    )


def _check_schema(data: pa.Table, table: Table, path: Path) -> None:
    there = set(data.schema.names)
    columns = tuple(c for c in table.columns if c.name in there or not c.later)
    expected = arrow_schema(table._replace(columns=columns))
    if data.schema.names != expected.names:
        raise VerificationError(
            f"{path.name}: columns are {', '.join(data.schema.names[:30])}; expected "
            f"{', '.join(expected.names)}."
        )
    for found, wanted in zip(data.schema, expected, strict=True):
        if found.type != wanted.type:
            raise VerificationError(
                f"{path.name}: column {wanted.name} is {found.type}; expected {wanted.type}."
            )
        if not wanted.nullable and data.column(wanted.name).null_count:
            raise VerificationError(f"{path.name}: column {wanted.name} holds nulls.")


def read_csv(
    path: Path, table: Table, max_bytes: int | None = None, *, guarded: bool = True
) -> pd.DataFrame:
    """Read one exported CSV table with the declared types.

    max_bytes: Largest file that is read.
    guarded: Whether the text is guarded as `write_csv` does it; the guard is taken away.
    Raises VerificationError: Whatever is wrong with the file.
    """
    schema = arrow_schema(table)
    options = pyarrow.csv.ConvertOptions(
        column_types=schema, strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    quoted = pyarrow.csv.ParseOptions(newlines_in_values=True)

    def read() -> pd.DataFrame:
        if max_bytes is not None and path.stat().st_size > max_bytes:
            raise _too_large(path, 0, max_bytes)
        data = pyarrow.csv.read_csv(path, convert_options=options, parse_options=quoted)
        _check_schema(data, table, path)
        for i, field in enumerate(data.schema):
            if guarded and pa.types.is_string(field.type):
                data = data.set_column(i, field.name, _without_guard(data.column(i)))
        check_text(data, path.name)
        return _to_pandas(data)

    return _guarded(path, read)


def _to_pandas(data: pa.Table) -> pd.DataFrame:
    for i, field in enumerate(data.schema):
        if pa.types.is_date(field.type):
            data = data.set_column(i, field.name, data.column(i).cast(pa.timestamp("us")))
    frame: pd.DataFrame = data.to_pandas(ignore_metadata=True)
    return frame


def _guarded[T](path: Path, read: Callable[[], T]) -> T:
    """Run a reader; whatever a broken file makes it raise becomes a plain error."""
    try:
        return read()
    except _BROKEN as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise VerificationError(
            f"{path.name} cannot be read ({first}); take it from the export again."
        ) from error


def spec(name: str) -> Table | None:
    """Return the table that a file name belongs to, or None."""
    stem = name.split(".")[0].removesuffix("_changed")
    return TABLES.get(stem)
