"""Frames as Arrow tables: exactly the declared columns, types and keys, in their order."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from churnlab.errors import VerificationError
from churnlab.events.ids import increasing, ranks
from churnlab.export.tables.columns import DAY, INSTANT, NUMBER, TEXT, WHOLE, Column, Table

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


def check_text(data: pa.Table, where: str) -> None:
    """Refuse text that not every target can hold: PostgreSQL has no NUL.

    Raises VerificationError: Naming the column and the first such text.
    """
    for field in data.schema:
        if not pa.types.is_string(field.type):
            continue
        column = data.column(field.name)
        bad = pc.match_substring(column, "\0")
        if pc.any(bad).as_py():
            first = column.filter(bad)[0].as_py()
            raise VerificationError(
                f"{where}: column {field.name} holds {first!r}, with a NUL character, which "
                "PostgreSQL cannot hold. Mend it in the source and run again."
            )
