"""Columns that are SQL expressions over the source's own: amounts, and times of two columns."""

from collections.abc import Mapping
from typing import Any

import ibis
from ibis.backends.duckdb import Backend

from churnlab import engine
from churnlab.errors import DataError
from churnlab.events.schema import Mapped
from churnlab.formats import expressions
from churnlab.formats.text import strip


def result_of(column: str) -> str:
    """Return the name of the column that holds what comes of an expression."""
    return f"churnlab result {column}"


def counted_text(picked: Any, computed: list[Mapped]) -> set[str]:
    """Return the columns of text that numbers are computed of."""
    inputs = {c for m in computed if m.column.kind == "number" for c in m.inputs}
    return {c for c in inputs if picked[c].type().is_string()}


def compute(
    backend: Backend, picked: Any, table: str, computed: list[Mapped], numbers: Mapping[str, Any]
) -> Any:
    """Return the rows with a column for every expression.

    picked: Ibis table of the inputs.
    table: The table of the contract.
    computed: The expressions.
    numbers: Column of text -> the number that it is read as (`counted_text`).
    Raises DataError: The engine refuses an expression.
    """
    named = {c: f"churnlab number {c}" for c in numbers}
    view, name = f"numbers_{table}", f"computed_{table}"
    backend.create_view(view, picked.mutate(**{named[c]: n for c, n in numbers.items()}))
    added = ", ".join(_sql(m, named) for m in computed)
    try:
        backend.raw_sql(f"CREATE TABLE {name} AS SELECT *, {added} FROM {view}")
    except engine.DuckDBError as error:
        raise DataError(
            f"{table}: {', '.join(m.source for m in computed)!r} is refused "
            f"({engine.plain_message(error)}). Expected an SQL expression over the source's own "
            "columns, such as quantity * price."
        ) from error
    return backend.table(name)


def _sql(mapped: Mapped, numbers: dict[str, str]) -> str:
    """Return the SQL of one expression: a number, or the text of a time."""
    number = mapped.column.kind == "number"
    sql = expressions.with_numbers(expressions.parse(mapped.source), numbers if number else {})
    kind = "DOUBLE" if number else "VARCHAR"
    return f"TRY_CAST(({sql}) AS {kind}) AS {engine.identifier(result_of(mapped.column.name))}"


def uncomputed(picked: Any, mapped: Mapped) -> Any:
    """Return what the inputs say where no number comes of them, although none is missing."""
    value = picked[result_of(mapped.column.name)]
    inputs = [strip(picked[c].cast("string")) for c in mapped.inputs]
    said_all = ibis.and_(*(i.notnull() for i in inputs))
    text = ibis.literal(" | ").join(inputs)
    return ibis.ifelse(value.isnull() & said_all, text, ibis.null("string"))
