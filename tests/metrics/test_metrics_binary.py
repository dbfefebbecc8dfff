"""Scores of probabilities against scikit-learn and tables worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from churnlab.errors import UsageError
from churnlab.metrics import corp_split
from churnlab.metrics.binary import (
    area_under_curve,
    bias,
    brier,
    calibration_verdicts,
    jeffreys_interval,
    lift_at_capacity,
    log_score,
)
from churnlab.metrics.corp import isotonic_fit


@pytest.fixture
def case() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    risk = np.round(rng.beta(0.7, 0.9, 400), 2)  # rounded: plenty of ties
    outcome = (rng.random(400) < 0.2 + 0.5 * risk).astype(float)
    return risk, outcome, rng.integers(0, 4, 400).astype(float)


def test_agrees_with_scikit_learn(case):
    risk, y, w = case
    inside = np.clip(risk, 0.01, 0.99)
    assert brier(risk, y, w) == pytest.approx(brier_score_loss(y, risk, sample_weight=w), abs=1e-12)
    assert log_score(inside, y, w) == pytest.approx(log_loss(y, inside, sample_weight=w), abs=1e-13)
    assert area_under_curve(risk, y, w) == pytest.approx(
        roc_auc_score(y, risk, sample_weight=w), abs=1e-13
    )


def test_auc_by_hand_with_ties():
    # pairs (1, 0): .9>.5, .9>.2, .5=.5 (half), .5>.2 -> 3.5 of 4
    assert area_under_curve([0.9, 0.5, 0.5, 0.2], [1, 1, 0, 0]) == 0.875


def test_auc_of_a_score_that_is_no_probability_and_of_one_class():
    assert area_under_curve([400.0, 3.0], [1, 0]) == 1.0
    assert np.isnan(area_under_curve([0.1, 0.2], [1, 1]))


def test_weights_are_counts(case):
    risk, y, w = case
    repeat = w.astype(int)
    many = np.repeat(risk, repeat), np.repeat(y, repeat)
    for score in (brier, log_score, bias, area_under_curve):
        assert score(risk, y, w) == pytest.approx(score(*many), abs=1e-12)
    assert corp_split(risk, y, w) == pytest.approx(corp_split(*many), abs=1e-12)
    assert lift_at_capacity(risk, y, 0.13, w) == pytest.approx(
        lift_at_capacity(*many, 0.13), abs=1e-12
    )


def test_corp_parts_add_up_and_match_isotonic_regression(case):
    risk, y, w = case
    split = corp_split(risk, y, w)
    fitted = IsotonicRegression(out_of_bounds="clip").fit_transform(risk, y, sample_weight=w)
    recalibrated = np.average((fitted - y) ** 2, weights=w)
    assert split.mcb - split.dsc + split.unc == pytest.approx(split.brier, abs=1e-12)
    assert split.brier == brier(risk, y, w)
    assert split.mcb == pytest.approx(split.brier - recalibrated, abs=1e-12)
    assert split.mcb > 0
    assert split.dsc > 0


def test_corp_by_hand():
    # risks .2 .4 .6 .8, outcomes 0 1 0 1: pooling .4 and .6 gives 0, 1/2, 1/2, 1
    split = corp_split([0.2, 0.4, 0.6, 0.8], [0, 1, 0, 1])
    assert split.brier == pytest.approx((0.04 + 0.36 + 0.36 + 0.04) / 4)
    assert split.unc == 0.25
    assert split.dsc == pytest.approx(0.25 - (0.25 + 0.25) / 4)
    assert split.mcb == pytest.approx(0.2 - 0.125)


def test_a_constant_forecast_of_the_rate_has_no_mcb_and_no_dsc():
    split = corp_split(np.full(8, 0.25), [0, 0, 0, 1] * 2)
    assert split == pytest.approx((0.1875, 0.0, 0.0, 0.1875))


def test_isotonic_fit_is_a_function_of_the_score(case):
    risk, y, w = case
    order = np.random.default_rng(2).permutation(risk.size)
    one, other = isotonic_fit(risk, y, w), isotonic_fit(risk[order], y[order], w[order])
    np.testing.assert_allclose(one.rate, other.rate, atol=1e-12)
    assert (np.diff(one.rate) >= 0).all()


def test_bias_and_lift_by_hand():
    assert bias([0.5, 0.5, 0.5], [1, 0, 0]) == pytest.approx(0.5)
    # top half: both events -> rate 1 against .5
    assert lift_at_capacity([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0], 0.5) == 2.0
    # all tied: contacting any half reaches the average rate
    assert lift_at_capacity([0.3] * 4, [1, 1, 0, 0], 0.5) == 1.0


@pytest.mark.parametrize(
    ("risk", "outcome", "words"),
    [
        ([0.2, 1.4], [0, 1], r"within \[0, 1\]; got 0.2 to 1.4"),
        ([0.2, np.nan], [0, 1], "1 of 2 values are not"),
        ([0.2, 0.3], [0, 2], "outcome must be 0 or 1"),
        ([0.2, 0.3], [0], "differ in length: 2 and 1"),
        ([], [], "non-empty"),
    ],
)
def test_bad_input_is_said_plainly(risk, outcome, words):
    with pytest.raises(UsageError, match=words):
        brier(risk, outcome)


def test_jeffreys_interval_holds_its_own_estimate():
    """0 of 1 is 0%, not 0.2% to 77.1%."""
    k, n = (v.ravel() for v in np.meshgrid(np.arange(31), np.arange(1, 31)))
    k, n = k[k <= n], n[k <= n]
    low, high = jeffreys_interval(k, n)
    assert ((low <= k / n) & (k / n <= high)).all()
    inside = (k > 0) & (k < n)
    np.testing.assert_allclose(low[inside], beta.ppf(0.05, k + 0.5, n - k + 0.5)[inside])
    assert (low[k == 0] == 0).all()
    assert (high[k == n] == 1).all()
    assert high[(k == 0) & (n == 1)] == pytest.approx(0.7706, abs=1e-3)
    assert np.isnan(jeffreys_interval(0, 0)).all()


def test_verdicts_are_for_all_lines_together():
    """A forecast outside its own 90% interval may fit among many; alone it does not."""
    low, high = jeffreys_interval(30, 100)
    beyond = high + 1e-6
    assert calibration_verdicts([beyond], [30], [100]) == ["forecast too high"]
    assert calibration_verdicts([low - 1e-6], [30], [100]) == ["forecast too low"]
    many = calibration_verdicts([beyond, *[0.3] * 9], [30] * 10, [100] * 10)
    assert many == ["fits"] * 10
    # the edge of ten lines at once is that of one line at 99%
    edge = jeffreys_interval(30, 100, 0.99)[1]
    just = [calibration_verdicts([edge + d, *[0.3] * 9], [30] * 10, [100] * 10)[0]
            for d in (-1e-9, 1e-9)]  # fmt: skip
    assert just == ["fits", "forecast too high"]
    assert calibration_verdicts([0.5, beyond], [0, 30], [0, 100]) == [None, "forecast too high"]


def test_right_forecasts_fit_all_together_in_nine_runs_of_ten():
    rng = np.random.default_rng(4)
    p = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    fits = [set(calibration_verdicts(p, rng.binomial(200, p), np.full(5, 200))) == {"fits"}
            for _ in range(400)]  # fmt: skip
    assert 0.9 - 3 * np.sqrt(0.09 / 400) <= np.mean(fits) <= 0.99
