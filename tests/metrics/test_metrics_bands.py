"""Consistency bands, paired intervals and recalibration on simulated data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import isotonic_regression
from sklearn.linear_model import LogisticRegression

from churnlab.errors import UsageError
from churnlab.metrics import calibrator, corp_split
from churnlab.metrics.binary import brier
from churnlab.metrics.bootstrap import cluster_weights
from churnlab.metrics.recalibration import (
    PSEUDO_CUSTOMERS,
    BetaCalibrator,
    IsotonicCalibrator,
    PlattCalibrator,
    ShrunkIsotonicCalibrator,
)
from churnlab.metrics.reliability import reliability_curve


def _band_coverage(simulations: int, replicates: int) -> float:
    rng = np.random.default_rng(5)
    inside = []
    for _ in range(simulations):
        risk = rng.beta(1.2, 2.0, 400)
        outcome = (rng.random(400) < risk).astype(float)
        curve = reliability_curve(risk, outcome, rng, points=12, replicates=replicates)
        middle = curve.iloc[1:-1]
        inside.append(
            ((middle["observed"] >= middle["low"]) & (middle["observed"] <= middle["high"])).mean()
        )
    return float(np.mean(inside))


def test_consistency_bands_cover_at_their_nominal_rate_short():
    # 60 curves of correlated points: standard error about .015; 100 replicates lose about .01
    assert 0.85 < _band_coverage(60, 100) < 0.95


@pytest.mark.slow
def test_consistency_bands_cover_at_their_nominal_rate():
    assert 0.885 < _band_coverage(600, 400) < 0.915


def test_a_miscalibrated_forecast_leaves_the_band():
    rng = np.random.default_rng(6)
    truth = rng.beta(1.2, 2.0, 3000)
    outcome = (rng.random(3000) < truth).astype(float)
    curve = reliability_curve(np.sqrt(truth), outcome, rng, points=15)
    outside = (curve["observed"] < curve["low"]) | (curve["observed"] > curve["high"])
    assert outside.mean() > 0.7
    assert curve["n"].sum() == 3000


def test_cluster_weights_are_counts_of_a_resample():
    weights = cluster_weights(50, 20, np.random.default_rng(1))
    assert weights.shape == (20, 50)
    np.testing.assert_array_equal(weights.sum(axis=1), 50)


@pytest.mark.parametrize("name", ["isotonic", "shrunk_isotonic", "platt", "beta"])
def test_recalibration_learnt_on_one_half_removes_mcb_on_the_other(name):
    rng = np.random.default_rng(10)
    truth = rng.beta(1.2, 2.0, 8000)
    outcome = (rng.random(8000) < truth).astype(float)
    risk = truth**0.4
    learnt = calibrator(name).learn(risk[:4000], outcome[:4000])
    before = corp_split(risk[4000:], outcome[4000:])
    after = corp_split(learnt(risk[4000:]), outcome[4000:])
    assert after.mcb < 0.2 * before.mcb
    assert (np.diff(learnt(np.linspace(0, 1, 200))) >= -1e-12).all()


def test_beta_calibration_agrees_with_an_unpenalised_logistic_regression():
    rng = np.random.default_rng(11)
    risk = rng.beta(1.2, 2.0, 3000)
    outcome = (rng.random(3000) < risk**1.5).astype(float)
    learnt = BetaCalibrator.learn(risk, outcome)
    features = np.column_stack([np.log(risk), -np.log1p(-risk)])
    peer = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(features, outcome)
    np.testing.assert_allclose(learnt(risk), peer.predict_proba(features)[:, 1], atol=2e-3)
    assert brier(learnt(risk), outcome) < brier(risk, outcome)


def test_isotonic_calibrator_is_flat_beyond_what_it_saw_and_off_zero_and_one():
    learnt = IsotonicCalibrator.learn([0.2, 0.3, 0.6], [0, 0, 1])
    # two customers without an event: half an event in three; one with: the mirror image
    np.testing.assert_allclose(learnt([0.0, 0.25, 0.9]), [0.5 / 3, 0.5 / 3, 1 - 0.5 / 2])


def test_one_customer_alone_on_the_top_step_caps_nobody_else():
    """2,000 customers of whom 94% do not buy, and above them one who does not."""
    risk = np.append(np.repeat([0.5, 0.8, 0.9], [1000, 1000, 2000]), 0.99)
    outcome = np.append(np.repeat([1, 0] * 3, [400, 600, 700, 300, 1880, 120]), 1)
    learnt = IsotonicCalibrator.learn(risk, outcome)
    np.testing.assert_allclose(learnt([0.5, 0.8, 0.9]), [0.4, 0.7, 0.94])
    np.testing.assert_allclose(learnt([0.99, 1.0]), 0.94)  # drawn in, never below the step beneath
    mirrored = IsotonicCalibrator.learn(1 - risk, 1 - outcome)
    np.testing.assert_allclose(mirrored([0.0, 0.1, 0.2, 0.5]), [0.06, 0.06, 0.3, 0.6])


@pytest.mark.parametrize("outcome", [0, 1])
def test_a_single_step_is_drawn_in_by_half_an_event(outcome):
    learnt = IsotonicCalibrator.learn([0.2, 0.3, 0.6], [outcome] * 3)
    np.testing.assert_allclose(learnt([0.4]), [0.125, 0.875][outcome])


def test_a_shrunk_step_weighs_its_customers_against_its_forecasts():
    """100 customers at .2 of whom 40 do not buy, and one at .9 who does not either."""
    learnt = ShrunkIsotonicCalibrator.learn(
        np.repeat([0.2, 0.9], [100, 1]), [1] * 40 + [0] * 60 + [1]
    )
    by_hand = [(40 + PSEUDO_CUSTOMERS * 0.2) / (100 + PSEUDO_CUSTOMERS),
               (1 + PSEUDO_CUSTOMERS * 0.9) / (1 + PSEUDO_CUSTOMERS)]  # fmt: skip
    np.testing.assert_allclose(learnt([0.2, 0.9]), by_hand)


def test_platt_is_a_logistic_regression_on_the_logit():
    rng = np.random.default_rng(12)
    risk = rng.beta(1.2, 2.0, 3000)
    logit = np.log(risk / (1 - risk))
    outcome = (rng.random(3000) < 1 / (1 + np.exp(-0.6 * logit - 0.3))).astype(float)
    learnt = PlattCalibrator.learn(risk, outcome)
    peer = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(logit[:, None], outcome)
    np.testing.assert_allclose(learnt(risk), peer.predict_proba(logit[:, None])[:, 1], atol=2e-3)
    assert learnt.a == learnt.b


def test_an_unknown_recalibration_is_said_plainly():
    with pytest.raises(UsageError, match="Did you mean 'isotonic'"):
        calibrator("isotonix")


@pytest.mark.parametrize(("distinct", "pooled"), [(4096, False), (4097, True)])
def test_a_band_of_more_forecasts_than_are_told_apart_pools_neighbours(distinct, pooled):
    rng = np.random.default_rng(12)
    risk = rng.permutation(np.linspace(0.05, 0.6, distinct))
    outcome = (rng.random(distinct) < risk).astype(float)
    curve = reliability_curve(risk, outcome, np.random.default_rng(1), points=9, replicates=200)
    # the slow form: every forecast an outcome of its own
    p, draw = np.sort(risk), np.random.default_rng(1)
    many = [
        np.interp(curve["forecast"], p, isotonic_regression(draw.binomial(1, p)).x)
        for _ in range(200)
    ]
    low, high = np.quantile(many, (0.05, 0.95), axis=0)
    assert np.allclose(low, curve["low"], rtol=0, atol=1e-12) is not pooled
    # widths of about .07 from 200 replicates: 10%; the ends of an isotonic map are wilder
    np.testing.assert_allclose((curve["high"] - curve["low"])[1:-1], (high - low)[1:-1], rtol=0.3)
    np.testing.assert_allclose(curve["low"][1:-1], low[1:-1], atol=0.03)


def test_a_weighted_curve_is_that_of_the_repeated_rows():
    rng = np.random.default_rng(13)
    risk, weight = rng.random(300), rng.integers(1, 5, 300).astype(float)
    outcome = (rng.random(300) < risk).astype(float)
    n = weight.astype(int)
    one = reliability_curve(risk, outcome, np.random.default_rng(1), weight=weight, points=20)
    many = reliability_curve(
        np.repeat(risk, n), np.repeat(outcome, n), np.random.default_rng(1), points=20
    )
    pd.testing.assert_frame_equal(one, many)
