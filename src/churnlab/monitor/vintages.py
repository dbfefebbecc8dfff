"""Forecasts of past days against what has come true since, vintage by vintage."""

import datetime as dt
from typing import NamedTuple

import numpy as np
import pandas as pd

from churnlab.bundle import ScoringBundle
from churnlab.events import EventLog
from churnlab.metrics import corp_split
from churnlab.posterior import RiskConfig, risk_by_draw
from churnlab.summary import summarise
from churnlab.types import Array

#: Fewer elapsed days than this say nothing yet.
MIN_DAYS = 7


class Vintage(NamedTuple):
    """The forecasts made on one day, and what came of them.

    The event is "no purchase within the window": what `purchase_risk` is about.
    """

    as_of: str
    days: int
    """Days of the window seen."""
    horizon_days: int
    matured: bool
    n: int
    expected: float
    """Sum of the forecasts."""
    observed: float
    bias: float | None
    """(expected - observed) over the rarer of the two outcomes: purchases, or none."""
    z: float
    """(expected - observed) over its standard error: chance and parameter uncertainty."""
    brier: float | None
    mcb: float | None
    mcb_noise: float | None
    """The miscalibration that chance alone would show on average."""


def vintages(
    rules: ScoringBundle, log: EventLog, horizon_days: int, step_days: int
) -> list[Vintage]:
    """Score the bundle's own day and every `step_days` since, as far as outcomes are known.

    Raises UsageError when a customer's group has no draws in the bundle.
    """
    days = log.days("purchases")
    found, start = [], rules.as_of
    while (log.as_of - start).days >= MIN_DAYS:
        seen = min(horizon_days, (log.as_of - start).days)
        found.append(_vintage(rules, log, days, start, seen, horizon_days))
        start += dt.timedelta(step_days)
    return found


def _vintage(
    rules: ScoringBundle, log: EventLog, days: pd.DataFrame, start: dt.date, seen: int, horizon: int
) -> Vintage:
    rule = rules.purchases
    summary = rule.timed(summarise(log, start, group=rules.grouping or None))
    cells, people = summary.cells, summary.customers
    window = RiskConfig(basis="fixed_days", horizon_days=seen)
    quiet = risk_by_draw(rule.draws, cells, window, ahead=summary.ahead)
    total = cells.weight @ quiet
    risk = quiet.mean(axis=1)[people["cell"]]
    last, first = pd.Timestamp(start), pd.Timestamp(start) + pd.Timedelta(days=seen)
    bought = days.loc[(days["day"] > last) & (days["day"] <= first), "customer_id"].unique()
    outcome = np.where(people["customer_id"].isin(bought), 0.0, 1.0)
    return _measured(start, seen, horizon, risk, outcome, float(total.var()))


def _measured(
    start: dt.date, seen: int, horizon: int, risk: Array, outcome: Array, parameter: float
) -> Vintage:
    expected, observed = float(risk.sum()), float(outcome.sum())
    spread = float(np.sqrt((risk * (1 - risk)).sum() + parameter))
    rarer = min(observed, len(outcome) - observed)
    split = corp_split(risk, outcome) if rarer else None
    return Vintage(
        start.isoformat(),
        seen,
        horizon,
        seen >= horizon,
        len(outcome),
        expected,
        observed,
        (expected - observed) / rarer if rarer else None,
        (expected - observed) / spread if spread else 0.0,
        split.brier if split else None,
        split.mcb if split else None,
        _chance_mcb(risk) if split else None,
    )


def _chance_mcb(risk: Array, replicates: int = 5) -> float:
    """Mean miscalibration of a perfect forecast on as many customers: isotonic fits overfit."""
    rng = np.random.default_rng(0)  # a property of the forecasts, not of the run
    drawn = [
        corp_split(risk, (rng.random(len(risk)) < risk).astype(float)) for _ in range(replicates)
    ]
    return float(np.mean([split.mcb for split in drawn]))
