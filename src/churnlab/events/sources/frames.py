"""Frames in memory as Arrow: pandas of any dtype, and whatever else speaks Arrow."""

import uuid
from os import PathLike
from typing import Any

import pandas as pd
import pyarrow as pa

from churnlab.errors import DataError
from churnlab.events.checks import distinct

type Arrowed = Any
"""A pandas frame, or anything Arrow can take: polars, Arrow tables and datasets, DuckDB
relations, Ibis tables."""


def is_frame(value: Any) -> bool:
    """Whether a value holds rows in memory (a path, or a list of paths, does not)."""
    return not isinstance(value, str | PathLike | list | tuple)


def to_arrow(table: str, data: Arrowed) -> pa.Table:
    """Turn a user's frame into Arrow without guessing; columns of mixed kinds become text.

    Raises DataError: Something that holds no rows, or columns of the same name.
    """
    found = _from_pandas(data) if isinstance(data, pd.DataFrame) else _from_others(table, data)
    names = [str(n) for n in found.column_names]
    distinct(table, "the frame", names)
    return pa.table([_plain(found.column(i)) for i in range(len(names))], names=names)


def _from_pandas(data: pd.DataFrame) -> pa.Table:
    named = [n for n in data.index.names if n is not None and n not in data.columns]
    data = data.reset_index(level=named).reset_index(drop=True) if named else data
    arrays = [_pandas_column(data.iloc[:, i]) for i in range(data.shape[1])]
    return pa.table(arrays, names=[str(c) for c in data.columns])


def _pandas_column(values: pd.Series) -> pa.Array:
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _pandas_column(values.astype(dtype.categories.dtype))
    if isinstance(dtype, pd.PeriodDtype):
        values = values.dt.to_timestamp()
    elif isinstance(dtype, pd.SparseDtype):
        values = values.astype(dtype.subtype)
    elif isinstance(dtype, pd.IntervalDtype):
        return _as_text(values.tolist())
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return _as_text(values.tolist())


def _from_others(table: str, data: Any) -> pa.Table:
    if type(data).__name__ == "LazyFrame":  # of polars
        data = data.collect()
    if hasattr(data, "to_table") and not hasattr(data, "__arrow_c_stream__"):  # a dataset
        data = data.to_table()
    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    try:
        return data if isinstance(data, pa.Table) else pa.table(data)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{table}: a {type(data).__name__} is given; expected a path, a list of paths, or a "
            "frame: pandas, polars, an Arrow table or dataset, a DuckDB relation, an Ibis table."
        ) from error


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    """Give a column a type that the engine has; ids stay what they say."""
    kind = column.type
    if isinstance(kind, pa.UuidType):
        return _as_text(v if v is None else uuid.UUID(bytes=v.bytes) for v in column.to_pylist())
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(column.cast(kind.storage_type))
    if pa.types.is_decimal256(kind) or pa.types.is_interval(kind) or pa.types.is_null(kind):
        return _as_text(column.to_pylist())
    return column


def _as_text(values: Any) -> pa.Array:
    return pa.array([None if _missing(v) else str(v) for v in values], pa.string())


def _missing(value: Any) -> bool:
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))
