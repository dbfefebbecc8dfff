"""Small logs for the journeys, written as baskets."""

from __future__ import annotations

import pandas as pd
import pytest

from churnlab.events import EventLog, log_from_frames

START = pd.Timestamp("2024-01-01")


def purchases(baskets: list[tuple[str, float, str]]) -> pd.DataFrame:
    """Rows of (customer, day since the start, items such as ``"A B"``)."""
    rows = [
        {
            "customer_id": who,
            "event_at": START + pd.Timedelta(seconds=round(day * 86_400)),
            "item": i,
        }
        for who, day, items in baskets
        for i in items.split()
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def make_log():
    """Return a log of baskets, known until a day after the start (default: 100 later)."""

    def make(baskets, *, days: int = 100, **tables) -> EventLog:
        frames = {"purchases": purchases(baskets), **tables}
        return log_from_frames(frames, as_of=(START + pd.Timedelta(days=days)).date())

    return make
