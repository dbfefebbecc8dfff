"""Candidates with groups: three poolings on one panel, held out."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from churnlab.backtest import Context, Panel, SplitConfig, Target, candidate_named, run_backtest
from churnlab.backtest.candidates.forecasts import Rows, risk_and_alive
from churnlab.backtest.config import Limits
from churnlab.backtest.tracking import weekly_expected
from churnlab.errors import DataError, FitRefusedError, UsageError
from churnlab.events import EventLog, read_events
from churnlab.simulate import simulate_btyd

START, DAYS = dt.date(2021, 1, 1), 360
ORIGIN = dt.date(2021, 9, 30)
TARGET = Target("fixed_days", 80.0)
LIGHT = Context(draws=200, counts=False, score_draws=32)
POOLINGS = ("partial", "none", "complete")


def grouped_log(seed: int, sizes: list[int], spread: float, *, last: int = 200) -> EventLog:
    """Groups whose mean rates and dropout odds differ by `spread` (sd of their logs)."""
    rng = np.random.default_rng(seed)
    parts = []
    for g, size in enumerate(sizes):
        rate, odds = np.exp(spread * rng.standard_normal(2))
        theta = (1.2, 30.0 / rate, 0.8 * odds, 3.0)
        one = simulate_btyd(
            "mbg_nbd", theta, size, DAYS, rng, start=START, inflow_days=last, prefix=f"g{g}_"
        )
        parts.append(one.purchases.assign(shop=f"shop {g}", kind="even" if g % 2 == 0 else "odd"))
    rows = pd.concat(parts, ignore_index=True)
    first = rows.sort_values("event_at").drop_duplicates("customer_id")
    members = first.rename(columns={"event_at": "signed_up_at"})
    purchases = rows[["customer_id", "event_at"]]
    return read_events(purchases=purchases, members=members, as_of=one.as_of)


def learnt(past, name, context=LIGHT):
    return candidate_named(name).learn(past, context)  # type: ignore[attr-defined]


def losses(log: EventLog, seed: int = 1) -> pd.Series:
    """Mean log loss of the held-out label under each pooling."""
    panel, context = Panel.from_log(log, "shop"), Context(draws=200, counts=False, seed=seed)
    past = panel.until(ORIGIN)
    quiet = panel.counts(past, TARGET.windows(past)) == 0
    found = {}
    for how in POOLINGS:
        risk = candidate_named(f"mbg_nbd+{how}").forecast(past, TARGET, context).risk
        found[how] = -np.log(np.where(quiet, risk, 1 - risk)).mean()
    return pd.Series(found)


@pytest.fixture(scope="module")
def log() -> EventLog:
    return grouped_log(3, [300, 60, 20, 12], 0.6)


@pytest.fixture(scope="module")
def panel(log) -> Panel:
    return Panel.from_log(log, "shop")
