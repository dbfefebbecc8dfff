"""Customers who are alike are one row: the same scores, decisions and maps as row by row."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from churnlab.backtest.scores.board import Entry, Truth, entry_of
from churnlab.backtest.scores.decisions import cost_differences, decide, rules_frame
from churnlab.backtest.scores.evaluate import calibration_frame, scores_frame
from churnlab.backtest.scores.recalibrated import recalibrated_entry
from churnlab.backtest.scores.resample import Resample
from churnlab.candidates.base import Forecast
from churnlab.events import DataConfig, open_log
from churnlab.origins.panel import Panel
from churnlab.origins.targets import Target
from churnlab.rules import CalibratedRule, CostRatioRule, Costs

COSTS = {"contact_cost": 1.0, "save_probability": 0.05, "value_per_customer": 40.0}
ORIGINS = (dt.date(1997, 9, 30), dt.date(1997, 12, 31), dt.date(1998, 3, 31))


def _entries(origins=ORIGINS) -> list[Entry]:
    """Forecasts of a formula in what is known of a customer, and the flag of a cut on idle days."""
    panel = Panel.from_log(open_log(DataConfig(name="cdnow")))
    found = []
    for day in origins:
        past = panel.until(day)
        truth = Truth.at(panel, past, Target("fixed_days", 90.0), scored=day != origins[0])
        risk = np.clip(0.3 + past.idle / 500 - 0.05 * past.x, 0.01, 0.99)
        pmf = np.column_stack([risk, 1 - risk, np.zeros((past.n, 30))])
        for name, forecast in {
            "formula": Forecast(risk, day, risk, 1 - risk / 2, 1 - risk, pmf),
            "hiatus": Forecast(past.idle, day, flag=past.idle > 90),
        }.items():
            found.append(entry_of(truth, name, "model", forecast))
    return found


def _row_by_row(entry: Entry) -> Entry:
    code = entry.cells.code
    names = ("score", "risk", "p_alive", "expected", "crps", "flag")
    arrays = {n: v[code] for n in names if (v := getattr(entry, n)) is not None}
    return replace(entry, shared=None, **arrays)


@pytest.fixture(scope="module")
def pairs() -> tuple[list[Entry], list[Entry]]:
    entries = _entries()
    return entries, [_row_by_row(e) for e in entries]


def _rng(*parts: object) -> np.random.Generator:
    return np.random.default_rng(len(str(parts)))


def test_alike_customers_are_one_row(pairs):
    together, apart = pairs
    for one, other in zip(together, apart, strict=True):
        assert one.size.sum() == other.score.size == one.truth.past.n
        assert one.score.size < 0.95 * other.score.size
        np.testing.assert_array_equal(one.score[one.cells.code], other.score)


def test_scores_costs_and_maps_are_those_row_by_row(pairs):
    tables = []
    for entries in pairs:
        resample = Resample(3000, 50, np.random.default_rng(1))
        past, last = entries[0], entries[4]
        mapped = [recalibrated_entry(last, [past], "isotonic")]
        every = [*entries, *(e for e in mapped if e is not None)]
        rules = {
            "calibrated": CalibratedRule(),
            "cost_ratio": CostRatioRule(learn="always", **COSTS),
        }
        made = decide(every, rules, Costs(**COSTS), resample, _rng)
        assert {d.rule for d in made} == {"calibrated", "cost_ratio", "own_cutoff"}
        tables.append(
            (
                scores_frame(every, resample, 50),
                rules_frame(made, Costs(**COSTS)),
                cost_differences(made),
                calibration_frame(every, _rng),
            )
        )
    for one, other in zip(*tables, strict=True):
        assert len(one)
        pd.testing.assert_frame_equal(one, other, rtol=1e-9)


def test_a_forecast_that_tells_alike_customers_apart_stays_row_by_row(pairs):
    entry = pairs[1][0]
    score = entry.score.copy()
    twin = int(np.flatnonzero(np.bincount(entry.truth.cells.code) > 1)[0])
    score[np.flatnonzero(entry.truth.cells.code == twin)[0]] += 1e-9
    found = entry_of(entry.truth, "own", "model", Forecast(score, entry.truth.origin))
    assert found.shared is None
    np.testing.assert_array_equal(found.score, score)
