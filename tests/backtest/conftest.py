"""Small simulated panels for the harness."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from churnlab.events import EventLog, read_events

START = dt.date(2020, 1, 1)


def simulate_log(
    n: int,
    days: int,
    seed: int,
    *,
    gap_days: tuple[float, float] = (5.0, 80.0),
    regularity: float = 1.0,
    dropout: float = 0.08,
    entry: float = 0.4,
) -> EventLog:
    """Customers with own mean gaps (log-uniform), gamma gaps, a dropout toss per purchase."""
    rng = np.random.default_rng(seed)
    rows = []
    mean = np.exp(rng.uniform(np.log(gap_days[0]), np.log(gap_days[1]), n))
    first = rng.integers(0, max(1, int(entry * days)), n)
    for i in range(n):
        day = float(first[i])
        while day < days:
            rows.append((f"c{i:05d}", int(day)))
            if rng.random() < dropout:
                break
            day += max(1.0, rng.gamma(regularity) * mean[i] / regularity)
    frame = pd.DataFrame(rows, columns=["customer_id", "day"]).drop_duplicates()
    frame["event_at"] = pd.Timestamp(START) + pd.to_timedelta(frame["day"], unit="D")
    as_of = START + dt.timedelta(days=days - 1)
    return read_events(purchases=frame[["customer_id", "event_at"]], as_of=as_of)


@pytest.fixture(scope="session")
def small_log() -> EventLog:
    """600 customers with own cycles over 400 days."""
    return simulate_log(600, 400, 1)


@pytest.fixture(scope="session")
def cdnow() -> EventLog:
    """The embedded CDNOW sample."""
    from churnlab.events import DataConfig, open_log

    return open_log(DataConfig(name="cdnow"))
