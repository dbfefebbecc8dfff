"""Recalibration by a map that the past has chosen: it helps, or it is none."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from churnlab.backtest.scores.board import Entry, Truth, predictions_frame
from churnlab.backtest.scores.recalibrated import IDENTITY, chosen_map, recalibrated_entry
from churnlab.origins.targets import Target

CUSTOMERS = 1500


def _entries(distort, seed: int, origins: int = 4) -> list[Entry]:
    """One forecast an origin: `distort(truth, origin)` of the risks that outcomes follow."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(origins):
        risk = rng.beta(1.2, 2.0, CUSTOMERS)
        past = SimpleNamespace(
            origin=dt.date(2020, 1, 1) + dt.timedelta(days=90 * i), customer=np.arange(CUSTOMERS)
        )
        windows = np.full(CUSTOMERS, 90)
        counts = (rng.random(CUSTOMERS) >= risk).astype(int)
        truth = Truth(past, None, True, windows, counts)
        mapped = distort(risk, i)
        found.append(Entry(truth, "made_up", "model", "plain", mapped, mapped))
    return found


def _brier(entry: Entry) -> float:
    return float(((entry.risk - entry.truth.outcome) ** 2).mean())


def test_a_steady_distortion_is_undone():
    *past, now = _entries(lambda risk, _: risk**0.4, 1)
    made = recalibrated_entry(now, past, "auto")
    assert made.details["recalibration"] != IDENTITY
    assert _brier(made) < _brier(now) - 0.02
    assert abs(np.mean(made.risk - now.truth.outcome)) < 0.03


def test_a_calibrated_forecast_is_left_as_it_is():
    kept = [chosen_map(_entries(lambda risk, _: risk, seed)) == IDENTITY for seed in range(40)]
    assert np.mean(kept) >= 0.9


def test_a_distortion_that_turns_with_every_origin_is_left_as_it_is():
    """What one window taught is wrong in the next: isotonic does harm, auto does none."""
    *past, now = _entries(lambda risk, i: risk ** (0.5, 2.0)[i % 2], 2)
    assert _brier(recalibrated_entry(now, past[:-2], "isotonic")) > 1.05 * _brier(now)
    made = recalibrated_entry(now, past, "auto")
    assert made.details["recalibration"] == IDENTITY
    np.testing.assert_array_equal(made.risk, now.risk)


@pytest.mark.parametrize(("origins", "plain"), [(1, True), (2, True), (3, False)])
def test_auto_asks_for_three_earlier_origins_before_it_maps(origins, plain):
    """The first to learn from, two to be held out: what helped at one may harm at the next."""
    past = _entries(lambda risk, _: risk**0.4, 3, origins)
    assert (chosen_map(past) == IDENTITY) is plain


def test_outcomes_that_are_not_known_yet_are_not_learnt_from():
    *past, now = _entries(lambda risk, _: risk**0.4, 4)
    near = now.truth.origin + dt.timedelta(days=-1)
    past[-1].truth.past.origin = near
    alone = recalibrated_entry(now, past[:-1], "platt")
    np.testing.assert_array_equal(recalibrated_entry(now, past, "platt").risk, alone.risk)
    assert recalibrated_entry(now, past[-1:], "platt") is None


def test_predictions_are_of_the_scored_origins_alone():
    """So that means over them are the scores: what is only learnt from stays out."""
    first, then = _entries(lambda risk, _: risk, 5, 2)
    both = [
        replace(e, truth=replace(e.truth, target=Target("fixed_days", 90.0), scored=e is then))
        for e in (first, then)
    ]
    rows = predictions_frame(both, np.arange(CUSTOMERS))
    assert rows["origin"].unique().tolist() == [then.truth.origin.isoformat()]
    assert len(rows) == CUSTOMERS
