"""Tables to and from files: Parquet and CSV with declared types, by pyarrow, nothing unpickled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from churnlab.errors import VerificationError
from churnlab.export.tables.columns import DAY, INSTANT, NUMBER, TABLES, TEXT, WHOLE, Column, Table

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

    Raises
    ------
    VerificationError
        When a column is missing, holds the wrong type, or a key repeats or is null.
    """
    missing = [c for c in table.names if c not in frame.columns]
    if missing:
        raise VerificationError(f"{table.name} lacks {', '.join(missing)}.")
    frame = frame[table.names].sort_values(list(table.key), ignore_index=True)
    check_keys(frame, table)
    arrays = [_array(frame[c.name], c, table) for c in table.columns]
    result = pa.Table.from_arrays(arrays, schema=arrow_schema(table))
    for field in result.schema:
        if not field.nullable and result.column(field.name).null_count:
            raise VerificationError(f"{table.name}.{field.name} holds nulls; expected none.")
    return result


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
        if column.kind == TEXT:
            values = values.astype("object").where(values.notna(), None)
        return pa.array(values, type=_TYPES[column.kind], from_pandas=True)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise VerificationError(
            f"{table.name}.{column.name} is not {column.kind}: {error}"
        ) from error


def check_keys(frame: pd.DataFrame, table: Table, where: str | None = None) -> None:
    """Refuse null and repeated keys.

    Raises
    ------
    VerificationError
        Naming the first of them.
    """
    keys = frame[list(table.key)]
    if keys.isna().any(axis=None):
        raise VerificationError(f"{where or table.name}: the key {', '.join(table.key)} is null.")
    repeated = keys.duplicated()
    if repeated.any():
        raise VerificationError(
            f"{where or table.name}: the key {tuple(keys[repeated].iloc[0])!r} occurs twice."
        )


def write_parquet(data: pa.Table, path: Path) -> None:
    """Write Parquet."""
    pq.write_table(data, path, compression="zstd")


def write_csv(data: pa.Table, path: Path) -> None:
    """Write CSV: UTF-8, ISO dates, UTC instants with offset, empty for null."""
    for i, field in enumerate(data.schema):
        if pa.types.is_timestamp(field.type):
            text = pa.compute.strftime(data.column(i), format="%Y-%m-%dT%H:%M:%S+00:00")
            data = data.set_column(i, field.name, text)
    pyarrow.csv.write_csv(data, path)


def read_table(path: Path, table: Table) -> pd.DataFrame:
    """Read one exported Parquet table and hold it against its specification.

    Raises
    ------
    VerificationError
        Whatever is wrong with the file, the columns, the types or the keys.
    """

    def read() -> pd.DataFrame:
        # pre-buffering and threads are left out: a broken file then fails in one place
        data = pq.read_table(path, use_threads=False, memory_map=False)
        _check_schema(data, table, path)
        return _to_pandas(data)

    frame = _guarded(path, read)
    check_keys(frame, table, path.name)
    return frame


def _check_schema(data: pa.Table, table: Table, path: Path) -> None:
    expected = arrow_schema(table)
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


def read_csv(path: Path, table: Table) -> pd.DataFrame:
    """Read one exported CSV table with the declared types.

    Raises
    ------
    VerificationError
        Whatever is wrong with the file.
    """
    schema = arrow_schema(table)
    options = pyarrow.csv.ConvertOptions(
        column_types=schema, strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    quoted = pyarrow.csv.ParseOptions(newlines_in_values=True)

    def read() -> pd.DataFrame:
        data = pyarrow.csv.read_csv(path, convert_options=options, parse_options=quoted)
        _check_schema(data, table, path)
        return _to_pandas(data)

    return _guarded(path, read)


def _to_pandas(data: pa.Table) -> pd.DataFrame:
    for i, field in enumerate(data.schema):
        if pa.types.is_date(field.type):
            data = data.set_column(i, field.name, data.column(i).cast(pa.timestamp("us")))
    return data.to_pandas(ignore_metadata=True)


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
