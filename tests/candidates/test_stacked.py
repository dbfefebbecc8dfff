"""The weight of two forecasts follows what held out; a family that cannot be fitted is left out."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import churnlab as cl
from churnlab.candidates import Context, candidate_named, stacked
from churnlab.candidates.boosting import ORIGINS, customers_of
from churnlab.candidates.stacked import ENOUGH_ORIGINS, posterior_weight
from churnlab.errors import FitRefusedError
from churnlab.origins.panel import Panel, Past
from churnlab.origins.targets import Target
from churnlab.origins.training import training_for


def outcome(logit: np.ndarray, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random(len(logit)) < expit(logit)).astype(float)


def test_equal_forecasts_weigh_the_same() -> None:
    z = np.random.default_rng(1).normal(size=500)
    assert posterior_weight((z, z), outcome(z, 2)) == pytest.approx(0.5, rel=1e-12)


def test_the_forecast_that_is_right_gets_the_weight() -> None:
    rng = np.random.default_rng(1)
    truth, noise = rng.normal(size=4000), rng.normal(size=4000)
    y = outcome(truth, 2)
    assert posterior_weight((truth, noise), y) > 0.9
    assert posterior_weight((noise, truth), y) < 0.1


def test_halves_of_the_truth_share_it() -> None:
    """Truth a + b: 2a and 2b are each wrong, their mean is right."""
    a, b = np.random.default_rng(1).normal(size=(2, 6000))
    assert posterior_weight((2 * a, 2 * b), outcome(a + b, 2)) == pytest.approx(0.5, abs=0.08)


def test_more_rows_move_the_weight_further_from_one_half() -> None:
    truth, noise = np.random.default_rng(1).normal(size=(2, 2000))
    y = outcome(truth, 2)
    few, more, all_ = (posterior_weight((truth[:n], noise[:n]), y[:n]) for n in (3, 40, 2000))
    assert 0.4 < few < 0.7 < more < all_


@pytest.fixture(scope="module")
def past() -> Past:
    """450 customers of MBG/NBD over 300 days."""
    rng = np.random.default_rng(8)
    frames = []
    for i in range(450):
        rate, p, day = rng.gamma(0.8) / 20, rng.beta(0.8, 3), float(rng.integers(0, 120))
        days = [day]
        while rng.random() > p and (day := day + rng.exponential(1 / rate)) < 300:
            days.append(day)
        frames.append(
            pd.DataFrame({"customer_id": f"c{i:03d}", "offset": np.unique(np.floor(days))})
        )
    rows = pd.concat(frames)
    rows["event_at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rows.pop("offset"), unit="D")
    return Panel.from_log(cl.read_events(purchases=rows, as_of="2024-10-26")).until(
        dt.date(2024, 9, 26)
    )


def test_it_is_a_probability_with_the_first_models_p_alive(past: Past) -> None:
    target, context = Target("fixed_days", 30.0), Context(counts=False)
    found = candidate_named("stacked").forecast(past, target, context)
    plain = candidate_named("mbg_nbd").forecast(past, target, context)
    found.check("stacked", past.n)
    np.testing.assert_array_equal(found.p_alive, plain.p_alive)
    assert 0 <= found.details["weight_of_learner"] <= 1
    assert np.corrcoef(found.risk, plain.risk)[0, 1] > 0.8


@pytest.mark.parametrize(("days", "origins", "weight"), [(60, 3, 0.5), (55, 4, 1.0)])
def test_the_learner_stands_alone_once_it_has_seen_enough_origins(
    past: Past, monkeypatch: pytest.MonkeyPatch, days: int, origins: int, weight: float
) -> None:
    """Fewer are weighed by the latest one: two forecasts that are equal there share the weight."""
    training = training_for(past, Target("fixed_days", float(days)), ORIGINS)
    assert len(training.pasts) == origins
    assert (origins >= ENOUGH_ORIGINS) == (weight == 1.0)
    n, held = len(training.outcome), training.pasts[-1].n
    monkeypatch.setattr(stacked, "_both", lambda *_: (np.zeros(held), np.zeros(held)))
    rows = stacked._Rows(np.zeros((n, 2)), np.zeros((n, 3)))
    found = stacked.Stacked()._weight(training, rows, training.outcome, customers_of(training))
    assert found == pytest.approx(weight, abs=1e-12)


def test_a_model_that_is_refused_leaves_the_others(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise FitRefusedError("none")

    found = candidate_named("stacked")
    monkeypatch.setattr(found.family[1], "windowed_risk", refuse)
    made = found.forecast(past, Target("fixed_days", 30.0), Context(counts=False))
    made.check("stacked", past.n)
