"""What the families' SQL is written with; text is in the canonical dialect.

A family's fragment reads a CTE `(grp, x, t_x, age, horizon)` of distinct cells and the CTE
`draws(grp, draw, <parameters>)`, and ends in a CTE with a row for each cell and draw.
"""

from collections.abc import Sequence
from typing import NamedTuple

#: Bound of every exponent (PostgreSQL raises on underflow).
EXPONENT_LIMIT = 700.0
KEYS = "grp, x, t_x, age, horizon"


class Fragment(NamedTuple):
    """CTEs, the name of the last, and what is wanted in terms of a row ``a`` of it."""

    ctes: list[str]
    table: str
    wanted: tuple[str, ...]


def exp_clipped(z: str) -> str:
    """Return EXP with its exponent in [-700, 700]."""
    limit = f"{EXPONENT_LIMIT:.0f}"
    return f"EXP(GREATEST(-{limit}, LEAST({limit}, {z})))"


def values(name: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a CTE of literal rows, as they stand."""
    body = ",\n".join("(" + ", ".join(row) + ")" for row in rows)
    return f"{name} AS (SELECT * FROM (VALUES {body}) AS v({', '.join(columns)}))"


def doubles(
    name: str, codes: tuple[str, ...], columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]
) -> list[str]:
    """Return CTEs of literal rows whose `columns` are cast to doubles once, not row by row."""
    cast = ", ".join(f"CAST(w.{c} AS DOUBLE) AS {c}" for c in columns)
    kept = "".join(f"w.{c}, " for c in codes)
    literals = values(f"{name}_literal", (*codes, *columns), rows)
    return [literals, f"{name} AS (SELECT {kept}{cast} FROM {name}_literal AS w)"]
