"""Tables to and from files: Parquet and CSV with declared types, by pyarrow, nothing unpickled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from churnlab.errors import VerificationError
from churnlab.events.ids import increasing, ranks
from churnlab.export.tables.columns import DAY, INSTANT, NUMBER, TABLES, TEXT, WHOLE, Column, Table

#: Rows that are turned into text at a time.
_BATCH = 1 << 16

#: A spreadsheet takes text that begins like this for a formula; the apostrophe is the guard itself.
_RISKY = pa.array(list("=+-@\t\r'"))

_TYPES: dict[str, pa.DataType] = {
    TEXT: pa.string(),
    NUMBER: pa.float64(),
    WHOLE: pa.int64(),
    DAY: pa.date32(),
    INSTANT: pa.timestamp("us", tz="UTC"),
}


def arrow_schema(table: Table) -> pa.Schema:
    """Return the Arrow schema; each field carries its meaning, the table its key."""
    fields = [
        pa.field(c.name, _TYPES[c.kind], c.nullable, {"description": c.meaning})
        for c in table.columns
    ]
    return pa.schema(fields, {"key": ",".join(table.key), "purpose": table.purpose})


def to_arrow(frame: pd.DataFrame, table: Table) -> pa.Table:
    """Return the frame with exactly the table's columns and types, sorted by key.

    Raises VerificationError when a column is missing, holds the wrong type, or a key repeats or is
        null.
    """
    missing = [c for c in table.names if c not in frame.columns]
    if missing:
        raise VerificationError(f"{table.name} lacks {', '.join(missing)}.")
    check_keys(frame, table)
    frame = _in_order(frame[table.names], list(table.key))
    arrays = [_array(frame[c.name], c, table) for c in table.columns]
    result = pa.Table.from_arrays(arrays, schema=arrow_schema(table))
    for field in result.schema:
        if not field.nullable and result.column(field.name).null_count:
            raise VerificationError(f"{table.name}.{field.name} holds nulls; expected none.")
    check_text(result, table.name)
    return result


def _in_order(frame: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Return the frame sorted by a key without nulls and repetitions."""
    if _increasing(frame, key):
        return frame.reset_index(drop=True)
    if frame[key].dtypes.eq("object").any():
        return frame.sort_values(key, ignore_index=True)
    order = np.lexsort([_comparable(frame[name]).to_numpy() for name in reversed(key)])
    if (np.diff(order) == 1).all():
        return frame.reset_index(drop=True)
    return frame.take(order).reset_index(drop=True)


def _increasing(frame: pd.DataFrame, key: list[str]) -> bool:
    """Return whether a key is one column of text that rises from row to row."""
    return len(key) == 1 and frame[key[0]].dtype == "str" and increasing(frame[key[0]])


def _comparable(values: pd.Series) -> pd.Series:
    """Return numbers in place of text: in the same order, and as often alike."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return pd.Series(ranks(values.cat.categories)[values.cat.codes], values.index)
    if values.dtype != "str":
        return values
    return pd.Series(ranks(values), values.index)


def _array(values: pd.Series, column: Column, table: Table) -> pa.Array:
    try:
        if column.kind == DAY:
            days = pd.to_datetime(values).to_numpy().astype("datetime64[D]")
            return pa.array(days, type=pa.date32(), from_pandas=True)
        if column.kind == WHOLE:
            whole = pd.to_numeric(values).astype("Int64")
            return pa.array(whole, type=pa.int64(), from_pandas=True)
        if column.kind == NUMBER:
            numbers = pd.to_numeric(values).to_numpy(dtype=float, na_value=np.nan)
            return pa.array(numbers, type=pa.float64(), from_pandas=True)
        if column.kind == TEXT and isinstance(values.dtype, pd.CategoricalDtype):
            return pa.array(values.array).cast(pa.string())
        if column.kind == TEXT and values.dtype != "str":
            values = values.astype("object").where(values.notna(), None)
        return pa.array(values, type=_TYPES[column.kind], from_pandas=True)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise VerificationError(
            f"{table.name}.{column.name} is not {column.kind}: {error}"
        ) from error


def check_keys(frame: pd.DataFrame, table: Table, where: str | None = None) -> None:
    """Refuse null and repeated keys.

    Raises VerificationError: Naming the first of them.
    """
    keys = frame[list(table.key)]
    if keys.isna().any(axis=None):
        raise VerificationError(f"{where or table.name}: the key {', '.join(table.key)} is null.")
    if _increasing(frame, list(table.key)):
        return
    repeated = keys.apply(_comparable).duplicated()
    if repeated.any():
        raise VerificationError(
            f"{where or table.name}: the key {tuple(keys[repeated].iloc[0])!r} occurs twice."
        )


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


def check_text(data: pa.Table, where: str) -> None:
    """Refuse text that not every target can hold: PostgreSQL has no NUL.

    Raises VerificationError: Naming the column and the first such text.
    """
    for field in data.schema:
        if not pa.types.is_string(field.type):
            continue
        column = data.column(field.name)
        bad = pa.compute.match_substring(column, "\0")
        if pa.compute.any(bad).as_py():
            first = column.filter(bad)[0].as_py()
            raise VerificationError(
                f"{where}: column {field.name} holds {first!r}, with a NUL character, which "
                "PostgreSQL cannot hold. Mend it in the source and run again."
            )


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
    except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError, MemoryError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise VerificationError(
            f"{path.name} cannot be read ({first}); take it from the export again."
        ) from error


def spec(name: str) -> Table | None:
    """Return the table that a file name belongs to, or None."""
    stem = name.split(".")[0].removesuffix("_changed")
    return TABLES.get(stem)
