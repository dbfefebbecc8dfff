"""What columns that nobody mapped, and ids themselves, say against the numbers that come."""

import re
from collections.abc import Iterator

import ibis
from ibis.backends.duckdb import Backend

from churnlab.events.cleaning.orders import MOST_STATES, is_cancelled
from churnlab.events.cleaning.staging import Staged

_STATUS = re.compile(
    r"status|\bstate\b|상태|ステータス|状態|状态|statut|estado|stato", re.IGNORECASE
)
_CURRENCY = re.compile(r"\bcurrency|currency$|통화|währung|devise|moneda|通貨", re.IGNORECASE)
#: One id with so large a share of the rows, and so many times the mean of all, is no customer's.
GUEST_SHARE, GUEST_TIMES = 0.05, 20


def unsaid(backend: Backend, staged: Staged) -> list[str]:
    """Return notes on unmapped columns: rows called cancelled, amounts in several currencies."""
    notes = []
    if not {"status", "cancelled"} & set(staged.columns):
        for name, states in _values(backend, staged, _STATUS):
            lost = [f"{v} ({n:,})" for v, n in states.items() if is_cancelled(v)]
            if lost:
                notes.append(
                    f"column {name!r} says {', '.join(lost)}, and these rows count as purchases: "
                    "map it with data.purchases.status, and data.purchases.cancelled_values"
                )
    if "amount" in staged.columns:
        for name, held in _values(backend, staged, _CURRENCY):
            if len({v.upper() for v in held}) > 1:
                listed = ", ".join(f"{v} ({n:,})" for v, n in held.items())
                notes.append(
                    f"column {name!r} says {listed}, and amounts are added up as if they were one "
                    "currency: keep one with data.purchases.where, or leave amounts out"
                )
    return notes


def _values(
    backend: Backend, staged: Staged, pattern: re.Pattern[str]
) -> Iterator[tuple[str, dict[str, int]]]:
    """Yield the free columns of text of such a name that hold few values, with their counts."""
    source = staged.source
    used = set(staged.columns.values())
    for name, kind in source.columns.items():
        if name in used or not kind.is_string() or not pattern.search(name):
            continue
        view = backend.table(source.view)
        counted = view.group_by(name).aggregate(n=view.count()).order_by(ibis.desc("n"))
        found = counted.limit(MOST_STATES + 2).to_pyarrow().to_pylist()  # one more may be blank
        if len(found) < MOST_STATES + 2:
            yield name, {r[name].strip(): r["n"] for r in found if (r[name] or "").strip()}


def guests(who: str, most: int, of: int, customers: int) -> list[str]:
    """Return a note where one id has so many rows that it stands for whoever has none.

    who: The customer with the most rows.
    most, of: Theirs, and all.
    """
    if not of or most < GUEST_SHARE * of or most * customers < GUEST_TIMES * of:
        return []
    return [
        f"{who!r} has {most:,} of {of:,} rows of purchases ({most / of:.0%}), "
        f"{most * customers / of:.0f} times the mean: if it stands for guests, leave it out with "
        "data.purchases.where"
    ]
