"""The weight of two forecasts follows what held out; a family that cannot be fitted is left out."""

from __future__ import annotations

import datetime as dt
import inspect
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import churnlab as cl
from churnlab.candidates import Context, candidate_named
from churnlab.candidates.stacked import Stacked
from churnlab.errors import DataError, FitRefusedError
from churnlab.forecast import boosting, learning
from churnlab.forecast.features import features
from churnlab.forecast.learning import ENOUGH_ORIGINS, LEFT_OUT, Evidence, posterior_weight
from churnlab.forecast.stack import STEP, Stack
from churnlab.origins.panel import Panel
from churnlab.origins.past import Past
from churnlab.origins.targets import Target


def outcome(logit: np.ndarray, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random(len(logit)) < expit(logit)).astype(float)


def test_equal_forecasts_weigh_the_same() -> None:
    z = np.random.default_rng(1).normal(size=500)
    assert posterior_weight(z, z, outcome(z, 2)) == pytest.approx(0.5, rel=1e-12)


def test_the_forecast_that_is_right_gets_the_weight() -> None:
    rng = np.random.default_rng(1)
    truth, noise = rng.normal(size=4000), rng.normal(size=4000)
    y = outcome(truth, 2)
    assert posterior_weight(truth, noise, y) > 0.9
    assert posterior_weight(noise, truth, y) < 0.1


def test_halves_of_the_truth_share_it() -> None:
    """Truth a + b: 2a and 2b are each wrong, their mean is right."""
    a, b = np.random.default_rng(1).normal(size=(2, 6000))
    assert posterior_weight(2 * a, 2 * b, outcome(a + b, 2)) == pytest.approx(0.5, abs=0.08)


def test_more_rows_move_the_weight_further_from_one_half() -> None:
    truth, noise = np.random.default_rng(1).normal(size=(2, 2000))
    y = outcome(truth, 2)
    few, more, all_ = (posterior_weight(truth[:n], noise[:n], y[:n]) for n in (3, 40, 2000))
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


@pytest.mark.parametrize(("days", "origins", "alone"), [(60, 3, False), (55, 4, True)])
def test_the_learner_stands_alone_once_it_has_seen_enough_origins(
    past: Past, days: int, origins: int, alone: bool
) -> None:
    """Fewer are weighed by the latest one."""
    learnt = Stacked().learn(past, Target("fixed_days", float(days)), Context(counts=False))
    assert len(learnt.origins) == origins
    assert (origins >= ENOUGH_ORIGINS) == alone
    assert (learnt.stack.mixed.weight == 1.0) == alone
    assert learnt.evidence is not None
    assert learnt.evidence.origins[-1] == learnt.origins[-1]


@pytest.mark.parametrize(("found", "taken"), [(0.2, 0.5), (0.51, 0.51)])
def test_the_latest_origin_does_not_speak_against_the_learner(
    past: Past, monkeypatch: pytest.MonkeyPatch, found: float, taken: float
) -> None:
    monkeypatch.setattr(learning, "posterior_weight", lambda *_: found)
    learnt = Stacked().learn(past, Target("fixed_days", 60.0), Context(counts=False))
    assert learnt.stack.mixed.weight == taken


def test_one_origin_is_halved_and_judges_nothing(past: Past) -> None:
    learnt = Stacked().learn(past, Target("fixed_days", 120.0), Context(counts=False))
    assert (len(learnt.origins), learnt.stack.mixed.weight) == (1, 0.5)
    assert learnt.evidence is None
    assert learnt.taken
    risk, low, high = learnt.stack.forecast(past, np.full(past.n, 120))
    assert np.isfinite(risk).all()
    assert np.isnan(low).all()
    assert np.isnan(high).all()


@pytest.mark.parametrize(
    ("whole", "days", "refused"), [(True, 179, False), (True, 180, True), (False, 180, False)]
)
def test_windows_that_must_be_whole(past: Past, whole: bool, days: int, refused: bool) -> None:
    """269 days of history hold a window and a half of 179 days."""
    target, context = Target("fixed_days", float(days)), Context(counts=False)
    if refused:
        with pytest.raises(DataError, match=f"no earlier window of {days}d"):
            Stacked().learn(past, target, context, whole=whole)
    else:
        learnt = Stacked().learn(past, target, context, whole=whole)
        assert bool(learnt.note) == (days == 180)


def test_a_model_that_is_refused_leaves_the_others(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise FitRefusedError("none")

    found = candidate_named("stacked")
    monkeypatch.setattr(found.family[1], "learn", refuse)
    learnt = found.learn(past, Target("fixed_days", 30.0), Context(counts=False))
    assert [member.draws.model for member in learnt.stack.family] == ["mbg_nbd"]
    made = found.forecast(past, Target("fixed_days", 30.0), Context(counts=False))
    made.check("stacked", past.n)


def test_what_is_learnt_is_found_again_in_plain_values(past: Past) -> None:
    """The trees are scikit-learn's to twelve digits, and a file's to the last."""
    windows = np.full(past.n, 30)
    learnt = Stacked().learn(past, Target("fixed_days", 30.0), Context(counts=False))
    again = Stack.from_dict(json.loads(json.dumps(learnt.stack.to_dict(), allow_nan=False)))
    for mine, theirs in zip(
        learnt.stack.forecast(past, windows), again.forecast(past, windows), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_a_forecast_lies_inside_its_interval(past: Past) -> None:
    learnt = Stacked().learn(past, Target("fixed_days", 30.0), Context(counts=False))
    risk, low, high = learnt.stack.forecast(past, np.full(past.n, 30))
    assert ((low <= risk - np.minimum(risk, STEP)) & (high >= np.minimum(risk + STEP, 1.0))).all()
    assert ((low >= 0) & (high <= 1)).all()
    assert len(learnt.origins) >= LEFT_OUT
    exact = replace(learnt.stack, spread=np.zeros_like(learnt.stack.spread))
    risk, low, high = exact.forecast(past, np.full(past.n, 30))
    np.testing.assert_allclose(low, np.maximum(risk - 0.005, 0), atol=1e-12)
    np.testing.assert_allclose(high, np.minimum(risk + 0.005, 1), atol=1e-12)


@pytest.mark.parametrize(
    ("groups", "gain", "model"),
    [(3, -4.30, False), (3, -4.31, True), (2, -12.70, False), (2, -12.71, True), (3, 9.0, False)],
)
def test_the_model_is_taken_where_it_is_better_beyond_chance(groups, gain, model) -> None:
    """Student's law: few origins are asked for more."""
    known = Evidence((dt.date(2024, 1, 1),), 100, {}, {}, (0.0,) * groups, gain, 1.0)
    assert known.favours_model == model


def test_origins_are_what_chance_is_reckoned_by(past: Past) -> None:
    known = Stacked().learn(past, Target("fixed_days", 60.0), Context(counts=False)).evidence
    assert known is not None
    assert len(known.gains) == len(known.origins) == 3
    assert known.gain == pytest.approx(sum(known.gains))
    assert known.error == pytest.approx(np.std(known.gains, ddof=1) * 3**0.5)
    rows = sum(past.at(origin).n for origin in known.origins)
    assert known.gain / rows == pytest.approx(known.log_score["stacked"] - known.log_score["model"])


@pytest.mark.parametrize("more", [0, 1])
def test_no_more_customers_are_learnt_from_than_are_asked_for(
    past: Past, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    """Whoever is chosen stays chosen in another order of rows; the shop's trend is everybody's."""
    monkeypatch.setattr(learning, "MOST_CUSTOMERS", past.n - more)
    sample = learning.sample_of(past)
    assert (sample is past) == (more == 0)
    now = (past.origin - dt.date(1970, 1, 1)).days
    assert sample.shop_between(now - 90, now) == past.shop_between(now - 90, now)
    backwards = learning.sample_of(past.part(np.arange(past.n)))
    np.testing.assert_array_equal(sample.customer, backwards.customer)


def test_a_part_is_what_stands_in_the_whole(past: Past) -> None:
    at = np.array([3, 7, 200])
    mine = past.part(at)
    windows = np.full(past.n, 30)
    np.testing.assert_array_equal(features(mine, windows[at])[1], features(past, windows)[1][at])
    inner = past.origin - dt.timedelta(days=60)
    known = np.isin(past.at(inner).customer, mine.customer)
    earlier = features(past.at(inner), windows[: known.size])[1][known]
    np.testing.assert_array_equal(features(mine.at(inner), windows[: known.sum()])[1], earlier)


def test_the_spread_is_the_jackknifes_by_hand() -> None:
    """Two estimates that differ by 2 d have variance d^2: (g - 1) / g times the sum of squares."""
    z = np.linspace(-2, 2, 300)
    knots, spread = learning.spread_by_logit(z, [z - 0.3, z + 0.3])
    assert len(knots) == 3
    assert (np.diff(knots) > 0).all()
    np.testing.assert_allclose(spread, 0.3, rtol=1e-12)
    assert len(learning.spread_by_logit(z, [z])[0]) == 0


@pytest.mark.parametrize(("more", "folds"), [(0, 3), (1, 1)])
def test_few_rows_are_searched_as_the_comparators(more, folds, monkeypatch) -> None:
    """More of them by one fold, so that the search costs no more however many there are."""
    asked = inspect.signature(boosting.search)

    def search(*rows: np.ndarray, **how: Any) -> dict[str, Any]:
        known = asked.bind(*rows, **how)
        known.apply_defaults()
        return known.arguments

    monkeypatch.setattr(learning, "search", search)
    n = boosting.SEARCH_ROWS + more
    some = np.zeros(n)
    found: Any = learning.tuned_for(learning.Rows(some[:, None], some, some.astype(int), some))
    rate = boosting.RATE if folds == boosting.FOLDS else 2 * boosting.RATE
    assert (found["folds"], found["rate"]) == (folds, rate)
