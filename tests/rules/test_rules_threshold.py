"""Threshold rules: what each promises, by hand and as relations."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pytest

from churnlab.errors import UsageError
from churnlab.metrics.cost import realised_cost
from churnlab.posterior import Lateness, RiskConfig
from churnlab.posterior.settings import LATE
from churnlab.rules import (
    RULES,
    CalibratedRule,
    CostRatioRule,
    Costs,
    FixedRule,
    OverdueRule,
    rule_named,
)
from churnlab.rules.threshold import CapacityRule, PrecisionRule

#: A message costs 1 and keeps one in twenty, worth 40: a contact pays from a risk of one half.
COSTS = {"contact_cost": 1.0, "save_probability": 0.05, "value_per_customer": 40.0}


def _past(n: int = 3000, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Risks that overstate: the outcome has probability risk squared."""
    rng = np.random.default_rng(seed)
    risk = rng.random(n)
    return risk, (rng.random(n) < risk**2).astype(float)


def test_cost_ratio_is_the_stated_formula():
    costs = Costs(contact_cost=2.0, save_probability=0.1, value_per_customer=80.0)
    assert (costs.wasted, costs.missed) == (2.0, 6.0)
    assert costs.ratio == 0.25
    rule = CostRatioRule(contact_cost=2.0, save_probability=0.1, value_per_customer=80.0)
    chosen = rule.choose([0.1, 0.9], basis="fixed_days")
    assert chosen.value == chosen.first_value == 0.25
    assert chosen.low is None
    assert chosen.learnt_until is None
    assert "calibrated" in " ".join(chosen.notes)


def test_costs_can_be_given_directly_and_senseless_ones_are_refused():
    assert Costs(cost_contact_wasted=1.0, cost_churn_missed=3.0).ratio == 0.25
    with pytest.raises(UsageError, match="contacting never pays"):
        Costs(contact_cost=5.0, save_probability=0.1, value_per_customer=20.0)
    with pytest.raises(UsageError, match="wasted contact must be positive"):
        Costs(**COSTS | {"contact_cost": 0.0})
    with pytest.raises(UsageError, match=r"save_probability must lie in \[0, 1\]"):
        Costs(save_probability=1.5)
    assert Costs(**COSTS | {"save_probability": 1.0}).missed == 39.0


def test_costs_have_no_default_and_what_needs_them_names_the_keys():
    assert not Costs().stated
    assert not Costs(contact_cost=1.0, save_probability=0.1).stated
    assert Costs(**COSTS).stated
    assert Costs(cost_contact_wasted=1.0, cost_churn_missed=3.0).stated
    keys = "rule.contact_cost, rule.save_probability, rule.value_per_customer"
    with pytest.raises(UsageError, match=keys):
        CostRatioRule()
    with pytest.raises(UsageError, match=r"missing: rule\.value_per_customer"):
        CostRatioRule(contact_cost=1.0, save_probability=0.05)
    with pytest.raises(UsageError, match=keys):
        _ = Costs().ratio


def test_a_cut_has_no_price_without_costs():
    risk, outcome = _past(800)
    free, priced = (CalibratedRule(**c).choose(risk, outcome, basis="p_alive") for c in ({}, COSTS))
    assert free.value == priced.value
    assert free.curve is None
    assert free.cost_per_customer is None
    assert priced.cost_per_customer > 0


def test_overdue_is_a_cut_on_lateness_and_needs_no_costs():
    chosen = OverdueRule().threshold()
    assert chosen.state(RiskConfig()) == LATE
    own = OverdueRule(quantile=0.9, window_cycles=4.0, first_value=0.7).threshold()
    assert own.state(RiskConfig()) == (Lateness(window_cycles=4.0), 0.9, 0.7)
    on_risk = FixedRule(value=0.6).choose([0.4], basis="fixed_days")
    assert on_risk.state(RiskConfig(basis="fixed_days")).measure.basis == "fixed_days"
    with pytest.raises(UsageError, match="quantile must lie strictly between"):
        OverdueRule(quantile=1.0)
    with pytest.raises(UsageError, match="first_value must lie strictly between"):
        OverdueRule(first_value=0.0)
    with pytest.raises(UsageError, match="own rhythm"):
        OverdueRule(window_cycles=1.0)


def test_under_p_alive_the_cost_ratio_maps_risk_to_the_outcome():
    """Outcome probability is risk^2, so the ratio .25 sits at risk .5."""
    risk, outcome = _past(20_000)
    rule = CostRatioRule(cost_contact_wasted=1.0, cost_churn_missed=3.0)
    until = dt.date(1997, 9, 30)
    chosen = rule.choose(
        risk, outcome, basis="p_alive", learnt_until=until, rng=np.random.default_rng(2)
    )
    assert chosen.value == pytest.approx(0.5, abs=0.06)
    assert chosen.low <= chosen.value <= chosen.high
    assert chosen.high - chosen.low < 0.2
    assert chosen.learnt_until == until
    assert chosen.extra_cost_lower > 0
    assert chosen.extra_cost_higher > 0
    assert chosen.cost_per_customer == pytest.approx(
        realised_cost(risk, outcome, chosen.value, 1.0, 3.0)
    )
    least = chosen.curve["cost_per_customer"].min()
    assert chosen.cost_per_customer <= least + 1e-12


def test_a_rule_that_learns_asks_for_outcomes():
    with pytest.raises(UsageError, match=r"'cost_ratio' on basis 'p_alive' learns from outcomes"):
        CostRatioRule(**COSTS).choose([0.2], basis="p_alive")
    with pytest.raises(UsageError, match="'precision'"):
        PrecisionRule().choose([0.2], basis="fixed_days")
    assert CostRatioRule(learn="never", **COSTS).choose([0.2], basis="p_alive").value == 0.5


def test_calibrated_rule_finds_the_risk_with_the_stated_outcome_rate():
    risk, outcome = _past(20_000)
    for level, cut in ((0.25, 0.5), (0.64, 0.8)):
        chosen = CalibratedRule(level=level).choose(risk, outcome, basis="p_alive")
        assert chosen.value == pytest.approx(cut, abs=0.05)


def test_capacity_never_flags_more_than_there_is_room_for():
    risk = np.array([0.9, 0.8, 0.8, 0.8, 0.1])
    for share, flagged in [(0.2, 1), (0.6, 1), (0.8, 4), (1.0, 5)]:
        chosen = CapacityRule(share=share).choose(risk, basis="fixed_days")
        assert chosen.flag(risk).sum() == flagged
    two = CapacityRule(contacts=1).choose(risk, basis="fixed_days")
    assert two.flag(risk).sum() == 1
    none = CapacityRule(contacts=2).choose(np.full(5, 0.3), basis="fixed_days")
    assert none.flag(np.full(5, 0.3)).sum() == 0


def test_precision_meets_its_target_where_it_was_learnt_with_the_most_customers():
    risk, outcome = _past()
    chosen = PrecisionRule(target=0.8).choose(risk, outcome, basis="fixed_days")
    flagged = chosen.flag(risk)
    assert outcome[flagged].mean() >= 0.8
    lower = risk >= chosen.value - 0.03
    assert outcome[lower].mean() < 0.8


def test_precision_out_of_reach_flags_nobody_and_says_so():
    risk, outcome = _past()
    chosen = PrecisionRule(target=1.0, least_flagged=500).choose(risk, outcome, basis="fixed_days")
    assert chosen.value == 1.0
    assert "nobody" in chosen.notes[0]


def test_first_purchasers_can_have_their_own_cut():
    chosen = FixedRule(value=0.6, first_value=0.3).choose([0.4], basis="p_alive")
    np.testing.assert_array_equal(chosen.flag([0.4, 0.4], first=[True, False]), [True, False])
    assert FixedRule(value=0.6).choose([0.4], basis="p_alive").first_value == 0.6


def test_the_interval_resamples_customers_and_the_origins_show_their_spread():
    risk, outcome = _past(600)
    rule = CostRatioRule(learn="always", **COSTS)
    kinds = {"basis": "p_alive", "learnt_until": dt.date(2020, 1, 1)}
    one = rule.choose(risk, outcome, customer=np.arange(600), rng=np.random.default_rng(1), **kinds)
    copies = rule.choose(
        np.tile(risk, 5),
        np.tile(outcome, 5),
        customer=np.tile(np.arange(600), 5),
        origin=np.repeat(np.arange(5), 600),
        rng=np.random.default_rng(1),
        **kinds,
    )
    assert (copies.low, copies.high) == pytest.approx((one.low, one.high), abs=1e-9)
    assert one.origin_low is None
    assert copies.origin_low == copies.origin_high == one.value


def test_same_seed_same_threshold():
    risk, outcome = _past(400)
    chosen = [
        CalibratedRule().choose(risk, outcome, basis="p_alive", rng=np.random.default_rng(3))
        for _ in range(2)
    ]
    assert chosen[0] == chosen[1]
    assert chosen[0].low < chosen[0].high


@pytest.mark.parametrize("name", sorted(set(RULES) - {"overdue"}))
def test_every_rule_on_a_risk_honours_the_contract(name):
    """A new rule joins with its line in the registry."""
    rule = rule_named(name, **COSTS)
    assert rule.name == name
    assert dataclasses.is_dataclass(rule)
    risk, outcome = _past(800)
    for basis in ("p_alive", "personal_cycles", "fixed_days"):
        chosen = rule.choose(risk, outcome, basis=basis, rng=np.random.default_rng(1))
        assert 0 <= chosen.value <= 1
        assert chosen.basis == basis
        assert chosen.rule == name
        assert list(chosen.to_dict()["curve"][0]) == [
            "threshold", "flagged_share", "precision", "recall", "cost_per_customer",
        ]  # fmt: skip
        order = np.random.default_rng(4).permutation(risk.size)
        again = rule.choose(risk[order], outcome[order], basis=basis)
        assert again.value == pytest.approx(chosen.value, abs=1e-12)
        if chosen.low is not None:
            assert chosen.low <= chosen.high


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: rule_named("cost_ration"), "Did you mean 'cost_ratio'"),
        (lambda: FixedRule(value=1.2), r"value must lie in \[0, 1\]; got 1.2"),
        (lambda: FixedRule(first_value=-1.0), "first_value"),
        (lambda: FixedRule(first_value=1.01), "first_value"),
        (lambda: CapacityRule(share=0.0), "share"),
        (lambda: CapacityRule(contacts=0), "contacts"),
        (lambda: PrecisionRule(target=2.0), "target"),
        (lambda: CalibratedRule(level=-0.1), "level"),
        (lambda: CostRatioRule(learn="maybe", **COSTS), "learn must be"),
        (lambda: FixedRule(replicates=-1), "replicates"),
        (lambda: FixedRule().choose([0.2], basis="pawn"), "basis must be one of .*; got 'pawn'"),
        (lambda: FixedRule().choose([1.2], basis="p_alive"), "risk must be finite"),
        (lambda: FixedRule().choose([], basis="p_alive"), "non-empty"),
        (lambda: FixedRule().choose([0.2], [3], basis="p_alive"), "outcome must be 0 or 1"),
    ],
)
def test_bad_values_are_said_plainly(make, words):
    with pytest.raises(UsageError, match=words):
        make()


def test_the_price_of_ten_points_either_way_by_hand():
    """Risks .45, .55, .65: the cut .5 flags two; .4 flags all, .6 one."""
    costs = {"cost_contact_wasted": 1.0, "cost_churn_missed": 3.0}
    chosen = FixedRule(value=0.5, **costs).choose(
        [0.45, 0.55, 0.65], [0.0, 1.0, 1.0], basis="fixed_days"
    )
    assert chosen.cost_per_customer == 0.0
    assert chosen.extra_cost_lower == pytest.approx(1 / 3)  # one message wasted
    assert chosen.extra_cost_higher == pytest.approx(3 / 3)  # one customer missed
    free = FixedRule(value=0.5, **costs).choose([0.45, 0.65], [1.0, 1.0], basis="fixed_days")
    assert free.cost_per_customer == pytest.approx(3 / 2)
    assert (free.extra_cost_lower, free.extra_cost_higher) == pytest.approx((-3 / 2, 0.0))


@pytest.mark.parametrize("first", [0.0, 1.0])
def test_a_cut_for_first_purchasers_may_be_everybody_or_nobody(first):
    chosen = FixedRule(first_value=first).choose([0.2], basis="p_alive")
    assert chosen.first_value == first
    assert chosen.inside() == (0.5, pytest.approx(first, abs=2e-6))
    assert 0 < chosen.inside()[1] < 1


@pytest.mark.parametrize(
    ("outcome", "value", "whom"),
    [([0.0, 1.0], None, ""), ([0.0, 0.0], 1.0, "nobody"), ([1.0, 1.0], 0.0, "everybody")],
)
def test_a_cut_that_flags_all_or_none_is_said(outcome, value, whom):
    chosen = CostRatioRule(**COSTS).choose([0.3, 0.6], outcome, basis="p_alive")
    assert chosen.value == value or (value is None and 0.3 < chosen.value <= 0.6)
    assert chosen.to_dict()["notes"] == list(chosen.notes)
    assumed, *more = chosen.notes
    assert "an assumption until a test measures it" in assumed
    said = [f"at these costs the cheapest decision was to contact {whom}"]
    assert more == (said if whom else [])


@pytest.mark.parametrize(("least", "hits", "flagged"), [(50, 45, 50), (51, 45, 0), (50, 44, 0)])
def test_a_precision_of_too_few_is_not_looked_at(least, hits, flagged):
    """Fifty customers at one risk, nine in ten without a purchase, and fifty who all bought."""
    risk, outcome = np.repeat([0.7, 0.2], 50), np.zeros(100)
    outcome[:hits] = 1.0
    rule = PrecisionRule(least_flagged=least)
    assert (PrecisionRule().target, PrecisionRule().least_flagged) == (0.9, 50)
    chosen = rule.choose(risk, outcome, basis="p_alive")
    assert chosen.flag(risk).sum() == flagged
