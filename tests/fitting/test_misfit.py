"""Misfit speaks: each way of being wrong is seen and named with its cure; false alarms are rare."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

import churnlab as cl
from churnlab.events import log_from_frames
from churnlab.fitting.misfit import Fitted, Misfit, checks, measures, sentences
from churnlab.fitting.misfit.checks import CHECKS, FALSE_ALARMS, judge
from churnlab.fitting.misfit.measures import Figures, Histories
from churnlab.fitting.misfit.replicates import Purchases, replicate
from churnlab.fitting.misfit.words import FOLLOWS, sentence
from churnlab.fitting.sample import Sample
from churnlab.models.draws import PopulationDraws
from churnlab.simulate import simulate_btyd
from churnlab.summary import Calendar, Clock, Summary, summarise

MBG = (1.2, 60.0, 0.8, 3.0)


def summary_of(model="mbg_nbd", theta=MBG, n=1500, days=730, seed=1, **how) -> Summary:
    log = simulate_btyd(model, theta, n, days, np.random.default_rng(seed), **how)
    return summarise(log_from_frames({"purchases": log.purchases}, as_of=log.as_of))


def season(days: int) -> np.ndarray:
    return 1 + 0.6 * np.cos(2 * np.pi * (np.arange(days) - 330) / 365.25)


def growth(days: int) -> np.ndarray:
    return np.exp(1.5 * (np.arange(days) / days - 0.5))


@pytest.mark.parametrize(
    ("check", "cure", "how"),
    [
        ("season", "model.calendar=month", {"days": 1000, "daily_rate": season(1000)}),
        ("season", "two years", {"days": 700, "daily_rate": season(700)}),
        ("trend", "data.history_from=", {"days": 730, "daily_rate": growth(730)}),
        ("regularity", "model=mbg_cnbd_k", {"gap_shape": 4.0}),
        ("regularity", "gradient_boosting", {"gap_shape": 0.35}),
        ("yearly", "gradient_boosting", {"days": 2000, "yearly_share": 0.5}),
    ],
    ids=["season", "short season", "growth", "regular", "bursts", "yearly"],
)
def test_each_way_of_being_wrong_is_named_first_with_its_cure(check, cure, how):
    plain = cl.ModelConfig(calendar=None)  # with `auto` the season would be in the fit
    fit = cl.fit(summary_of(inflow_days=how.get("days", 730) // 2, **how), model=plain)
    first = fit.misfit[0]
    assert (first.check, first.flagged) == (check, True)
    said = fit.say_misfit()[0]
    assert f"({check})" in said
    assert cure in said
    assert said in fit.warnings
    assert f"({check})" in fit.say_misfit("ko")[0]


def test_lifetimes_that_age_are_named_and_the_cure_cures():
    """Weibull, shape 4: P(alive) of MBG is far off, that of the model named is not."""
    rng = np.random.default_rng(26)
    rows, alive = [], {}
    for i in range(1500):
        rate, life, born, t = rng.gamma(2, 1 / 60), 500 * rng.weibull(4), rng.integers(0, 300), 0.0
        while t <= min(life, 700 - born):
            rows.append((f"a{i:04d}", int(born + t)))
            t += rng.exponential(1 / rate)
        alive[f"a{i:04d}"] = born + life > 700
    frame = pd.DataFrame(rows, columns=["customer_id", "day"])
    frame["event_at"] = pd.Timestamp("2022-01-01") + pd.to_timedelta(frame["day"], "D")
    made = summarise(log_from_frames({"purchases": frame[["customer_id", "event_at"]]}))
    wrong, right = (cl.fit(made, model=name, draws=300) for name in ("mbg_nbd", "ggom_nbd"))
    assert wrong.misfit[0].check == "ageing"
    assert "model=ggom_nbd" in wrong.say_misfit()[0]
    assert right.say_misfit() == []
    truth = made.customers["customer_id"].map(alive).mean()
    means = [fit.p_alive()["p_alive"].mean() for fit in (wrong, right)]
    assert means[0] - truth > 0.2
    assert abs(means[1] - truth) < 0.03


@pytest.mark.parametrize(
    ("model", "theta"), [("mbg_nbd", MBG), ("bg_nbd", MBG), ("pareto_nbd", (1.2, 60.0, 0.7, 200.0))]
)
def test_a_well_specified_fit_is_not_warned_of(model, theta):
    fit = cl.fit(summary_of(model, theta, inflow_days=500), model=model)
    assert [one.check for one in fit.misfit if one.flagged] == []
    assert {one.check for one in fit.misfit} >= set(CHECKS) - {"yearly"}


def test_a_season_that_the_fit_knows_is_none():
    made = summary_of(days=1000, inflow_days=500, daily_rate=season(1000))
    fit = cl.fit(made, model=cl.ModelConfig(calendar="month"))
    assert "season" not in {one.check for one in fit.misfit if one.flagged}


def test_without_dates_the_checks_that_need_none_are_made():
    people = summary_of(inflow_days=500).customers
    bare = Summary.from_arrays(people["x"], people["t_x"], people["T"], as_of="2023-12-31")
    assert {m.check for m in cl.fit(bare).misfit} == {n for n, c in CHECKS.items() if not c.dated}


def test_two_purchases_on_a_day_leave_nothing_to_check():
    frame = pd.DataFrame(
        {"customer_id": list("aabbc") * 60, "event_at": pd.Timestamp("2024-01-01")}
    )
    frame["customer_id"] += (np.arange(300) // 5).astype(str)
    frame.loc[::3, "event_at"] += pd.Timedelta(days=40)
    log = log_from_frames({"purchases": frame}, as_of="2024-06-30", purchase_unit="order",
                          duplicates="keep")  # fmt: skip
    made = summarise(log)
    draws = PopulationDraws("mbg_nbd", 1, np.array([[MBG]]))
    assert checks.check_fit(made, Sample.of(made, 1), draws) == []


def test_replicates_have_the_rate_and_dropout_of_the_draws():
    """On a day grid, too: customers who buy nearly daily have as many purchase-days as days say."""
    n, days = 4000, 60
    draws = PopulationDraws("mbg_nbd", 1, np.array([[(4000.0, 8000.0, 1e-4, 1e4)]]))
    first = np.full(n, 100)
    made = replicate(draws, np.zeros(n, np.int64), first, 99 + days, np.random.default_rng(1))
    assert np.bincount(made.row, minlength=n).mean() == pytest.approx(0.5 * (days - 0.5), rel=0.02)
    assert made.day.min() > 100
    assert made.day.max() == 99 + days
    assert made.gap.min() == 1
    tossed = PopulationDraws("mbg_nbd", 1, np.array([[(4000.0, 8000.0, 3e4, 7e4)]]))
    left = replicate(tossed, np.zeros(n, np.int64), first, 99 + days, np.random.default_rng(1))
    once = (np.bincount(left.row, minlength=n) == 0).mean()
    assert once == pytest.approx(0.3, abs=0.025)  # the toss at the first purchase


def test_replicates_on_a_clock_follow_its_days():
    months = Calendar("month")
    rates = np.array([3.0] + [0.5] * 11)
    clock = Clock(months, tuple(rates), dt.date(2020, 12, 31))
    draws = PopulationDraws("mbg_nbd", 1, np.array([[(50.0, 2500.0, 1e-4, 1e4)]]))
    first = np.full(3000, (dt.date(2020, 12, 31) - dt.date(1970, 1, 1)).days)
    made = replicate(draws, np.zeros(3000, np.int64), first, int(first[0]) + 59,
                     np.random.default_rng(1), clock=clock)  # fmt: skip
    january = ((made.day - first[0]) <= 31).sum() / 31
    february = ((made.day - first[0]) > 31).sum() / 28
    assert january / february == pytest.approx(6.0, rel=0.1)


def histories(gaps, first=0, end=1000) -> Histories:
    """One customer with these gaps."""
    day = first + np.cumsum(gaps)
    row = np.zeros(len(gaps), np.int64)
    return Histories.of(Purchases(row, day, np.asarray(gaps, float)), np.array([first]), end)


def test_regularity_is_the_mean_log_of_mean_gap_over_gap(monkeypatch):
    monkeypatch.setattr(measures, "ENOUGH", 1)
    even, uneven = histories([30, 30, 30]), histories([10, 20, 60])
    found = measures.regularity(uneven, even)
    want = sum(math.log(30 / gap) for gap in (10, 20, 60)) / 2
    assert math.exp(found.data[0, 0]) == pytest.approx(want)
    assert found.model[0, 0] < -15  # no inequality at all


@pytest.mark.parametrize(
    ("gap", "inner", "near"),
    [(350, 0, 1), (351, 1, 1), (379, 1, 1), (380, 0, 1), (291, 0, 0), (438, 0, 0)],
)
def test_a_gap_of_a_year_is_within_two_weeks_of_it(gap, inner, near, monkeypatch):
    monkeypatch.setattr(measures, "ENOUGH", 1)
    one = histories([gap])
    found = measures.yearly(one, one)
    assert (found.data[0, 0], bool(found.usable[0])) == (inner, bool(near))


def figures(off: float, sd: float = 0.01) -> Figures:
    """A figure so far off, whose replicates' spread (with that of their mean) is `sd`."""
    model = np.random.default_rng(1).normal(size=(100, 1))
    model = (model - model.mean()) / model.std(ddof=1) * sd / math.sqrt(1.01)
    return Figures(("one",), np.array([[off]]), model, np.array([True]))


def test_a_warning_needs_to_be_sure_and_to_matter():
    """At the edges of both: 2% over all checks together, and the least difference that counts."""
    sure, matters = student.isf(FALSE_ALARMS / len(CHECKS) / 2, 99), CHECKS["silence"].matters
    assert 0.008 * sure < matters < 0.2 * sure
    for share, want in ((1.001, True), (0.999, False)):
        assert judge("silence", figures(matters * share, sd=0.008)).flagged is want
        assert judge("silence", figures(0.2 * sure * share, sd=0.2)).flagged is want


def test_a_figure_of_few_customers_is_not_judged():
    known = figures(1.0)
    assert judge("silence", known) is not None
    assert judge("silence", dataclasses.replace(known, usable=np.array([False]))) is None


def misfit(check: str, z: float, cell: str = "4", flagged: bool = True) -> Misfit:
    return Misfit(check, cell, 0.5, 0.4, z, 0.0, flagged)


FITTED = Fitted("mbg_nbd", 1, None, dt.date(2020, 1, 1), dt.date(2021, 12, 31))


def test_consequences_of_a_stronger_misfit_are_left_unsaid():
    found = [misfit("trend", 30.0), misfit("season", 30.0 * FOLLOWS), misfit("cohorts", 9.9)]
    said = sentences(found, FITTED)
    assert [s.split(")")[0].split("(")[1] for s in said] == ["trend", "season"]
    assert sentences([misfit("trend", 3.0, flagged=False)], FITTED) == []


@pytest.mark.parametrize(
    ("one", "change", "cure"),
    [
        (misfit("season", 9.0), {"as_of": dt.date(2021, 12, 31)}, "calendar=month"),  # 730 days
        (misfit("season", 9.0), {"as_of": dt.date(2021, 12, 30)}, "two years"),
        (misfit("season", 9.0), {"calendar": "month"}, "model.calendar=week"),
        (misfit("regularity", -9.0), {"model": "mbg_cnbd_k", "k": 6}, "k = 6"),
        (misfit("ageing", 9.0), {"model": "ggom_nbd"}, "model.group"),
        (misfit("ageing", -9.0), {}, "model=pareto_nbd"),
        (misfit("cohorts", 9.0, "1"), {}, "data.history_from"),
        (misfit("cohorts", -9.0, "1"), {}, "signup_month"),
        (misfit("silence", 9.0, "8+ 30 "), {}, "30+ days"),
    ],
)
def test_the_cure_depends_on_what_is_fitted(one, change, cure):
    for lang in ("en", "ko"):
        said = sentence(one, FITTED._replace(**change), lang)
        assert said.endswith(".")
        assert said.count(". ") <= 1
    assert cure in sentence(one, FITTED._replace(**change))


def test_a_log_without_a_month_that_counts_is_judged_by_the_other_checks():
    few = summary_of(n=40, days=90, seed=2)
    found = cl.fit(few, draws=100, check=False).misfit
    assert not {"trend", "season"} & {one.check for one in found}
