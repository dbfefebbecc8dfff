"""SQL that a user states: one expression over the source's own columns, and nothing else.

Conditions (`where`) and amounts (`quantity * price`) come from configuration files that people
pass on. So nothing but comparisons, arithmetic and a list of plain functions reaches any engine: no
statements, subqueries, aggregates, and no function that could see files, the network, the clock or
the server's settings, known today or not.
"""

from collections.abc import Iterable, Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

#: What an expression may be made of: values, columns, comparisons and arithmetic,
_PARTS = (
    "Column Identifier Literal Boolean Null Paren Tuple Bracket DataType DataTypeParam "
    "Interval Var And Or Xor Not Neg Is In Between EQ NEQ GT GTE LT LTE NullSafeEQ "
    "NullSafeNEQ Like ILike Escape SimilarTo RegexpLike RegexpILike RegexpFullMatch Add Sub "
    "Mul Div IntDiv Mod Pow DPipe BitwiseAnd BitwiseOr BitwiseXor BitwiseNot BitwiseLeftShift "
    "BitwiseRightShift Case If Cast TryCast AtTimeZone JSONExtract JSONExtractScalar "
    "JSONBExtract JSONBExtractScalar JSONPath JSONPathRoot JSONPathKey JSONPathSubscript"
)
#: and functions of a row's values alone, whose results are no larger than what they are given.
_FUNCTIONS = (
    "Coalesce Nullif Greatest Least Abs Ceil Floor Round Trunc Sign Sqrt Exp Ln Log IsNan "
    "IsInf Lower Upper Initcap Trim Left Right Substring Split SplitPart Replace Translate "
    "Reverse Length Concat ConcatWs Contains StartsWith EndsWith StrPosition RegexpExtract "
    "RegexpReplace MD5 Date DateTrunc TimestampTrunc DateDiff TimestampDiff DateAdd DateSub "
    "TimestampAdd TimestampSub Extract Year Quarter Month Week WeekOfYear Day DayOfMonth "
    "DayOfWeek DayOfWeekIso DayOfYear Hour Minute Second Dayname Monthname LastDay StrToDate "
    "StrToTime TimeToStr TimeToUnix UnixToTime TsOrDsToDate"
)
_ALLOWED = frozenset(getattr(exp, name) for name in (*_PARTS.split(), *_FUNCTIONS.split()))
#: Functions of the same kind that SQLGlot has no type for.
_NAMED = ("date_part", "datepart", "try_strptime", "weekday", "strip_accents", "epoch_ms")
_COMPARED = (exp.Predicate, exp.Cast, exp.TryCast)


class NotAnExpressionError(ValueError):
    """Text that is no single SQL expression; says why in one line."""


def parse(text: str, dialect: str = "duckdb") -> exp.Expression:
    """Return the one expression that `text` is.

    text: SQL, such as ``kind = 'buy'`` or ``quantity * price``.
    dialect: SQLGlot's name of the engine that will run it.
    Raises NotAnExpressionError: Nothing, several statements, or anything that is not on the list of
        what is plain.
    """
    try:
        found = [e for e in sqlglot.parse(text, dialect=dialect) if e is not None]
    except SqlglotError as error:
        reason = str(error).splitlines()[0].split(". Line", 1)[0]
        raise NotAnExpressionError(f"it cannot be parsed: {reason}") from error
    if len(found) != 1:
        raise NotAnExpressionError(f"it holds {len(found)} statements; expected one expression")
    for node in found[0].walk():
        if not _is_plain(node):
            raise NotAnExpressionError(
                f"{node.sql(dialect=dialect)[:60]} is not allowed: only comparisons, arithmetic "
                "and plain functions of one row's values are"
            )
    return found[0]


def _is_plain(node: exp.Expression) -> bool:
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower() in _NAMED
    return type(node) in _ALLOWED


def columns_of(expression: exp.Expression, present: Iterable[str]) -> list[str] | None:
    """Return the source's columns that an expression uses, or None if it names another."""
    known = {p.lower(): p for p in present}
    named = [c.name for c in expression.find_all(exp.Column)]
    if not named or any(n.lower() not in known for n in named):
        return None
    return list(dict.fromkeys(known[n.lower()] for n in named))


def with_numbers(expression: exp.Expression, numbers: Mapping[str, str]) -> str:
    """Return DuckDB's SQL of an expression that counts with columns of text.

    expression: See `parse`.
    numbers: Column of text -> the column that holds it as a number; used wherever the text is not
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
