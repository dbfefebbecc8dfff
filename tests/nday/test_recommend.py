"""L7: the recommendation: its edges and basis, the shop against brute force; warnings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import UsageError
from churnlab.nday import NdayConfig, run_nday, summary, tables
from churnlab.nday.data import CohortConfig
from churnlab.nday.decide import value as nday
from churnlab.nday.decide.decision import LOST_INTEREST, NEVER_CONVERTS, best_table
from churnlab.nday.decide.plateau import PlateauDay, below_early, to_come
from churnlab.nday.decide.recommend import LEAST_WORST, Uplift, by_plateau, by_value
from churnlab.nday.posterior.drift import Drift, cohort_drift
from churnlab.nday.report import advice
from churnlab.nday.summary import recommendation_part
from churnlab.simulate import ShopConfig, simulate_shop

from .simulators import cliff, counts_from_hazard, day, frames_from_counts

COSTS = nday.NdayCosts(margin=20, coupon=5, message=0.05, revenue=60)
AGES = list(range(1, 24))
STEADY = {NEVER_CONVERTS: np.ones((1, 31))}


def _G(hazard, draws=1):
    return np.repeat(1 - np.cumprod(1 - np.asarray(hazard))[None, :], draws, axis=0)


def _assumed(u0):
    return Uplift(np.array([[u0]]), measured=False)


def _said(found):
    return advice.recommendation(found, window_days=30, slow=(20, 0.4))


def test_l7_the_recommended_n_is_the_best_by_hand():
    fading = {LOST_INTEREST: 0.5 ** (np.arange(31) / 60)[None, :]}
    G = _G(cliff())
    found = by_value(G, AGES, fading, _assumed(0.08), COSTS)
    own = []
    for n in AGES:
        before, end = G[0, n - 1], G[0, -1]
        organic = (end - before) / (1 - before)
        gain = 0.08 * 0.5 ** (n / 60) * 15 - organic * 0.8 * 5 - 0.05
        own.append((1 - before) * gain)
    order = np.argsort(own)[::-1]
    assert (found.n, found.next_best) == (AGES[order[0]], AGES[order[1]])
    assert found.value["mean"] == pytest.approx(own[order[0]])
    assert found.regret["mean"] == pytest.approx(own[order[0]] - own[order[1]])
    assert found.reading == LOST_INTEREST
    assert found.edge is None
    later = G[0, -1] - G[0, found.n - 1]
    assert found.leaves["mean"] == pytest.approx(later / G[0, -1])


def test_l7_no_certainty_at_an_edge_of_what_was_tried():
    G = _G(cliff(), 50)
    found = by_value(G, AGES, STEADY, _assumed(0.05), COSTS)
    assert (found.n, found.edge, found.p_best) == (23, "last", None)
    said = _said(found)
    assert "last day tried" in said["en"]
    assert "마지막" in said["ko"]
    first = by_value(G, AGES, {LOST_INTEREST: 0.5 ** np.arange(31)[None, :]}, _assumed(0.9), COSTS)
    assert (first.n, first.edge, first.p_best) == (1, "first", None)
    inside = by_value(G, AGES, {LOST_INTEREST: 0.5 ** (np.arange(31) / 60)[None, :]},
                      _assumed(0.08), COSTS)  # fmt: skip
    assert inside.edge is None
    assert inside.p_best == 1.0
    table = best_table(G, AGES, STEADY, [0.05], COSTS, n=10).iloc[0]
    assert table["edge"]
    assert np.isnan(table["p_best"])


def test_l7_without_measured_attention_the_worst_regret_is_least():
    readings = {**STEADY, "lost_interest_half_life_4d": 0.5 ** (np.arange(31) / 4)[None, :]}
    G = _G(cliff())
    found = by_value(G, AGES, readings, _assumed(0.1), COSTS)
    values = np.stack([
        nday.value(G, AGES, nday.uplift(G, AGES, 0.1, a), COSTS)[0] for a in readings.values()
    ])  # fmt: skip
    worst = (values.max(axis=1, keepdims=True) - values).max(axis=0)
    assert found.n == AGES[worst.argmin()]
    assert found.reading == LEAST_WORST
    assert found.value["mean"] == pytest.approx(values[:, worst.argmin()].min())
    top, runner = np.argsort(worst)[:2]
    against = values[(values.max(axis=1) - values[:, runner]).argmax()]
    assert found.next_best == AGES[runner]
    assert found.regret["mean"] == pytest.approx(against[top] - against[runner])
    assert found.regret["mean"] > 0
    assert "interest fades fastest" in _said(found)["en"]
    assert "가장 빨리 식는" in _said(found)["ko"]
    assert found.p_best == 1.0


def test_l7_without_costs_the_plateau_speaks_with_what_it_leaves():
    G = _G(cliff(), 20)
    found = by_plateau(G, below_early(G), 1)
    assert found.n == 11
    assert found.value is None
    assert found.leaves["mean"] == pytest.approx(to_come(G)[0, 10])
    assert "not the most profitable" in _said(found)["en"]
    assert "비용을 지정하지 않아" in _said(found)["ko"]


@pytest.mark.parametrize(("none", "n"), [(50, 10), (51, None)])
def test_l7_no_plateau_no_n(none, n):
    draws = np.where(np.arange(100) < none, np.inf, 10.0)
    found = by_plateau(_G(cliff(), 100), PlateauDay("x", draws))
    # Half of the draws on "none": the median is still a day.
    assert found.n == n
    if n is None:
        assert _said(found)["en"].startswith("No N is recommended")


def test_costs_have_no_defaults_and_are_stated_together():
    assert not nday.NdayCosts().stated
    with pytest.raises(UsageError, match="stated together"):
        nday.NdayCosts(margin=20)
    with pytest.raises(UsageError, match=r"is not stated"):
        nday.break_even(_G(cliff()), [10], nday.NdayCosts())


@pytest.mark.parametrize(("u0", "pays"), [(0.3, True), (0.001, False)])
def test_a_day_that_does_not_pay_is_said(u0, pays):
    fading = {LOST_INTEREST: 0.5 ** (np.arange(31) / 60)[None, :]}
    found = by_value(_G(cliff()), AGES, fading, _assumed(u0), COSTS)
    assert (found.n is not None) is pays
    assert (found.value["mean"] > 0) is pays
    assert _said(found)["en"].startswith("Send on day" if pays else "Send no message")
    assert _said(found)["ko"].endswith("보내지 마십시오.") is not pays
    if not pays:
        assert found.regret["mean"] == pytest.approx(-found.value["mean"])


def _shop_truth(config):
    """Value of every N with the shop's own people: who responds, who would have bought anyway."""
    values = {}
    for n in range(4, 18):
        tried = replace(config, experiment_day=n, holdout_share=0.5, experiment_from_share=0.0)
        shop = simulate_shop(tried, np.random.default_rng(3))
        day_of = shop.truth["organic_conversion_day"].to_numpy(float)
        left = ~(day_of < n)
        organic = np.mean(day_of[left] <= 30)
        values[n] = left.mean() * (shop.uplift * 15 - organic * 0.8 * 5 - 0.05)
    return max(values, key=lambda n: values[n])


def test_l7_best_n_of_the_simulated_shop_against_brute_force():
    truth = _shop_truth(ShopConfig(n_members=8000, days=180))
    found = []
    for seed in range(3):
        shop = simulate_shop(ShopConfig(), np.random.default_rng(seed))
        cfg = NdayConfig(costs=COSTS, holdout_share=0.2, backtest=False, draws=400)
        rule = run_nday(shop.frames(), cfg, as_of=shop.as_of, seed=1).rule
        said = rule["recommendation"]
        assert said["basis"] == "value"
        assert said["u0"]["measured"]
        assert said["costs"]["margin"] == 20
        found.append(said["n"])
        headline = rule["plateau"]["definitions"][rule["plateau"]["headline"]]
        assert abs(headline["median"] - shop.config.plateau_day) <= 2
    assert abs(np.median(found) - truth) <= 1
    assert np.abs(np.array(found) - truth).max() <= 2


@pytest.fixture(scope="module")
def frames():
    counts = counts_from_hazard(cliff(), np.random.default_rng(0), n_cohorts=40, size=60)
    return dict(zip(("members", "purchases"), frames_from_counts(counts), strict=True))


def _config(**changes):
    return NdayConfig(draws=100, backtest=False, **changes)


def test_without_costs_nothing_economic_is_written(frames):
    found = run_nday(frames, _config(), as_of=day(70), seed=1)
    assert not {"value", "best", "choice"} & set(found.tables)
    assert "waste" not in found.tables["organic"]
    assert found.rule["at_n"]["break_even_uplift"] is None
    assert found.rule["power"] is None
    assert found.rule["recommendation"]["costs"] is None
    assert found.rule["recommendation"]["n"] in (9, 10, 11)
    assert found.lines[0] == found.rule["recommendation"]["sentence"]["en"]


def test_a_window_past_the_follow_up_is_shortened_and_said(frames):
    found = run_nday(frames, _config(), as_of=day(25), seed=1)
    # 25 days of follow-up: a week of signup days has 19 of them.
    assert found.rule["window_days"] == 19
    assert "a window of 19 days" in found.warnings[0]
    kept = run_nday(frames, _config(cohort=CohortConfig(window_days=25)), as_of=day(25), seed=1)
    assert kept.rule["window_days"] == 25
    assert not kept.warnings


def test_a_longer_window_is_suggested_where_people_buy_after_this_one(frames):
    steady = counts_from_hazard(np.full(61, 0.01), np.random.default_rng(4), n_cohorts=30, size=40)
    source = dict(zip(("members", "purchases"), frames_from_counts(steady), strict=True))
    found = run_nday(source, _config(), as_of=day(90), seed=1)
    assert any("a window of 60 days" in w for w in found.warnings)
    assert found.rule["recommendation"]["n"] is None
    # A log that was cut at the window's end has nothing to add, nor has a curve at rest.
    ages = (
        source["purchases"]["event_at"]
        - source["members"]
        .set_index("customer_id")["signed_up_at"]
        .reindex(source["purchases"]["customer_id"])
        .to_numpy()
    )
    cut = {**source, "purchases": source["purchases"][ages < pd.Timedelta(days=31)]}
    assert not run_nday(cut, _config(), as_of=day(90), seed=1).warnings
    assert not run_nday(frames, _config(), as_of=day(70), seed=1).warnings


def test_32593_signups_of_which_few_convert_are_answered():
    hazard = np.where(np.arange(31) < 12, 0.0018, 0.0001)
    counts = counts_from_hazard(hazard, np.random.default_rng(1), n_cohorts=22, size=1482)
    frames = dict(zip(("members", "purchases"), frames_from_counts(counts), strict=True))
    found = run_nday(frames, NdayConfig(), as_of=day(60), seed=1)
    at = found.rule["at_n"]["organic_after"]
    y, n = counts.conversions.sum(axis=0), counts.signups.sum()
    assert at["q05"] <= y[10:].sum() / (n - y[:10].sum()) <= at["q95"]
    assert found.rule["recommendation"]["n"] is not None


def test_drift_is_found_and_chance_is_not():
    p = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        p.append(cohort_drift(counts_from_hazard(cliff(), rng, n_cohorts=50, tau=0.3)).p)
    assert np.mean(np.array(p) < 0.05) <= 0.15
    rng = np.random.default_rng(1)
    early = counts_from_hazard(cliff(0.03), rng, n_cohorts=60)
    late = counts_from_hazard(cliff(0.045), rng, n_cohorts=60)
    second = (np.arange(60) >= 30)[:, None]
    y = np.where(second, late.conversions, early.conversions)
    found = cohort_drift(type(early)(early.cohorts, y, early.as_of))
    assert found.p < 1e-6
    assert found.late / found.early == pytest.approx(1.4, abs=0.1)


@pytest.mark.parametrize(("p", "said"), [(0.0099, True), (0.01, False)])
def test_drift_warns_below_its_limit(p, said):
    found = summary.warnings_part(Drift(p, 0.1, 0.2), None)
    assert bool(found) is said
    assert not said or "2.00 times" in found[0]["en"]


@pytest.mark.parametrize(("coverage", "said"), [(0.79, True), (0.8, False)])
def test_coverage_of_held_out_cohorts_warns_below_eighty_percent(coverage, said):
    from churnlab.nday.holdout import HeldOut

    table = pd.DataFrame({"quantity": ["reach", "conversion"], "coverage": [0.95, coverage]})
    held = HeldOut(pd.DataFrame(), table, pd.DataFrame(), pd.DataFrame(), day(3), "forward", "")
    found = summary.warnings_part(Drift(1.0, 0.1, 0.1), held)
    assert bool(found) is said
    assert not said or "79% of the held-out cohorts" in found[0]["en"]


@pytest.mark.parametrize(("share", "there"), [(0.099, True), (0.101, False)])
def test_headline_plateau_is_relative_to_the_busiest_week(share, there):
    hazard = np.where(np.arange(40) < 10, 0.05, 0.05 * share)
    assert np.isfinite(below_early(_G(hazard), later=1.0).draws[0]) == there
    tenth = below_early(_G(hazard / 10), later=1.0)
    assert np.isfinite(tenth.draws[0]) == there


@pytest.mark.parametrize(("later", "there"), [(0.251, True), (0.249, False)])
def test_a_plateau_leaves_at_most_a_quarter_of_the_buyers(later, there):
    # 10 busy days, then nothing until one late day brings the rest.
    G = np.concatenate([np.linspace(0.1, 1.0, 10) * 0.75 * 0.2, np.full(40, 0.15)])[None, :]
    G[:, -8:] = 0.15 + 0.05 * np.arange(1, 9) / 8
    assert np.isfinite(below_early(G, 0.6, days=1, later=later).draws[0]) == there


def test_slow_curves_have_no_headline_plateau():
    # A tenth of the busiest week for 80 days still brings nearly half of the buyers.
    slow = np.where(np.arange(91) < 10, 0.02, 0.0019)
    assert below_early(_G(slow)).p_none == 1.0
    after, share = tables.slow_share(_G(slow), NdayConfig(cohort=CohortConfig(window_days=90)))
    assert after == 9
    assert share == pytest.approx(1 - _G(slow)[0, 9] / _G(slow)[0, -1])
    level = _G(np.full(31, 0.01))
    assert tables.slow_share(level, NdayConfig())[0] == 20
    assert below_early(_G(slow), later=0.6).draws[0] == 10
    assert below_early(_G(cliff())).draws[0] == 10


def test_the_sentence_states_the_costs_that_the_value_rests_on():
    costs = nday.NdayCosts(margin=11_000, coupon=3_000, message=20, revenue=28_000)
    fading = {LOST_INTEREST: 0.5 ** (np.arange(31) / 60)[None, :]}
    G = _G(cliff())
    found = by_value(G, AGES, fading, _assumed(0.3), costs)
    stated = recommendation_part(found, NdayConfig(costs=costs), (20, 0.4))
    assert "The stated costs: margin 11,000, coupon 3,000, message 20." in stated["sentence"]["en"]
    assert "지정한 비용: 마진 11,000, 쿠폰 3,000, 메시지 20." in stated["sentence"]["ko"]
    rule = {"recommendation": stated, "window_days": 30}
    assert advice.in_currency(rule, "ko", None) == stated["sentence"]["ko"]
    assert "마진 11,000원, 쿠폰 3,000원, 메시지 20원." in advice.in_currency(rule, "ko", "KRW")
    assert "margin US$11,000, coupon" in advice.in_currency(rule, "en", "USD")
    silent = recommendation_part(found, NdayConfig(), (20, 0.4))
    assert "stated costs" not in silent["sentence"]["en"]


@pytest.mark.parametrize(("expiry", "said"), [(9, True), (8, False), (11, False)])
def test_a_plateau_that_begins_as_the_coupon_ends_is_said(expiry, said):
    """`cliff` is flat from day 10 on."""
    flat = below_early(_G(cliff()), apart=[expiry])
    found = summary.expiry_part(flat, CohortConfig(expiry_days=[expiry]))
    assert bool(found) is said
    assert not said or ("day 9" in found[0]["en"] and "9일" in found[0]["ko"])


def test_expiry_days_reach_the_rule_and_its_warnings(frames):
    cohort = CohortConfig(expiry_days=[9], weekday_effects=False)
    found = run_nday(frames, _config(cohort=cohort), as_of=day(70), seed=1)
    assert any("the day after the signup coupon expires (day 9)" in w for w in found.warnings)
    other = run_nday(frames, _config(cohort=CohortConfig(weekday_effects=False)), as_of=day(70))
    assert not any("coupon" in w for w in other.warnings)
