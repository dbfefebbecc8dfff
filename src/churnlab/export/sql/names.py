"""Names from outside, made safe: identifiers quoted by SQLGlot, never pasted into text."""

from sqlglot import exp

from churnlab.bundle.fields import DIALECTS as DIALECTS
from churnlab.errors import UsageError

#: The dialect the canonical text is written in and parsed from.
CANONICAL = "duckdb"
_MAX_LENGTH = 128


def check_identifier(name: str, what: str, dialect: str = CANONICAL) -> str:
    """Refuse a name that cannot be quoted safely in the dialect.

    Quotes, semicolons, spaces and any alphabet are fine. Control characters are not; BigQuery
    has no safe way to write a backtick or a backslash in a name, and splits even quoted names at
    dots.

    Raises UsageError when the name cannot be used.
    """
    bad = {c for c in str(name) if ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) < 0xE000}
    if dialect == "bigquery":
        bad |= {c for c in name if c in "`\\."}
    if not name or bad or len(name) > _MAX_LENGTH:
        raise UsageError(
            f"{what} {name!r} cannot be a name in {dialect} SQL: expected 1 to {_MAX_LENGTH} "
            f"characters without {sorted(bad) if bad else 'control characters'}. Rename it or "
            "make a view."
        )
    return name


def column(name: str, what: str = "column") -> str:
    """Return a quoted column name in the canonical dialect."""
    return exp.to_identifier(check_identifier(name, what), quoted=True).sql(CANONICAL)


def table(name: str, schema: str | None = None) -> str:
    """Return a quoted table name in the canonical dialect; a dot in `name` is part of the name."""
    parts = [exp.to_identifier(check_identifier(name, "table"), quoted=True)]
    if schema:
        parts.insert(0, exp.to_identifier(check_identifier(schema, "schema"), quoted=True))
    return ".".join(part.sql(CANONICAL) for part in parts)


def text(value: str) -> str:
    """Return a string literal in the canonical dialect."""
    return exp.Literal.string(value).sql(CANONICAL)


def number(value: float) -> str:
    """Return a double literal that reads back exactly."""
    return f"CAST({float(value):.17e} AS DOUBLE)"
