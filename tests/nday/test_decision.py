"""L5-L9: reach, organic share, waste, break-even, value over N, policies, cost ratio, power."""

from __future__ import annotations

import numpy as np
import pytest

from churnlab.errors import UsageError
from churnlab.nday.decide import value as nday
from churnlab.nday.decide.decision import _best, best_table, organic_table, value_table
from churnlab.nday.decide.power import signups_needed

from .simulators import cure_hazard

COSTS = nday.NdayCosts(margin=20, coupon=5, message=0.1, organic_redemption=0.6, revenue=50)


def _curve(draws=200, seed=0):
    """Draws around a cure curve."""
    hazard = cure_hazard()
    scale = np.exp(0.05 * np.random.default_rng(seed).standard_normal((draws, 1)))
    return 1 - np.cumprod(1 - hazard * scale, axis=1)


G = _curve()
AGES = list(range(1, 25))


def test_l5_reach_organic_and_waste_by_counting_people():
    rng = np.random.default_rng(1)
    one = G[:1]
    # 400,000 people with a day of purchase each, 31 for never.
    share = np.append(np.diff(one[0], prepend=0.0), 1 - one[0, -1])
    bought = rng.choice(32, size=400_000, p=share)
    for age in (1, 5, 12):
        left = bought >= age
        organic = left & (bought <= 30)
        assert nday.reach(one, [age])[0, 0] == pytest.approx(left.mean(), abs=0.004)
        assert nday.organic_after(one, [age])[0, 0] == pytest.approx(
            organic.sum() / left.sum(), abs=0.004
        )
        assert nday.waste(one, [age], COSTS)[0, 0] == pytest.approx(
            organic.mean() * 0.6 * 5, abs=0.01
        )


def test_l7_value_by_simulating_the_policy():
    """The books of a simulated shop: margins earned less coupons and messages, against none."""
    rng = np.random.default_rng(2)
    one, age, u = G[:1], 8, 0.07
    share = np.append(np.diff(one[0], prepend=0.0), 1 - one[0, -1])
    n = 1_000_000
    bought = rng.choice(32, size=n, p=share)
    messaged = bought >= age
    organic = messaged & (bought <= 30)
    persuaded = messaged & ~organic & (rng.random(n) < u / (1 - organic.sum() / messaged.sum()))
    redeemed = organic & (rng.random(n) < 0.6)
    gain = persuaded.sum() * (20 - 5) - redeemed.sum() * 5 - messaged.sum() * 0.1
    assert nday.value(one, [age], np.full((1, 1), u), COSTS)[0, 0] == pytest.approx(
        gain / n, abs=0.012
    )


def test_break_even_is_where_value_is_zero_and_zero_uplift_never_pays():
    u = nday.break_even(G, AGES, COSTS)
    assert np.abs(nday.value(G, AGES, u, COSTS)).max() < 1e-12
    assert (nday.value(G, AGES, np.zeros_like(u), COSTS) < 0).all()
    free = nday.NdayCosts(margin=20, coupon=5, message=0, organic_redemption=0, revenue=50)
    assert (nday.value(G, AGES, np.zeros_like(u), free) == 0).all()


def test_relations():
    assert (np.diff(nday.reach(G, AGES), axis=1) <= 0).all()
    assert (np.diff(nday.organic_after(G, AGES), axis=1) <= 1e-12).all()
    dear = nday.NdayCosts(margin=20, coupon=5, message=0.1, organic_redemption=0.9, revenue=50)
    assert (nday.break_even(G, AGES, dear) > nday.break_even(G, AGES, COSTS)).all()
    u = nday.uplift(G, AGES, 0.999, np.ones((1, G.shape[1])))
    assert (u <= 1 - nday.organic_after(G, AGES) + 1e-12).all()


def test_l6_fading_attention_calls_for_an_earlier_message():
    band = nday.attention_band([4.0, 40.0], G.shape[1])
    best = best_table(G, AGES, band, [0.1], COSTS, n=10).set_index("reading")["best_n"]
    assert best["half_life_4d"] < best["half_life_40d"]


def test_both_readings_give_opposite_advice_from_one_curve():
    readings = {"never_converts": np.ones((1, 31)), **nday.attention_band([4.0], 31)}
    best = best_table(G, AGES, readings, [0.08], COSTS, n=10).set_index("reading")
    assert best.loc["never_converts", "best_n"] - best.loc["half_life_4d", "best_n"] >= 8


def test_l7_probabilities_and_regret():
    table = value_table(G, AGES, {"steady": np.ones((1, 31))}, [0.02, 0.1], COSTS)
    for _, part in table.groupby("u0"):
        assert part["p_best"].sum() == pytest.approx(1.0)
        assert (part["regret"] >= 0).all()
        assert part["regret"].idxmin() in part.nlargest(2, "value").index
    best = best_table(G, AGES, {"steady": np.ones((1, 31))}, [0.1], COSTS, n=10).iloc[0]
    shown = table[(table["u0"] == 0.1) & (table["n"] == 10)].iloc[0]
    assert best["regret_n"] == pytest.approx(shown["regret"])
    assert best["value_n"] == pytest.approx(shown["value"])


def test_l8_rule_against_raising_for_everybody():
    """With every buyer organic and none persuaded, raising for all pays them all."""
    best = best_table(G, AGES, {"steady": np.ones((1, 31))}, [0.02], COSTS, n=10).iloc[0]
    everyone = 0.02 * 15 - G[:, -1].mean() * 0.6 * 5 - 0.1
    assert best["value_all"] == pytest.approx(everyone, abs=1e-9)
    assert best["p_rule_beats_all"] == 1.0
    # With immense uplift and attention that is gone after two days the order turns.
    gone = nday.attention_band([1.0], 31)
    turned = best_table(G, AGES, gone, [0.5], COSTS, n=10).iloc[0]
    assert turned["p_rule_beats_all"] == 0.0
    assert turned["advice"] == "everyone"
    none = best_table(G, AGES, gone, [1e-6], COSTS, n=10).iloc[0]
    assert none["advice"] == "none"


def test_l9_cost_ratio_with_and_without_organic_buyers():
    u = np.full((len(G), 1), 0.04)
    both, extra = nday.cost_ratio(G, [10], u, COSTS)
    o = nday.organic_after(G, [10])
    assert both == pytest.approx((0.04 * 5 + o * 3 + 0.1) / ((0.04 + o) * 50))
    assert extra == pytest.approx((0.04 * 5 + 0.1) / (0.04 * 50))


def test_day_index_renames_the_days_only():
    zero = organic_table(G, AGES, COSTS, 0)
    one = organic_table(G, AGES, COSTS, 1)
    assert (one["n"] == zero["n"] + 1).all()
    assert (one.drop(columns="n") == zero.drop(columns="n")).all().all()


@pytest.mark.parametrize(
    "bad",
    [
        {"margin": -1.0},
        {"coupon": -1.0},
        {"message": -0.1},
        {"margin": 5.0, "coupon": 5.0},
        {"organic_redemption": 1.2},
        {"revenue": 0.0},
        {"margin": float("nan")},
    ],
)
def test_costs_are_checked(bad):
    with pytest.raises(UsageError):
        nday.NdayCosts(**bad)


def test_power_is_the_power():
    size = signups_needed(0.03, organic=0.1, reach=0.7, holdout_share=0.2)
    rng = np.random.default_rng(3)
    p1 = rng.binomial(size.treat, 0.13, 20_000) / size.treat
    p0 = rng.binomial(size.holdout, 0.10, 20_000) / size.holdout
    pooled = (p1 * size.treat + p0 * size.holdout) / size.eligible
    se = np.sqrt(pooled * (1 - pooled) * (1 / size.treat + 1 / size.holdout))
    assert np.mean(np.abs(p1 - p0) / se > 1.96) == pytest.approx(0.8, abs=0.02)
    assert size.signups == pytest.approx(size.eligible / 0.7, abs=1)
    smaller = signups_needed(0.015, organic=0.1, reach=0.7, holdout_share=0.2)
    assert 3.3 < smaller.signups / size.signups < 4.2
    with pytest.raises(UsageError, match="uplift must lie"):
        signups_needed(0.95, organic=0.1)


@pytest.mark.parametrize(("best", "edge"), [(0, True), (1, False), (2, False), (3, True)])
def test_the_best_day_at_an_edge_of_those_tried_has_no_probability(best, edge):
    """Days 3 to 6, counted from 1: a draw in four prefers the neighbour."""
    V = np.zeros((4, 4))
    V[:, best] = 1.0
    V[3, (best + 1) % 4] = 2.0
    found = _best(V, everyone=np.full(4, 0.5), ages=[3, 4, 5, 6], at=1, day_index=1)
    assert (found["best_n"], found["edge"], found["n"]) == (4 + best, edge, 5)
    assert np.isnan(found["p_best"]) if edge else found["p_best"] == 0.75
    days = sorted([4 + best] * 3 + [4 + (best + 1) % 4])
    assert (found["best_n_q05"], found["best_n_q95"]) == (days[0], days[-1])
    assert (found["value_best"], found["p_worth_it"], found["advice"]) == (1.0, 1.0, "rule")
    assert found["p_rule_beats_all"] == (V[:, 1] > 0.5).mean()
    assert found["value_n"] == V[:, 1].mean()


def test_the_value_table_has_a_mean_for_each_day():
    attention = np.ones((1, 31))
    table = value_table(G, AGES, {"steady": attention}, [0.1], COSTS)
    u = nday.uplift(G, AGES, 0.1, attention)
    both, extra = nday.cost_ratio(G, AGES, u, COSTS)
    np.testing.assert_allclose(table["cost_ratio"], both.mean(axis=0))
    np.testing.assert_allclose(table["cost_ratio_extra"], extra.mean(axis=0))
    np.testing.assert_allclose(table["value"], nday.value(G, AGES, u, COSTS).mean(axis=0))
    organic = organic_table(G, AGES, COSTS)
    np.testing.assert_allclose(
        organic["break_even_uplift"], nday.break_even(G, AGES, COSTS).mean(axis=0)
    )
