"""A calendar that switches itself on: where two years show that forecasts gain, nowhere else."""

from __future__ import annotations

import arviz as az
import numpy as np
import pandas as pd
import pytest

import churnlab as cl
from churnlab.candidates import Context, candidate_named
from churnlab.events import log_from_frames
from churnlab.fitting import seasonal
from churnlab.fitting.by_customer import in_days
from churnlab.fitting.report.data import repeats_by_week
from churnlab.fitting.seasonal import (
    LEAST_EFFECT,
    LEAST_HISTORY,
    MOST_WINDOWS,
    SURE,
    Evidence,
    months_pay,
)
from churnlab.origins.panel import Panel
from churnlab.origins.targets import Target
from churnlab.simulate import simulate_btyd
from churnlab.summary import Clock

FLAT = "HalfNormal(sigma=0.5)"


@pytest.fixture(scope="module")
def log():
    """Nine hundred days with a high season in November."""
    days = np.arange(900)
    season = 1 + 0.8 * np.cos(2 * np.pi * (days - 330) / 365.25)
    made = simulate_btyd("mbg_nbd", (2.0, 60.0, 0.8, 8.0), 500, 900, np.random.default_rng(3),
                         inflow_days=300, daily_rate=season)  # fmt: skip
    return log_from_frames({"purchases": made.purchases}, as_of=made.as_of)


def test_a_season_seen_twice_switches_months_on_and_says_so(log) -> None:
    fit = cl.fit(cl.summarise(log), draws=100)
    assert fit.config.calendar == "month"
    assert fit.seasons is not None
    said = next(w for w in fit.warnings if "model.calendar=auto" in w)
    assert "months of the year; with months" in said
    assert fit.seasons.table["multiplier"].max() > 1.3
    weekly = fit.forecast(weeks=8)
    ahead = fit.customers(horizon_days=56)["expected_purchases"].sum()
    assert weekly["expected"].sum() == pytest.approx(ahead, rel=0.01)
    busy = fit.seasons.clock.ahead(fit.data.as_of, 56.0) / 56
    assert abs(busy - 1) > 0.05  # eight weeks that are not average ones


def test_a_clock_and_plain_days_compare_in_days(log) -> None:
    """What the clock adds is what its joint density has of it, less the multipliers learnt."""
    summary = cl.summarise(log)
    plain = cl.ModelConfig(calendar=None)
    fits = {"clock": cl.fit(summary, draws=200), "days": cl.fit(summary, model=plain, draws=200)}
    seasons = fits["clock"].seasons
    assert seasons is not None
    added = float(seasons.table["repeats"] @ np.log(seasons.table["multiplier"]))
    assert in_days(fits["clock"]).sum() == pytest.approx(added - seasons.learnt)
    assert 8 < seasons.learnt < 12  # twelve months, seen with hundreds of purchases each
    ours = cl.compare(fits)
    assert ours.loc["days", "elpd_diff"] < -5 * ours.loc["days", "diff_se"] < 0
    assert np.isnan(ours.loc["clock", "log_evidence"])
    theirs = az.compare({n: f.posterior for n, f in fits.items()}, round_to="none").loc[ours.index]
    np.testing.assert_allclose(theirs["elpd"], ours["elpd"], atol=0.5)
    np.testing.assert_allclose(theirs["dse"], ours["diff_se"], atol=0.2)


def test_a_clock_that_runs_evenly_changes_no_picture(log) -> None:
    """On a clock of ones, and in plain days, the week by week is the same; a season moves it."""
    fit = cl.fit(cl.summarise(log), draws=100)
    even = fit.data.on_clock(Clock.flat(fit.seasons.clock.calendar, fit.data.as_of))
    weeks = repeats_by_week(fit.draws, cl.summarise(log))
    pd.testing.assert_frame_equal(repeats_by_week(fit.draws, even), weeks)
    seasonal = repeats_by_week(fit.draws, fit.data)
    error = [(t["cumulative_expected"] - t["cumulative_actual"]).abs().mean()
             for t in (seasonal, weeks)]  # fmt: skip
    assert error[0] < 0.7 * error[1]


def test_a_short_log_keeps_plain_days_whatever_its_season(log) -> None:
    short = cl.summarise(log.until("2025-06-30"))
    fit = cl.fit(short, draws=100)
    assert fit.config.calendar is None
    assert fit.seasons is None
    assert not any("calendar" in w for w in fit.warnings)
    plain = cl.fit(short, model=cl.ModelConfig(calendar=None), draws=100)
    np.testing.assert_array_equal(fit.draws.theta, plain.draws.theta)


@pytest.mark.parametrize(("short_of", "asked"), [(0, True), (1, False)])
def test_two_years_are_needed(short_of: int, asked: bool, monkeypatch) -> None:
    """Everybody comes every 30 days, from day 0 on: the first day decides."""
    monkeypatch.setattr(seasonal, "LEAST_EFFECT", 0.0)
    row = np.repeat(np.arange(60), 24)
    day = np.tile(np.arange(24) * 30, 60) + np.repeat(np.arange(60) % 30, 24)
    found = months_pay(row, day, LEAST_HISTORY - 1 - short_of, "mbg_nbd", {}, FLAT)
    assert bool(found.gains) == asked


@pytest.mark.parametrize(("effect", "asked"), [(LEAST_EFFECT, True), (0.999 * LEAST_EFFECT, False)])
def test_a_month_must_move_the_rate(log, monkeypatch, effect: float, asked: bool) -> None:
    monkeypatch.setattr(seasonal._Window, "effect", effect)
    monkeypatch.setattr(seasonal._Window, "gain", lambda self, n: np.arange(n) % 2.0)
    row, day = Panel.from_log(log).until(log.as_of).some_purchases(300, 1)
    found = months_pay(row, day, int(day.max()), "mbg_nbd", {}, FLAT)
    assert found.gains == ((150.0,) * 4 if asked else ())


def test_erlang_gaps_and_arrays_take_no_calendar(log) -> None:
    regular = cl.fit(cl.summarise(log), model=cl.ModelConfig(name="mbg_cnbd_k", k=2), draws=100)
    assert regular.seasons is None
    x = cl.summarise(log).customers
    arrays = cl.Summary.from_arrays(x["x"], x["t_x"], x["T"], as_of=log.as_of)
    assert cl.fit(arrays, draws=100).seasons is None


def test_a_gain_must_be_sure_and_in_most_windows() -> None:
    gains = (1.0,) * MOST_WINDOWS + (-0.5,)
    total = sum(gains)
    assert Evidence(gains, total / SURE * 0.999).pays
    assert not Evidence(gains, total / SURE * 1.001).pays
    assert not Evidence((9.0,) * (MOST_WINDOWS - 1) + (-1.0,) * 2, 0.1).pays
    assert not Evidence().pays


def test_the_candidate_is_the_plain_model_until_months_pay(log) -> None:
    panel, target = Panel.from_log(log), Target("fixed_days", 60.0)
    context = Context(draws=100, counts=False)
    early, late = (panel.until(log.as_of.replace(year=y, month=3, day=1)) for y in (2025, 2026))
    risks = {
        (name, past.origin.year): candidate_named(name).forecast(past, target, context).risk
        for name in ("mbg_nbd", "mbg_nbd@auto", "mbg_nbd@month")
        for past in (early, late)
    }
    np.testing.assert_array_equal(risks["mbg_nbd@auto", 2025], risks["mbg_nbd", 2025])
    np.testing.assert_array_equal(risks["mbg_nbd@auto", 2026], risks["mbg_nbd@month", 2026])
    assert not np.array_equal(risks["mbg_nbd", 2026], risks["mbg_nbd@month", 2026])
