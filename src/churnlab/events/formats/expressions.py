"""SQL that a user states: one expression over the source's own columns, and nothing else.

Conditions (`where`) and amounts (`quantity * price`) come from configuration files that people
pass on. So statements, subqueries, and functions that reach files, the network or the server's
settings are refused before any engine sees them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

_REFUSED = (
    exp.Query,
    exp.Subquery,
    exp.Table,
    exp.Command,
    exp.DDL,
    exp.DML,
    exp.ReadCSV,
    exp.ReadParquet,
    exp.Placeholder,
    exp.Parameter,
    exp.SessionParameter,
    exp.AggFunc,
    exp.Window,
    exp.UDTF,
)
#: Functions that read files, call other servers, wait, or look at settings, in any dialect.
_REACHING = re.compile(
    r"^(pg_|lo_|dblink|read_|parquet_|sniff_|sqlite_|iceberg_|delta_|http|load_|url_|xp_|sys_|"
    r"duckdb_|pragma_|inet_(client|server)|query(_|$)|glob$|getenv|getvariable|current_setting|"
    r"set_config|which_secret|sleep|benchmark$|shell|system|exec|reflect|java_method|"
    r"(database|table|schema|cursor)_to_xml|nextval|setval|txid_|error$|write_|copy_)",
    re.IGNORECASE,
)
_COMPARED = (exp.Predicate, exp.Cast, exp.TryCast)


class NotAnExpressionError(ValueError):
    """Text that is no single SQL expression; says why in one line."""


def parse(text: str, dialect: str = "duckdb") -> exp.Expression:
    """Return the one expression that `text` is.

    Parameters
    ----------
    text : str
        SQL, such as ``kind = 'buy'`` or ``quantity * price``.
    dialect : str
        SQLGlot's name of the engine that will run it.

    Raises
    ------
    NotAnExpressionError
        Nothing, several statements, a query, an aggregate, or a function that reaches beyond rows.
    """
    try:
        found = [e for e in sqlglot.parse(text, dialect=dialect) if e is not None]
    except SqlglotError as error:
        reason = str(error).splitlines()[0].split(". Line", 1)[0]
        raise NotAnExpressionError(f"it cannot be parsed: {reason}") from error
    if len(found) != 1:
        raise NotAnExpressionError(f"it holds {len(found)} statements; expected one expression")
    for node in found[0].walk():
        if isinstance(node, _REFUSED):
            raise NotAnExpressionError(
                f"{node.sql(dialect=dialect)[:60]} is no expression over one row"
            )
        if isinstance(node, exp.Func) and _REACHING.match(_name(node)):
            raise NotAnExpressionError(f"{_name(node)}() reaches beyond the row")
    if not isinstance(found[0], exp.Condition | exp.Column | exp.Identifier | exp.Alias):
        raise NotAnExpressionError("expected one expression over the source's columns")
    if isinstance(found[0], exp.Alias):
        raise NotAnExpressionError("a name after AS is not wanted")
    return found[0]


def _name(node: exp.Func) -> str:
    return str(node.this) if isinstance(node, exp.Anonymous) else node.sql_name()


def columns_of(expression: exp.Expression, present: Iterable[str]) -> list[str] | None:
    """Return the source's columns that an expression uses, or None if it names another."""
    known = {p.lower(): p for p in present}
    named = [c.name for c in expression.find_all(exp.Column)]
    if not named or any(n.lower() not in known for n in named):
        return None
    return list(dict.fromkeys(known[n.lower()] for n in named))


def with_numbers(expression: exp.Expression, numbers: Mapping[str, str]) -> str:
    """Return DuckDB's SQL of an expression that counts with columns of text.

    Parameters
    ----------
    expression : Expression
        See `parse`.
    numbers : mapping
        Column of text -> the column that holds it as a number; used wherever the text is not
        compared with other text or cast by the user.
    """
    lowered = {k.lower(): v for k, v in numbers.items()}

    def change(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Column) and node.name.lower() in lowered and not _is_text(node):
            return exp.column(lowered[node.name.lower()], quoted=True)
        if isinstance(node, exp.Column):
            node.this.set("quoted", True)
        return node

    return str(expression.copy().transform(change).sql(dialect="duckdb"))


def _is_text(column: exp.Column) -> bool:
    """Whether a column stands beside text: a comparison with a literal of text, or a cast."""
    parent = column.parent
    while parent is not None and not isinstance(parent, (*_COMPARED, exp.Binary, exp.Case)):
        parent = parent.parent
    if isinstance(parent, exp.Cast | exp.TryCast):
        return True
    beside = [] if parent is None else list(parent.find_all(exp.Literal))
    return isinstance(parent, exp.Predicate) and any(n.is_string for n in beside)
