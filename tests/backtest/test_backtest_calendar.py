"""Candidates on a clock: no look at the future, better in a season, harmless without one."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from churnlab.backtest import DEFAULT_CANDIDATES, Context, Panel, Target, candidate_named
from churnlab.backtest.scores.tracking import weekly_expected
from churnlab.candidates import calendar
from churnlab.candidates.stacked import Stacked
from churnlab.errors import FitRefusedError, UsageError
from churnlab.events import EventLog, read_events
from churnlab.fitting import ModelConfig
from churnlab.fitting.seasonal import LEAST_HISTORY, Evidence
from churnlab.origins.training import training_for
from churnlab.simulate import simulate_btyd
from churnlab.summary import Clock, summarise
from churnlab.workflows.backtest import _usual

START, DAYS = dt.date(2021, 1, 1), 1000
ORIGIN = dt.date(2022, 12, 31)  # two years behind, the quiet half of the year ahead
#: The year's halves differ by a factor of three.
HALVES = np.r_[np.full(6, 0.5), np.full(6, 1.5)]


def season_log(seed: int, halves: np.ndarray = HALVES, n: int = 800) -> EventLog:
    months = (np.datetime64(START) + np.arange(DAYS)).astype("datetime64[M]").astype(int) % 12
    rng, theta = np.random.default_rng(seed), (0.9, 30.0, 0.5, 4.0)
    log = simulate_btyd("mbg_nbd", theta, n, DAYS, rng, start=START, daily_rate=halves[months])
    return read_events(purchases=log.purchases, as_of=log.as_of)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return Panel.from_log(season_log(1))


LIGHT = Context(draws=200, counts=False, score_draws=32)


def losses(panel: Panel, name: str, horizon: int = 91, context: Context = LIGHT):
    """Squared errors of the risk and of the expected count, per customer."""
    past, target = panel.until(ORIGIN), Target("fixed_days", float(horizon))
    forecast = candidate_named(name).forecast(past, target, context)
    counts = panel.counts(past, target.windows(past))
    assert forecast.risk is not None
    assert forecast.expected is not None
    return (forecast.risk - (counts == 0)) ** 2, (forecast.expected - counts) ** 2, forecast, counts


@pytest.mark.parametrize(
    ("days", "asked", "own"),
    [
        (LEAST_HISTORY, {}, ["mbg_nbd@auto"]),
        (LEAST_HISTORY - 1, {}, []),
        (300, {"calendar": "month"}, ["mbg_nbd@month"]),
        (LEAST_HISTORY, {"calendar": None}, []),
        (LEAST_HISTORY, {"name": "mbg_cnbd_k"}, []),
    ],
)
def test_the_default_set_has_the_model_that_a_fit_uses(days, asked, own):
    bought = [START, START + dt.timedelta(days=days - 1)]
    rows = pd.DataFrame({"customer_id": ["a", "b"], "event_at": pd.to_datetime(bought)})
    log = read_events(purchases=rows, as_of=bought[-1])
    assert _usual(log, ModelConfig(**asked)) == [*DEFAULT_CANDIDATES, *own]


@pytest.mark.parametrize("short_of", [0, 1])
def test_an_origin_is_asked_from_two_years_on(panel, monkeypatch, short_of):
    origin = panel.first_day + dt.timedelta(days=LEAST_HISTORY - 1 - short_of)
    monkeypatch.setattr(calendar, "months_pay", lambda *_: Evidence((1.0,) * 4, 0.1))
    asked = candidate_named("mbg_nbd@auto")._months_pay(panel.until(origin), Context())  # type: ignore[attr-defined]
    assert asked is (short_of == 0)


def test_in_a_season_the_clock_betters_the_forecast(panel):
    plain, timed = losses(panel, "mbg_nbd"), losses(panel, "mbg_nbd@month")
    for without, with_clock in zip(plain[:2], timed[:2], strict=True):
        gain = without - with_clock
        assert gain.mean() > 3 * gain.std() / np.sqrt(len(gain))  # paired, three standard errors
    counts = plain[3]
    assert plain[2].expected.sum() > 1.4 * counts.sum()  # half the rate is coming, unseen by it
    assert timed[2].expected.sum() == pytest.approx(counts.sum(), rel=0.15)


def test_the_stack_has_the_season_of_its_origin_at_all_earlier_ones(panel, monkeypatch):
    """Its last member knows one clock; learners see a quarter once and its height in their rows."""
    past, target, found = panel.until(ORIGIN), Target("fixed_days", 91.0), Stacked()
    found.family = found.family[:1]
    made = found.forecast(past, target, LIGHT)
    assert made.details["months"] is True
    monkeypatch.setattr(calendar, "months_pay", None)  # the origin has been asked
    on_clock = candidate_named("mbg_nbd@auto").forecast(past, target, LIGHT)
    np.testing.assert_array_equal(made.p_alive, on_clock.p_alive)
    family = found.learn(past, target, LIGHT).stack.family
    own = expit(family[1].logit(past, target.windows(past)))
    np.testing.assert_allclose(own, on_clock.risk, rtol=1e-6)
    training = training_for(past, target, 6)
    buyers = [(counts > 0).sum() for counts in training.counts]
    pairs = list(zip(training.pasts, training.windows, strict=True))
    off = [np.array([expit(-one.logit(*pair)).sum() for pair in pairs]) / buyers for one in family]
    worst = [np.abs(bias[2:] - 1).max() for bias in off]  # a year; before, customers are few
    assert worst[1] < 0.1 < worst[0]


def test_without_a_season_the_clock_does_no_harm():
    flat = Panel.from_log(season_log(2, np.ones(12)))
    plain, timed = losses(flat, "mbg_nbd"), losses(flat, "mbg_nbd@month")
    for without, with_clock in zip(plain[:2], timed[:2], strict=True):
        harm = with_clock - without
        assert harm.mean() < 3 * harm.std() / np.sqrt(len(harm))
        assert abs(harm.mean()) < 0.01 * without.mean()


def test_weekly_expectations_follow_the_season(panel):
    past, candidate = panel.until(ORIGIN), candidate_named("mbg_nbd@month")
    draws, note = candidate.learn(past, LIGHT)  # type: ignore[attr-defined]
    clock = Clock.from_dict(note["clock"])
    weekly = weekly_expected(past, draws.thin(8), 30, clock).mean(axis=0)
    assert weekly[28:].mean() > 1.8 * weekly[20:24].mean()  # July on, against June
    assert (clock.ahead(ORIGIN, 91) < 0.7 * 91).all()


def test_what_is_learnt_does_not_change_with_the_future(panel):
    cut = Panel.from_log(season_log(1).until(ORIGIN))
    candidate = candidate_named("mbg_nbd@month")
    early, late = (
        candidate.learn(p.until(ORIGIN), Context(draws=200))  # type: ignore[attr-defined]
        for p in (cut, panel)
    )
    assert early[1]["clock"] == late[1]["clock"]
    np.testing.assert_array_equal(early[0].theta, late[0].theta)


def test_the_panel_and_the_summary_learn_from_the_same_days(panel):
    past, summary = panel.until(ORIGIN).dated(), summarise(season_log(1), ORIGIN).dated()
    for name in ("x", "first", "last", "weight", "repeats"):
        np.testing.assert_array_equal(getattr(past, name), getattr(summary, name))


def test_fits_on_other_calendars_are_other_fits(panel):
    context = Context(draws=200, counts=False, events={"sale": ["05-01", "05-10"]})
    past = panel.until(ORIGIN)
    for name in ("mbg_nbd", "mbg_nbd@events", "mbg_nbd@events"):
        candidate_named(name).learn(past, context)  # type: ignore[attr-defined]
    assert (context.cache.made["fits"], context.cache.hits["fits"]) == (2, 1)


def test_an_event_after_the_origin_is_a_refused_fit_and_no_events_an_error(panel):
    past, target = panel.until(ORIGIN), Target("fixed_days", 28.0)
    later = Context(draws=200, events={"sale": ["2023-05-01", "2023-05-10"]})
    with pytest.raises(FitRefusedError, match="'sale' has no day"):
        candidate_named("mbg_nbd@month").forecast(past, target, later)
    with pytest.raises(UsageError, match=r"model\.events"):
        candidate_named("mbg_nbd@events").forecast(past, target, LIGHT)


@pytest.mark.parametrize("name", ["mbg_nbd@moth", "recency@month", "mbg_cnbd_2@month"])
def test_unknown_clocks_are_unknown_candidates(name):
    with pytest.raises(UsageError, match="is unknown"):
        candidate_named(name)


@pytest.mark.slow
def test_over_many_simulations_the_clock_gains_in_a_season_and_loses_nothing_without():
    """Mean paired differences over simulations, judged by their spread between simulations."""
    rows = []
    for seed in range(20):
        for kind, halves in (("season", HALVES), ("flat", np.ones(12))):
            one = Panel.from_log(season_log(100 + seed, halves, n=600))
            plain, timed = losses(one, "mbg_nbd"), losses(one, "mbg_nbd@month")
            difference = timed[0].mean() - plain[0].mean()
            rows.append((kind, difference, plain[0].mean()))
    table = pd.DataFrame(rows, columns=["kind", "difference", "plain"]).groupby("kind")
    mean, error = table["difference"].mean(), table["difference"].std() / np.sqrt(20)
    print(mean, error)
    assert mean["season"] < -3 * error["season"]
    assert mean["flat"] < 3 * error["flat"]
    assert abs(mean["flat"]) < 0.003 * table["plain"].mean()["flat"]
