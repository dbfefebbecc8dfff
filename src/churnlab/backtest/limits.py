"""What is refused, and what is only marked: each with its reason."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np

from churnlab.backtest.config import Limits
from churnlab.backtest.scores.board import Truth
from churnlab.errors import DataError
from churnlab.origins.past import Past


def refuse_few_customers(past: Past, limits: Limits) -> None:
    """Refuse a backtest with too few purchasers at its last origin."""
    if past.n < limits.least_purchasers:
        raise DataError(
            f"{past.n} purchasers by {past.origin}; a backtest needs at least "
            f"{limits.least_purchasers} (split.limits.least_purchasers). Use more history or a "
            "later origin."
        )


def refuse_few_events(truths: Sequence[Truth], limits: Limits) -> None:
    """Refuse targets with too few events or non-events over all scored origins."""
    for label in dict.fromkeys(t.target.label for t in truths):
        rows = [t for t in truths if t.target.label == label and t.scored]
        events = int(sum(t.outcome.sum() for t in rows))
        others = sum(t.past.n for t in rows) - events
        if min(events, others) < limits.least_events:
            raise DataError(
                f"{label}: {events} customers without a purchase and {others} with one over "
                f"{len(rows)} origin(s); each needs at least {limits.least_events} "
                "(split.limits.least_events). Choose another horizon."
            )


def degradations(
    truths: Sequence[Truth], first_day: dt.date, limits: Limits
) -> list[dict[str, Any]]:
    """Return what weakens the result: short history, few origins, thin classes."""
    found: list[dict[str, Any]] = []
    for label in dict.fromkeys(t.target.label for t in truths):
        rows = [t for t in truths if t.target.label == label and t.scored]
        found += _history(label, rows, first_day, limits)
        found += _origins(label, rows, limits)
        found += _thin(label, rows, limits)
    return found


def _history(
    label: str, rows: list[Truth], first_day: dt.date, limits: Limits
) -> list[dict[str, Any]]:
    history = (rows[0].origin - first_day).days + 1
    wanted = limits.history_factor * rows[0].target.reach_days
    if history >= wanted:
        return []
    said = (
        f"{history} days of history at the first origin {rows[0].origin}; "
        f"{limits.history_factor:g} windows would be {wanted:g} days"
    )
    return [{"target": label, "what": "short_history", "reason": said}]


def _origins(label: str, rows: list[Truth], limits: Limits) -> list[dict[str, Any]]:
    if len(rows) >= limits.least_origins:
        return []
    said = f"{len(rows)} scored origin(s); below {limits.least_origins} `export` refuses"
    return [{"target": label, "what": "few_origins", "reason": said}]


def _thin(label: str, rows: list[Truth], limits: Limits) -> list[dict[str, Any]]:
    thin = set()
    for truth in rows:
        for name, (codes, levels) in truth.slices().items():
            sizes = zip(levels, np.bincount(codes, minlength=len(levels)), strict=True)
            thin |= {f"{name} {v}" for v, n in sizes if 0 < n < limits.thin_cell}
    if not thin:
        return []
    said = f"fewer than {limits.thin_cell} customers at an origin in: {', '.join(sorted(thin))}"
    return [{"target": label, "what": "thin_cells", "reason": said}]
