"""Pictures and words: the numbers drawn are those of the tables; both languages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from churnlab.errors import UsageError
from churnlab.nday import NdayConfig, run_nday
from churnlab.nday.config import NdayCosts
from churnlab.nday.report import data, say, text
from churnlab.nday.report import plots as draw
from churnlab.report import style
from churnlab.runs.hashing import to_jsonable

from .simulators import cliff, config, counts_from_hazard, day, frames_from_counts

COSTS = NdayCosts(margin=20, coupon=5, message=0.05, revenue=60)


@pytest.fixture(scope="module")
def result():
    counts = counts_from_hazard(cliff(), np.random.default_rng(0), n_cohorts=60, size=40)
    members, purchases = frames_from_counts(counts)
    cfg = NdayConfig(cohort=config(), draws=150, costs=COSTS)
    source = {"members": members, "purchases": purchases}
    return run_nday(source, cfg, as_of=day(80), seed=1)


@pytest.fixture(scope="module")
def rule(result):
    return to_jsonable(result.rule)


def test_curve_keeps_to_whole_cohorts(result):
    found = data.curve(result.curve, result.tables["fitted"])
    assert found.cohorts.shape == (60, 31)
    # The last cohort, signed up on day 59, is observed to its day 21.
    assert np.isfinite(found.cohorts[-1]).sum() == 22
    own = result.curve[result.curve["signup_date"] == pd.Timestamp(day(3))]["ratio"]
    assert found.cohorts[3] == pytest.approx(own.to_numpy(float))
    assert found.data[-1] == result.tables["fitted"]["converted"].iloc[30]


def test_many_cohorts_are_drawn_as_weeks():
    dates = pd.date_range("2026-01-05", periods=70)  # A Monday.
    curve = pd.DataFrame(
        {"signup_date": dates, "group": "all", "day": 0, "signups": 10, "buyers": range(70),
         "ratio": 0.0, "observed": True, "complete": True}
    )  # fmt: skip
    lines = data._by_signup(curve).to_numpy(float)
    assert lines.shape == (10, 1)
    assert lines[0, 0] == sum(range(7)) / 70


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_pictures_draw_in_both_languages(result, rule, lang):
    best = result.tables["best"]
    curve = data.curve(result.curve, result.tables["fitted"])
    values = data.at_uplift(result.tables["value"])
    with style.styled():
        figure, axes = plt.subplots(1, 5, figsize=(28, 5))
        draw.draw_curve(axes[0], curve, n=10, lang=lang)
        draw.draw_hazard(axes[1], curve, threshold=0.001, lang=lang)
        draw.draw_plateau(axes[2], result.tables["plateau"], lang=lang)
        draw.draw_value(axes[3], values, n=10, lang=lang)
        held = data.held_out(result.tables["backtest"], "counts")
        draw.draw_held_out(axes[4], held, lang=lang)
        figure.canvas.draw()
        plt.close(figure)
    first = values[values["reading"] == values["reading"].iloc[0]]
    assert axes[3].lines[0].get_ydata() == pytest.approx(first["value"].to_numpy())
    top = first.loc[first["value"].idxmax(), "n"]
    assert str(top) in axes[3].get_legend().get_texts()[0].get_text()
    for words in (
        text.question(rule, lang),
        text.answer(rule, lang),
        text.best_table(rule, best, lang),
        text.plateau_claim(rule, lang),
        text.flat_sentence(rule, result.tables["flat"], lang),
        text.value_claim(rule, best, lang),
        text.cannot_tell(rule, lang),
        text.checks(rule, result.tables["checks"], lang),
        say("mind", lang),
    ):
        assert words
        assert "nan" not in words
        korean = any("가" <= c <= "힣" for c in words)
        assert korean == (lang == "ko")


def test_answer_claims_no_uplift_without_an_experiment(result, rule):
    said = text.answer(rule)
    assert "No uplift is claimed" in said
    measured = {**rule, "uplift": {"mean": 0.05, "q05": 0.03, "q95": 0.07}}
    assert "5.0% (3.0%–7.0%)" in text.answer(measured)
    with pytest.raises(UsageError, match="lang must be one of en, ko"):
        text.question(rule, "fr")


def test_heat_map_is_the_curve_by_signup_day(result):
    found = data.heat(result.curve)
    assert not found.weekly
    assert found.ratio.shape == (60, 31)
    assert np.isnan(found.ratio[-1, 22:]).all()
    own = result.curve[result.curve["signup_date"] == pd.Timestamp(day(3))]["ratio"]
    assert found.ratio[3] == pytest.approx(own.to_numpy(float))
    assert found.dates[3] == np.datetime64(day(3))


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_heat_map_curve_and_value_mark_plateau_and_recommendation(result, rule, lang):
    flat = data.headline(rule)
    assert flat[0] in (9, 10, 11)
    with style.styled():
        figure, axes = plt.subplots(1, 3, figsize=(20, 6))
        draw.draw_heat(axes[0], data.heat(result.curve), plateau=flat, n=10, lang=lang)
        curve = data.curve(result.curve, result.tables["fitted"])
        draw.draw_curve(axes[1], curve, plateau=None, n=10, lang=lang)
        draw.draw_value(axes[2], data.at_uplift(result.tables["value"]), recommended=12, lang=lang)
        figure.canvas.draw()
        said = [[t.get_text() for t in ax.get_legend().get_texts()] for ax in axes]
        plt.close(figure)
    day_of = f"{flat[0]:.0f}"
    assert any(day_of in t and ("plateau" in t or "멈추는" in t) for t in said[0])
    assert any("no plateau" in t or "멈추는 날 없음" in t for t in said[1])
    assert any("12" in t and ("recommended" in t or "권장" in t) for t in said[2])


def test_no_headline_without_a_plateau(rule):
    slow = {"median": 20.0, "q05": 18.0, "q95": None, "p_none": 0.501}
    headline = rule["plateau"]["headline"]
    no = {"plateau": {"headline": headline, "definitions": {headline: slow}}}
    assert data.headline(no) is None
    maybe = {"plateau": {"headline": headline, "definitions": {headline: {**slow, "p_none": 0.5}}}}
    assert data.headline(maybe) == (20.0, 18.0, None)


def test_group_curves_are_ordered_and_drawn():
    counts = counts_from_hazard(
        cliff(), np.random.default_rng(1), n_cohorts=40, size=30, groups=("a", "b"),
        group_shift={"a": -0.5, "b": 0.5},
    )  # fmt: skip
    members, purchases = frames_from_counts(counts)
    cfg = NdayConfig(cohort=config(by="lead_type"), draws=150, backtest=False)
    source = {"members": members, "purchases": purchases}
    table = run_nday(source, cfg, as_of=day(80), seed=1).tables["fitted"]
    figure, ax = plt.subplots()
    draw.draw_groups(ax, table, n=10)
    said = [t.get_text() for t in ax.get_legend().get_texts()]
    assert said[:2] == ["b: 1,200 signups", "a: 1,200 signups"]
    plt.close(figure)
