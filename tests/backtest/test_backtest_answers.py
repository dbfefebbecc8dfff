"""The harness tells apart data on which the simple rule suffices and data on which it does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churnlab.backtest import SplitConfig, run_backtest
from churnlab.backtest.config import Limits
from churnlab.backtest.scores.resample import simultaneous_high
from churnlab.rules import CostRatioRule

from .conftest import simulate_log

LIMITS = Limits(least_purchasers=200, least_events=50)
#: A message too many and a customer too few cost 1 each.
RULES = {
    "cost_ratio": CostRatioRule(contact_cost=1.0, save_probability=0.05, value_per_customer=40.0)
}


def test_without_signal_beyond_recency_the_simple_rule_is_as_good():
    """One rate and one dropout for everybody: idle days are all there is to know."""
    log = simulate_log(900, 500, 3, gap_days=(20.0, 20.001), dropout=0.1, entry=0.5)
    split = SplitConfig(origins=3, horizon_days=[40], limits=LIMITS, counts=False)
    result = run_backtest(log, candidates=["mbg_nbd_ml", "gradient_boosting"], split=split)
    brier = result.summary["comparisons"][0]
    assert brier["metric"] == "brier"
    assert brier["simple_is_as_good"]
    assert "the simple rule (recency alone) is" in result.answers[0]


def test_with_personal_cycles_the_personal_threshold_wins():
    log = simulate_log(5000, 500, 4, gap_days=(3.0, 120.0), dropout=0.06, entry=0.4)
    split = SplitConfig(
        origins=3, horizon_days=[30], limits=LIMITS, counts=False, recalibration="isotonic"
    )
    result = run_backtest(log, candidates=["mbg_nbd_ml"], split=split, rules=RULES)
    brier, cost = result.summary["comparisons"]
    assert brier["adjusted_high"] < 0
    assert cost["adjusted_high"] < 0
    # the bar is the best of all simple rules, not one that was named beforehand
    scores = result.headline().query("kind == 'baseline'")
    assert brier["simple_value"] == pytest.approx(scores["brier"].min())
    assert (brier["simple"], cost["simple"]) == ("rfm", "rfm")
    assert "for rfm (recalibrated), the best of 4 simple rules" in result.answers[0]
    assert cost["rule"] == "cost_ratio"
    for answer in result.answers:  # the strong comparator was not asked, and that is said
        assert "is better than the simple rule" in answer
        assert "gradient boosting was not among the candidates" in answer
    rows = result.differences.query("metric == 'cost' and origin == 'all' and variant == 'plain'")
    model = rows[rows["candidate"] == "mbg_nbd_ml"].iloc[0]
    assert model["q95"] < 0
    assert model["n_origins"] == 3


def test_the_bound_for_the_best_of_many_is_wider_than_for_one():
    rng = np.random.default_rng(1)
    draws = rng.normal(0, 1, (20, 2000))
    one = simultaneous_high([0.0], [draws[0]])
    many = simultaneous_high([0.0] * 20, list(draws))
    assert one[0] == pytest.approx(1.645, abs=0.1)
    assert many.max() == pytest.approx(2.8, abs=0.2)  # 95% quantile of the largest of 20 normals


def test_differences_are_those_of_the_scores(small_log):
    split = SplitConfig(origins=2, horizon_days=[45], limits=LIMITS, replicates=40, counts=False)
    result = run_backtest(small_log, candidates=["mbg_nbd_ml"], split=split)
    rows = result.differences.query(
        "metric == 'brier' and candidate == 'mbg_nbd_ml' and variant == 'plain'"
    ).set_index("origin")["difference"]
    for origin in result.summary["origins"]:
        ours = result.score("brier", "mbg_nbd_ml", origin=origin)
        bar = result.score("brier", "recency_logistic", origin=origin)
        assert rows[origin] == pytest.approx(ours - bar, abs=1e-12)
    assert rows["all"] == pytest.approx(rows.drop("all").mean(), abs=1e-12)


def test_costs_add_up_from_precision_and_recall(small_log):
    split = SplitConfig(origins=2, horizon_days=[45], limits=LIMITS, replicates=20, counts=False)
    result = run_backtest(small_log, candidates=["mbg_nbd_ml"], split=split, rules=RULES)
    rules = result.rules.dropna(subset=["cost_per_customer", "precision"])
    rate = result.scores.query("metric == 'event_rate' and slice == 'all' and variant == 'plain'")
    rate = rate.set_index(["origin", "candidate"])["value"]
    base = pd.Series([rate[o, "recency"] for o in rules["origin"]], index=rules.index)
    wasted = rules["flagged_share"] * (1 - rules["precision"])
    missed = base * (1 - rules["recall"])
    np.testing.assert_allclose(rules["cost_per_customer"], wasted + missed, atol=1e-12)
    assert (rules["regret"] >= -1e-12).all()
