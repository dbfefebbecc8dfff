"""What the families' SQL is written with; text is in the canonical dialect.

A family's fragment takes the CTE `windowed(grp, x, t_x, age, horizon)` of distinct cells and
`draws(grp, draw, <parameters>)`, and ends in the CTE `per_draw` with the columns of the first and
`alive`; `Fragment.risk` is its risk in terms of a row ``a`` of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

#: Bound of every exponent (PostgreSQL raises on underflow).
EXPONENT_LIMIT = 700.0
KEYS = "grp, x, t_x, age, horizon"


class Fragment(NamedTuple):
    """P(alive) and risk of each cell under each draw."""

    ctes: list[str]
    risk: str
    constants: list[str]
    """CTEs of constants that the others read; they come first."""


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
