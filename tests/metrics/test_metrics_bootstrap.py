"""The bootstrap by sums against the slow form: one vector of weights per replicate, row by row."""

from __future__ import annotations

import numpy as np
import pytest

from churnlab.metrics.binary import area_under_curve
from churnlab.metrics.bootstrap import MOST_GROUPS, MOST_LEVELS, CustomerBootstrap, score_levels
from churnlab.metrics.cost import Ranked, least_cost_cut, least_cost_cuts
from churnlab.metrics.paired import replicated_auc
from churnlab.rules import CostRatioRule


def _rows(customers: int, origins: int, seed: int, digits: int = 3):
    """Rows of customers at several origins, in no order; the outcome is likelier at high scores."""
    rng = np.random.default_rng(seed)
    customer = rng.permutation(np.tile(np.arange(customers), origins))
    level = rng.random(customers)  # what a customer's rows share
    score = np.round(np.clip(level[customer] + rng.normal(0, 0.1, customer.size), 0, 1), digits)
    return customer, score, (rng.random(customer.size) < score**2).astype(float)


def _weights(drawn: CustomerBootstrap, customer: np.ndarray) -> np.ndarray:
    return drawn.weights[drawn.group[customer]].T


def test_sums_are_those_of_the_weighted_rows():
    customer, score, outcome = _rows(200, 3, 1)
    drawn = CustomerBootstrap(200, 20, np.random.default_rng(2))
    weights = _weights(drawn, customer)
    assert weights.sum(axis=1) == pytest.approx(600)
    slow = weights @ np.column_stack([score, outcome])
    np.testing.assert_allclose(drawn.sums(customer, [score, outcome]), slow.T, rtol=1e-12)


def test_every_replicated_cut_is_that_of_the_weighted_rows():
    customer, score, outcome = _rows(150, 3, 3, digits=2)
    drawn = CustomerBootstrap(150, 40, np.random.default_rng(4))
    blocks = Ranked.resampled(score, outcome, customer, drawn)
    fast = np.concatenate([least_cost_cuts(block, 1.0, 2.0) for block in blocks])
    slow = [least_cost_cut(score, outcome, 1.0, 2.0, w) for w in _weights(drawn, customer)]
    np.testing.assert_allclose(fast, slow, atol=1e-12)


def test_rows_may_stand_for_several_customers():
    customer, score, outcome = _rows(150, 3, 3, digits=1)
    drawn = CustomerBootstrap(150, 20, np.random.default_rng(4))
    (whole,) = Ranked.resampled(score, outcome, customer, drawn)
    kinds, row = np.unique(np.column_stack([score, outcome]), axis=0, return_inverse=True)
    (same,) = Ranked.resampled(*np.ascontiguousarray(kinds.T), customer, drawn, row)
    for one, other in zip(whole, same, strict=True):
        np.testing.assert_array_equal(one, other)


def test_replicates_do_not_hang_on_the_size_of_a_block(monkeypatch):
    customer, score, outcome = _rows(100, 2, 5)
    drawn = CustomerBootstrap(100, 30, np.random.default_rng(6))
    (whole,) = Ranked.resampled(score, outcome, customer, drawn)
    monkeypatch.setattr("churnlab.metrics.bootstrap._BLOCK", 7 * 2 * len(whole.score))
    parts = list(Ranked.resampled(score, outcome, customer, drawn))
    assert [p.size.shape[1] for p in parts] == [7, 7, 7, 7, 2]
    np.testing.assert_array_equal(np.hstack([p.events for p in parts]), whole.events)


@pytest.mark.parametrize("customers", [120, 2000])
def test_auc_to_first_order_moves_as_the_exact_one(customers):
    """What is left out is of order 1/n: far below the spread of the replicates."""
    customer, score, outcome = _rows(customers, 2, 7, digits=2)
    drawn = CustomerBootstrap(customers, 100, np.random.default_rng(8))
    area, fast = replicated_auc(drawn, customer, score, outcome)
    slow = np.array([area_under_curve(score, outcome, w) for w in _weights(drawn, customer)])
    assert area == pytest.approx(area_under_curve(score, outcome))
    assert np.abs(fast - slow).max() < 6 / customers
    assert np.abs(fast - slow).std() < 0.1 * slow.std()


def test_auc_of_a_perfect_ranking_stays_within_its_range():
    outcome = np.repeat([0.0, 1.0], 50)
    drawn = CustomerBootstrap(100, 20, np.random.default_rng(1))
    area, many = replicated_auc(drawn, np.arange(100), np.arange(100.0), outcome)
    assert area == 1
    np.testing.assert_allclose(many, 1)
    assert np.isnan(replicated_auc(drawn, np.arange(100), outcome, np.zeros(100))[0])


def test_random_groups_spread_as_single_customers_do():
    """Customers sorted by score: groups by position would hide nearly all of the spread."""
    n, rng = 3 * MOST_GROUPS, np.random.default_rng(9)
    score = np.sort(rng.random(n))
    outcome = (rng.random(n) < score).astype(float)
    drawn = CustomerBootstrap(n, 400, rng)
    fast = drawn.sums(np.arange(n), [score])[0] / n
    assert fast.std() == pytest.approx(score.std() / n**0.5, rel=0.12)  # 3 standard errors of it
    blocks = Ranked.resampled(score, outcome, np.arange(n), drawn)
    cuts = np.concatenate([least_cost_cuts(block, 1.0, 1.0) for block in blocks])
    # the slow form: every customer a weight of its own, every distinct score a level
    draws = (np.bincount(rng.integers(0, n, n), minlength=n).astype(float) for _ in range(100))
    slow = np.array([least_cost_cut(score, outcome, 1.0, 1.0, w) for w in draws])
    assert cuts.std() == pytest.approx(slow.std(), rel=0.3)  # 100 replicates: 7% and heavy tails
    assert cuts.mean() == pytest.approx(slow.mean(), abs=0.5 * slow.std())


@pytest.mark.parametrize("extra", [0, 1])
def test_customers_are_grouped_only_beyond_the_limit(extra):
    drawn = CustomerBootstrap(MOST_GROUPS + extra, 1, np.random.default_rng(1))
    sizes = np.bincount(drawn.group)
    assert len(drawn.weights) == len(sizes) == MOST_GROUPS
    assert (sizes.max(), (sizes == 2).sum()) == (1 + extra, extra)


@pytest.mark.parametrize("extra", [0, 1])
def test_scores_are_pooled_only_beyond_the_limit(extra):
    score = np.random.default_rng(1).permutation(MOST_LEVELS + extra) / 7.0
    levels, code = score_levels(score, np.ones(score.size))
    assert len(levels) == MOST_LEVELS
    np.testing.assert_allclose(levels[code], score, atol=1 / 7 / 2 * extra + 1e-12)


def test_pooled_scores_keep_their_order_and_their_sum():
    score = np.random.default_rng(2).gamma(0.3, size=5000).round(3)
    levels, code = score_levels(score, np.ones(score.size), most=100)
    assert len(levels) <= 100
    assert (np.diff(levels) > 0).all()
    assert levels[code].sum() == pytest.approx(score.sum())
    order = np.argsort(score, kind="stable")
    assert (np.diff(code[order]) >= 0).all()
    # equal scores stay together, so a level is larger only where one score alone is
    assert np.bincount(code)[1:].max() <= max(2 * 50, np.unique(score, return_counts=True)[1].max())


def test_a_learnt_interval_does_not_hang_on_the_order_of_rows():
    customer, score, outcome = _rows(MOST_GROUPS + 1000, 1, 11, digits=9)
    rule = CostRatioRule(
        learn="always", replicates=20, cost_contact_wasted=1.0, cost_churn_missed=1.0
    )
    order = np.random.default_rng(1).permutation(score.size)
    one, other = (
        rule.choose(score[i], outcome[i], basis="p_alive", customer=customer[i],
                    rng=np.random.default_rng(2))
        for i in (slice(None), order)
    )  # fmt: skip
    assert one.low < one.high
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=1e-12)


def test_customers_are_drawn_and_not_their_rows():
    """Ten copies of each customer's row say nothing new: means spread as far as before."""
    value, customer = np.random.default_rng(7).random(300), np.arange(300)
    drawn = CustomerBootstrap(300, 50, np.random.default_rng(1))
    one = drawn.sums(customer, [value, np.ones(300)])
    ten = drawn.sums(np.tile(customer, 10), [np.tile(value, 10), np.ones(3000)])
    np.testing.assert_allclose(ten[0] / ten[1], one[0] / one[1], rtol=1e-12)
