"""Costs of decisions, by hand and against the isotonic twin."""

from __future__ import annotations

import numpy as np
import pytest

from churnlab.metrics.corp import isotonic_fit
from churnlab.metrics.cost import cost_curve, cost_of_flags, least_cost_cut, realised_cost, regret

RISK, OUTCOME = np.array([0.9, 0.7, 0.4, 0.1]), np.array([1.0, 0.0, 1.0, 0.0])


def test_costs_by_hand():
    # cut .5 flags the first two: one wasted contact, one churn missed
    np.testing.assert_array_equal(cost_of_flags([1, 1, 0, 0], OUTCOME, 2.0, 5.0), [0, 2, 5, 0])
    assert realised_cost(RISK, OUTCOME, 0.5, 2.0, 5.0) == 7 / 4
    # cut between .1 and .4: one wasted contact only
    assert least_cost_cut(RISK, OUTCOME, 2.0, 5.0) == pytest.approx(0.25)
    assert regret(RISK, OUTCOME, 0.5, 2.0, 5.0) == pytest.approx(7 / 4 - 2 / 4)


def test_nobody_and_everybody():
    assert least_cost_cut(RISK, OUTCOME, 100.0, 1.0) == pytest.approx(0.8)
    assert least_cost_cut(RISK, np.zeros(4), 1.0, 1.0) == 1.0
    assert least_cost_cut(RISK, np.ones(4), 1.0, 1.0) == 0.0


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("ratio", [0.1, 0.35, 0.6])
def test_least_cost_is_where_the_isotonic_map_passes_the_ratio(seed, ratio):
    rng = np.random.default_rng(seed)
    risk = np.round(rng.random(300), 2)
    outcome = (rng.random(300) < risk**2).astype(float)
    cut = least_cost_cut(risk, outcome, ratio, 1 - ratio)
    fit = isotonic_fit(risk, outcome)
    mapped = fit.rate[np.searchsorted(fit.score, risk)] > ratio
    by_map = np.average(cost_of_flags(mapped, outcome, ratio, 1 - ratio))
    assert realised_cost(risk, outcome, cut, ratio, 1 - ratio) == pytest.approx(by_map, abs=1e-12)
    np.testing.assert_array_equal(risk >= cut, mapped)


def test_the_curve_agrees_with_single_cuts_and_the_least_is_on_it():
    rng = np.random.default_rng(9)
    risk, outcome = rng.random(200), (rng.random(200) < 0.4).astype(float)
    weight = rng.integers(0, 3, 200).astype(float)
    cuts = np.linspace(0, 1, 11)
    curve = cost_curve(risk, outcome, cuts, 1.0, 3.0, weight)
    single = [realised_cost(risk, outcome, c, 1.0, 3.0, weight) for c in cuts]
    np.testing.assert_allclose(curve["cost_per_customer"], single, atol=1e-12)
    best = least_cost_cut(risk, outcome, 1.0, 3.0, weight)
    assert realised_cost(risk, outcome, best, 1.0, 3.0, weight) <= min(single) + 1e-12
    flagged = risk >= 0.3
    row = curve.iloc[3]
    assert row["flagged_share"] == pytest.approx(np.average(flagged, weights=weight))
    assert row["precision"] == pytest.approx(np.average(outcome[flagged], weights=weight[flagged]))
    assert row["recall"] == pytest.approx(np.average(flagged, weights=weight * outcome))
