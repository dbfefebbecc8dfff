"""Every constant that decides, at its edge."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import betaln
from scipy.stats import chi2_contingency

from churnlab.errors import DataError, UsageError
from churnlab.nday import NdayConfig
from churnlab.nday.data import (
    CohortConfig,
    CohortCounts,
    Conversions,
    attention_from_visits,
    level_names,
    require_enough,
)
from churnlab.nday.decide import experiment
from churnlab.nday.decide.attention import attention_readings
from churnlab.nday.decide.flat import flat_table
from churnlab.nday.decide.plateau import (
    LateBump,
    PlateauDay,
    below_early,
    changepoint,
    hazard_below,
    late_bump,
)
from churnlab.nday.decide.uplift import full_uplift
from churnlab.nday.decide.value import NdayCosts
from churnlab.nday.draws import columns, interval
from churnlab.nday.holdout import interleave, split
from churnlab.nday.posterior import checks, fit
from churnlab.nday.report.data import heat
from churnlab.nday.report.words import LATE_BUMP, NO_PLATEAU, PLATEAU, verdict
from churnlab.nday.summary import power_part
from churnlab.nday.window import cut_window, fitting_window, longer_window

from .simulators import START, cliff, config, counts_from_hazard, day


def _G(hazard):
    return 1 - np.cumprod(1 - np.asarray(hazard, float))[None, :]


def _signups(n, follow_up, *, bought=-1):
    """Members who signed up on the first day, known until so many days later."""
    frame = pd.DataFrame(
        {"customer_id": [f"m{i}" for i in range(n)], "signup_date": START, "age": bought,
         "group": "all"}
    )  # fmt: skip
    return Conversions(frame, day(follow_up), {})


def _cohorts(days, last=40):
    counts = counts_from_hazard(cliff(), np.random.default_rng(0), n_cohorts=days, size=20)
    return counts.until(day(min(days - 1 + last, days + 30)))


@pytest.mark.parametrize(("unconverted", "measured"), [(30, True), (29, False)])
def test_attention_is_measured_of_thirty_unconverted(unconverted, measured):
    visits = pd.DataFrame({"customer_id": ["m0"], "event_at": [START + pd.Timedelta(days=3)]})
    found = attention_readings(
        _signups(unconverted, 90), visits, NdayConfig(draws=100), np.random.default_rng(1)
    )
    assert found.from_visits is measured


def test_attention_is_looked_at_for_all_of_its_days():
    """Known for 40 days, 20 of which are looked ahead: day 21 is the last that can be."""
    visits = pd.DataFrame({"customer_id": ["m0"], "event_at": [START + pd.Timedelta(days=3)]})
    found = attention_from_visits(_signups(30, 40), visits, last_age=30, active_days=20)
    assert found.unconverted.tolist() == [30] * 22 + [0] * 9


@pytest.mark.parametrize(("holdout", "share"), [(0.2, 0.2), (0.0, 0.1)])
def test_the_next_experiment_holds_out_a_tenth_where_none_is_held_out(holdout, share):
    costs = NdayCosts(margin=20, coupon=5, message=0.05)
    asked = power_part(_G(cliff()), NdayConfig(holdout_share=holdout, costs=costs))
    assert asked["holdout_share"] == share


@pytest.mark.parametrize(("follow_up", "window"), [(30, 30), (29, 23), (20, 14), (19, 30)])
def test_a_window_is_shortened_so_that_a_week_of_cohorts_has_it(follow_up, window):
    """Down to `min_follow_up_days` (14); shorter ones stay as asked and are refused."""
    fitted, said = fitting_window(NdayConfig(), _signups(5, follow_up))
    assert fitted.cohort.window_days == window
    assert bool(said) == (window != 30)


@pytest.mark.parametrize(
    ("follow_up", "p_none", "bought", "asked"),
    [(37, 0.51, 60, 31), (36, 0.51, 60, None), (90, 0.51, 61, 60), (90, 0.5, 61, None),
     (90, 0.51, 31, 31), (90, 0.51, 30, None)],
)  # fmt: skip
def test_a_longer_window_needs_a_week_of_cohorts_no_plateau_and_later_buyers(
    follow_up, p_none, bought, asked
):
    flat = PlateauDay("x", np.where(np.arange(100) < 100 * p_none, np.inf, 10.0))
    said = longer_window(NdayConfig(), _signups(5, follow_up, bought=bought), flat, (20, 0.4))
    assert [f"window of {asked} days" in s["en"] for s in said] == [True] * (asked is not None)


@pytest.mark.parametrize(("after", "said"), [(21, True), (20, False)])
def test_a_log_is_cut_where_twenty_purchases_are_missing(after, said):
    """One of a thousand signups buys on each of seven days; at that pace 19.9 would in 20 more."""
    y = np.zeros((1, 7 + after), np.int64)
    y[0, :7] = 1
    cohorts = pd.DataFrame({"signup_date": [START], "group": "all", "signups": 1000})
    found = cut_window(CohortCounts(cohorts, y, day(60), day_index=1))
    assert [("after day 7" in s["en"], "7일" in s["ko"]) for s in found] == [(True, True)] * said


@pytest.mark.parametrize(("days", "enough"), [(28, True), (27, False)])
def test_seven_interleaved_cohorts_make_a_backtest(days, enough):
    found = interleave(_cohorts(days))
    assert isinstance(found, tuple) is enough


@pytest.mark.parametrize(("share", "enough"), [(0.0601, True), (0.06, False)])
def test_seven_held_out_cohorts_make_a_forward_backtest(share, enough):
    found = split(_cohorts(100), share)  # ceil(share x 100) held out
    assert isinstance(found, tuple) is enough
    assert enough or "6 held out, expected at least 7" in str(found)


@pytest.mark.parametrize(("days", "there"), [(21, True), (20, False)])
def test_three_weeks_of_signups_tell_weekdays(days, there):
    names = level_names(_cohorts(days), config(weekday_effects=True))
    assert bool(names["weekday"]) is there


@pytest.mark.parametrize(("p", "refused"), [(0.001, False), (0.00099, True)])
def test_a_sample_ratio_is_refused_below_one_in_a_thousand(p, refused):
    arm = pd.Series(["treat", "holdout"])
    if refused:
        with pytest.raises(DataError, match="sample-ratio mismatch in rule x"):
            experiment._refuse_mismatch(arm, p, experiment.REFUSE_P, 0.2, "rule x")
    else:
        experiment._refuse_mismatch(arm, p, experiment.REFUSE_P, 0.2, "rule x")
    assert experiment.REFUSE_P == 0.001


@pytest.mark.parametrize(("p", "refused"), [(0.001 / 3 + 1e-9, False), (0.001 / 3 - 1e-9, True)])
def test_arms_that_differ_are_refused_below_one_in_a_thousand(monkeypatch, p, refused):
    """Three facts are looked at, and the smallest p is paid for three times."""
    monkeypatch.setattr(experiment, "independence_p", lambda values, arm: p)
    log = pd.DataFrame({"signup_date": [START], "group": "all", "age": 1, "arm": "treat"})
    if refused:
        with pytest.raises(DataError, match="not assigned at random"):
            experiment._check_balance(log)
    else:
        assert experiment._check_balance(log) == pytest.approx(0.001, rel=1e-5)


@pytest.mark.parametrize(("p", "refused"), [(0.00051, False), (0.00049, True)])
def test_the_sample_ratio_of_a_day_is_paid_for_by_the_number_of_days(monkeypatch, p, refused):
    monkeypatch.setattr(experiment, "sample_ratio_p", lambda arm, share: 1 if len(arm) > 100 else p)
    found = _signups(200, 60)
    days = START + pd.to_timedelta(np.repeat([10, 11], 100), unit="D")
    log = pd.DataFrame({"customer_id": found.frame["customer_id"], "event_at": days,
                        "arm": (["holdout"] * 20 + ["treat"] * 80) * 2})  # fmt: skip
    read = {"last_age": 30, "holdout_share": 0.2, "rng": np.random.default_rng(1)}
    if refused:
        with pytest.raises(DataError, match=r"mismatch in rule 'nday', day 10.*limit 0\.0005"):
            experiment.read_experiment(log, found, **read)
    else:
        assert len(experiment.read_experiment(log, found, **read).table) == 3


def test_an_arms_share_has_half_a_success_more_on_either_side():
    arm = pd.DataFrame({"age": 10, "seen_age": 60, "bought_age": [12, -1, -1, -1]})
    share, facts = experiment._conversion_draws(arm, 30, np.random.default_rng(1), 40_000)
    assert facts == {"n": 4, "converted": 1, "censored": 0}
    assert share.mean() == pytest.approx(1.5 / 5, abs=0.005)


def test_without_an_experiment_the_middle_of_the_grid_is_assumed():
    found = full_uplift({}, {}, NdayConfig(uplifts=[0.3, 0.01, 0.02]))
    assert (found.draws.item(), found.measured) == (0.02, False)


def test_what_the_predictive_checks_look_at():
    y = np.array([[1, 0, 1, 0, 0, 0], [0, 0, 0, 0, 1, 3]])
    found = {k: float(v) for k, v in checks._statistics(y, np.array([10, 10])).items()}
    assert found == pytest.approx(
        {"conversions": 6, "conversions_on_signup_day": 1, "conversions_in_last_third": 4,
         "spread_between_cohorts": 0.1, "share_on_peak_day": 0.6,
         "cohorts_without_conversion_in_second_half": 0.5}
    )  # fmt: skip


@pytest.mark.parametrize(("held", "cells"), [(20, 2), (19, 0)])
def test_an_arm_of_twenty_is_reported(held, cells):
    n = 5 * held
    found = _signups(n, 60)
    log = pd.DataFrame(
        {"customer_id": found.frame["customer_id"], "event_at": START + pd.Timedelta(days=10),
         "arm": ["holdout"] * held + ["treat"] * (n - held)}
    )  # fmt: skip
    read = {"last_age": 30, "holdout_share": 0.2, "rng": np.random.default_rng(1)}
    if cells:
        assert len(experiment.read_experiment(log, found, **read).table) == cells
    else:
        with pytest.raises(DataError, match="fewer than 20 members in an arm"):
            experiment.read_experiment(log, found, **read)


@pytest.mark.parametrize(("rare", "told"), [(10, True), (9, False)])
def test_a_value_that_expects_five_in_the_smaller_arm_is_told_apart(rare, told):
    values = pd.Series(["a"] * rare + ["b"] * (210 - rare))
    arm = pd.Series(["treat", "holdout"] * 105)
    found = experiment.independence_p(values, arm)
    assert (found is not None) is told


@pytest.mark.parametrize(("size", "rows"), [(10, 3), (9, 2)])
def test_values_that_expect_five_are_compared_one_by_one(size, rows):
    """Rarer ones are pooled: two of nine make eighteen."""
    values = pd.Series(["a"] * size + ["b"] * size + ["c"] * 200)
    arm = pd.Series(["treat"] * size + ["holdout"] * size + ["treat", "holdout"] * 100)
    table = pd.crosstab(values if rows == 3 else values.replace("b", "a"), arm)
    found = experiment.independence_p(values, arm)
    assert found == pytest.approx(chi2_contingency(table, correction=False).pvalue)


def test_flat_spans_begin_on_the_fourth_day_and_last_ten():
    counts = _cohorts(40)
    table = flat_table(counts, _G(cliff()), np.random.default_rng(1))
    assert table["after_n"].min() == 2
    assert (table["through"] - table["after_n"]).max() == 10
    assert table["through"].max() == 30
    assert table["after_n"].max() == 26


@pytest.mark.parametrize("days", [1, 7])
@pytest.mark.parametrize(("last", "day_of"), [(24, 24.0), (25, np.inf)])
def test_a_plateau_has_a_week_of_follow_up(last, day_of, days):
    G = _G(np.where(np.arange(31) < last, 0.01, 0.0))
    assert hazard_below(G, days=days).draws[0] == day_of
    assert below_early(G, days=days).draws[0] == day_of


@pytest.mark.parametrize(("left", "over"), [(0.0049, True), (0.0051, False)])
def test_a_curve_is_over_with_half_a_percent_of_the_signups_left(left, over):
    """Nearly everybody buys on day 5; the few who are left then buy at once, in a second wave."""
    G = np.where(np.arange(31) < 5, 0.0, 1 - left)[None, :].copy()
    G[:, 20:] = 1.0
    assert below_early(G).draws[0] == hazard_below(G).draws[0] == (6 if over else 21)
    assert late_bump(G).probability == 1 - over


@pytest.mark.parametrize(("drop", "found"), [(28, True), (29, False)])
def test_a_changepoint_has_three_days_behind_it(drop, found):
    r = np.full(31, 100_000)
    y = np.where(np.arange(31) < drop, 3000, 10)
    days = changepoint(y, r, np.random.default_rng(0)).draws
    assert bool(np.median(days) == drop) is found


@pytest.mark.parametrize("y", [[9, 3, 2, 3, 1, 0, 1, 0, 0], [9, 30, 1, 25, 2, 3, 0, 6, 0]])
def test_the_changepoint_is_the_posterior_of_one_drop(y):
    """By enumeration: half of the prior on none, Beta(1, 19), counts over the dispersion."""
    y, r = np.array(y[1:], float), np.full(8, 60.0)

    def log_likelihood(hits, n):
        return betaln(1 + hits, 19 + n - hits) - betaln(1, 19)

    def both(k, phi):
        parts = ((y[:k].sum() / phi, r[:k].sum() / phi), (y[k:].sum() / phi, r[k:].sum() / phi))
        return sum(log_likelihood(*part) for part in parts)

    splits = [k for k in range(1, 6) if y[k:].mean() < y[:k].mean()]
    best = max(splits, key=lambda k: both(k, 1))
    p = np.where(np.arange(8) < best, y[:best].mean(), y[best:].mean()) / 60
    phi = max(1.0, float(np.sum((y - r * p) ** 2 / (r * p * (1 - p)))) / (8 - 3))
    logs = [both(k, phi) - np.log(5) for k in splits] + [log_likelihood(y.sum() / phi, 480 / phi)]
    weights = np.exp(np.array(logs) - max(logs))
    days = changepoint(
        np.append(9, y), np.full(9, 60), np.random.default_rng(1), draws=40_000
    ).draws
    found = [np.mean(days == day) for day in [*(k + 1 for k in splits), np.inf]]
    assert found == pytest.approx(weights / weights.sum(), abs=0.01)


def test_an_age_that_few_reach_has_the_prior_s_hazard():
    pooled = SimpleNamespace(events=np.array([0, 1, 0]), at_risk=np.array([4, 4, 0]))
    drawn = fit._hazard_draws(pooled, 40_000, np.random.default_rng(1))
    a, b = np.array([0, 1, 0]) + 1 / 3, np.array([4, 3, 0]) + 0.5
    assert drawn.mean(axis=0) == pytest.approx(a / (a + b), abs=0.006)


def _wave(trough, later):
    """Weekly hazard .08 for two weeks, the trough for two, then the second wave for two."""
    return _G(np.repeat([0.08, trough, later], 14))


@pytest.mark.parametrize(
    ("trough", "later", "there"),
    [(0.0199, 0.05, 1.0), (0.0201, 0.05, 0.0), (0.01, 0.0201, 1.0), (0.01, 0.0199, 0.0)],
)
def test_a_second_wave_falls_to_a_quarter_and_doubles(trough, later, there):
    assert late_bump(_wave(trough, later)).probability == there


@pytest.mark.parametrize(("later", "there"), [(0.00072, 1.0), (0.00071, 0.0)])
def test_a_second_wave_brings_half_a_percent_of_the_unconverted_in_a_week(later, there):
    assert late_bump(_wave(0.0001, later)).probability == there  # 7 x .000714 = .005


@pytest.mark.parametrize(("p", "code"), [(0.95, LATE_BUMP), (0.949, PLATEAU)])
def test_a_second_wave_is_said_from_95_percent(p, code):
    bump = LateBump(p, 20, 30, 3.0, 2.0, 4.0, 0.3)
    flat = PlateauDay("below_early(0.1)", np.full(10, 9.0))
    said = verdict(flat, bump, window_days=60, day_index=0, slow=(20, 0.4))
    assert said.code == code


@pytest.mark.parametrize(("none", "code"), [(50, PLATEAU), (51, NO_PLATEAU)])
def test_no_plateau_is_said_when_it_is_likelier_than_one(none, code):
    flat = PlateauDay("below_early(0.1)", np.where(np.arange(100) < none, np.inf, 9.0))
    nothing = LateBump(0.0, *[float("nan")] * 6)
    assert verdict(flat, nothing, window_days=60, day_index=0, slow=(20, 0.4)).code == code


@pytest.mark.parametrize(("days", "weekly"), [(60, False), (61, True)])
def test_more_than_sixty_cohorts_are_drawn_as_weeks(days, weekly):
    dates = pd.date_range("2026-01-05", periods=days)
    curve = pd.DataFrame({"signup_date": dates, "group": "all", "day": 0, "signups": 10,
                          "buyers": 1, "observed": True})  # fmt: skip
    assert heat(curve).weekly is weekly


@pytest.mark.parametrize(
    ("change", "word"),
    [({}, None), ({"min_signups": 201}, "201"), ({"min_follow_up_days": 40}, None),
     ({"min_follow_up_days": 41}, "at least 41"), ({"window_days": 40}, None),
     ({"window_days": 41}, "at most 40")],
)  # fmt: skip
def test_least_signups_follow_up_and_the_longest_window(change, word):
    counts = counts_from_hazard(cliff(n_ages=42), np.random.default_rng(0), n_cohorts=10, size=20)
    counts = counts.until(day(40))
    if word is None:
        require_enough(counts, config(**change))
    else:
        with pytest.raises(DataError, match=word):
            require_enough(counts, config(**change))


@pytest.mark.parametrize(
    ("good", "bad"),
    [({"draws": 100}, {"draws": 99}), ({"active_days": 1}, {"active_days": 0}),
     ({"n": 1}, {"n": 0}), ({"n": 30}, {"n": 31}),
     ({"n_min": 9, "n_max": 9}, {"n_min": 10, "n_max": 9}),
     ({"test_share": 0.9}, {"test_share": 1.0}),
     ({"fraction": 0.999}, {"fraction": 1.0}), ({"early_share": 1e-6}, {"early_share": 0.0})],
)  # fmt: skip
def test_limits_of_the_configuration(good, bad):
    assert NdayConfig().n_range() == (1, 23)  # a week of the window is left after the last one
    NdayConfig(**good)
    with pytest.raises(UsageError):
        NdayConfig(**bad)


@pytest.mark.parametrize(("index", "window"), [(0, 2), (1, 3)])
def test_the_shortest_window_has_a_day_after_the_first_message(index, window):
    CohortConfig(day_index=index, window_days=window)
    with pytest.raises(UsageError, match="window_days"):
        CohortConfig(day_index=index, window_days=window - 1)
    last = CohortConfig(day_index=index, expiry_days=[index + 1, 30])
    assert last.expiry_ages == (1, 30 - index)
    with pytest.raises(UsageError, match="expiry_days"):
        replace(last, expiry_days=[index])


@pytest.mark.parametrize("ones", [1, 99])
def test_an_interval_holds_its_own_estimate(ones):
    """One draw in a hundred away from the others moves the mean beyond both quantiles."""
    draws = np.repeat([1.0, 0.0], [ones, 100 - ones])
    found = interval(draws)
    assert found["q05"] <= found["mean"] <= found["q95"]
    table = columns(a=np.column_stack([draws, np.linspace(0, 1, 100)]))
    assert (table["a_q05"] <= table["a"]).all()
    assert (table["a"] <= table["a_q95"]).all()
    assert table["a_q05"][1] == pytest.approx(0.05)
