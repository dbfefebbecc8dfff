"""Forecasts of an earlier run: found where nothing they depend on has changed, and bit-equal."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from churnlab.backtest import Context, Forecast, Panel, SplitConfig, Target, reusing, run_backtest
from churnlab.backtest.config import Limits
from churnlab.backtest.scores.board import PER_ROW, Truth
from churnlab.candidates.baselines import Recency
from churnlab.origins.cache import FitCache
from churnlab.runs.hashing import content_hash as about_hash
from churnlab.runs.hashing import frame_hash

from .conftest import simulate_log

ORIGINS = ["2020-08-01", "2020-09-15"]
SPLIT = SplitConfig(
    origins=ORIGINS, horizon_days=[45], warmup=0, replicates=30,
    limits=Limits(least_purchasers=200, least_events=50),
)  # fmt: skip
CANDIDATES = ["mbg_nbd_ml", "gradient_boosting"]


def backtest(log, folder=None):
    return run_backtest(log, candidates=CANDIDATES, split=SPLIT, cache_dir=folder)


@pytest.fixture(scope="module")
def grown():
    """A log, and the same log a week earlier, when some customers had yet to come."""
    log = simulate_log(900, 365, 3, entry=1.0)
    return log, log.until(log.as_of - dt.timedelta(days=7))


def found(result):
    """Return all that was found, as content: its tables, and its summary without the counts."""
    about = {k: v for k, v in result.summary.items() if k not in ("fits", "forecasts")}
    return about_hash(about), {name: frame_hash(table) for name, table in result.tables.items()}


def test_a_week_more_finds_every_forecast_and_changes_no_result(grown, tmp_path):
    now, before = grown
    made = backtest(before, tmp_path).summary["forecasts"]["made"]
    again = backtest(now, tmp_path)
    assert Panel.from_log(now).ids.size > Panel.from_log(before).ids.size
    assert again.summary["forecasts"] == {"made": 0, "kept": made}
    assert again.reused["forecasts"] == f"{made} of {made} forecasts"
    assert found(again) == found(backtest(now))


class Count(Recency):
    """Counts how often it is asked, and gives what a forecast can hold."""

    asked = 0

    def forecast(self, past, target, context):
        """Forecast by idle days."""
        type(self).asked += 1
        risk = past.idle / (past.idle.max() + 1.0)
        told = {"cut": np.float64(0.1), "on": True}
        return Forecast(past.idle, past.origin, risk=risk, details=told, notes=("a note",))


@pytest.fixture
def asked(grown, tmp_path):
    """Ask a candidate at an origin; return the entry, and whether it was made now."""
    panel = Panel.from_log(grown[1])

    def ask(origin="2020-08-01", length=45.0, events=None, **context):
        known = panel if events is None else replace(panel, events=events(panel.events))
        past, target = known.until(dt.date.fromisoformat(origin)), Target("fixed_days", length)
        truth = Truth.at(known, past, target, scored=True)
        candidate, before = Count(), Count.asked
        candidate.known_by = context.pop("known_by", ("count", None))
        entry = reusing.entry_at(truth, candidate, Context(cache=FitCache(tmp_path), **context))
        return entry, Count.asked > before

    return ask


def test_a_stored_entry_is_the_one_that_was_made(asked):
    (made, new), (kept, again) = asked(), asked()
    assert (new, again) == (True, False)
    assert kept.notes == made.notes
    assert dict(kept.details) == dict(made.details) == {"cut": 0.1, "on": True}
    for name in PER_ROW:
        np.testing.assert_array_equal(getattr(kept, name), getattr(made, name))
    assert kept.shared is not None
    np.testing.assert_array_equal(kept.cells.code, made.cells.code)


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "2020-08-02"},
        {"length": 46.0},
        {"seed": 2},
        {"draws": 999},
        {"counts": False},
        {"known_by": ("count", 2)},
        {"events": lambda e: replace(e, day=e.day - (np.arange(e.day.size) == e.day.argmin()))},
        {"events": lambda e: replace(e, amount=np.ones(e.day.size))},
        {"events": lambda e: replace(e, group=e.group + 1, group_names=("a", "b"))},
    ],
)
def test_whatever_a_forecast_depends_on_is_in_its_key(asked, change):
    asked()
    assert asked(**change)[1]
    assert not asked()[1]


def test_other_source_and_other_packages_take_nothing(asked, monkeypatch):
    asked()
    for name, other in (("source_hash", lambda: "other"), ("versions", lambda: {"numpy": "0"})):
        with monkeypatch.context() as patched:
            patched.setattr(reusing, name, other)
            assert asked()[1]
    assert not asked()[1]


def test_own_candidates_forecast_each_time(asked):
    assert all(asked(known_by=None)[1] for _ in range(2))
