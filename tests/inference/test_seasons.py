"""Multipliers of the calendar: their posterior's formula and gradient, and recovery."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from churnlab import models as likelihoods
from churnlab.errors import DataError, UsageError
from churnlab.inference import fit_population, fit_seasons
from churnlab.inference.targets.clock_target import ClockTarget, DatedDays
from churnlab.inference.ways.laplace import sample_laplace
from churnlab.inference.ways.mode import find_mode
from churnlab.simulate import simulate_btyd
from churnlab.summary import Calendar, Cells, Clock, Dated
from churnlab.summary.calendar import number

START = dt.date(2022, 1, 1)
THETA = {
    "bg_nbd": (0.8, 30.0, 0.6, 3.0),
    "mbg_nbd": (0.8, 30.0, 0.6, 3.0),
    "pareto_nbd": (0.8, 30.0, 0.6, 100.0),
}
#: Log multipliers of a shop with a Christmas trade and a summer hole.
WAVE = np.array([-0.3, -0.2, 0, 0.1, 0.2, -0.1, -0.4, 0, 0.1, 0.2, 0.5, 0.8])
MONTHS = Calendar("month")


def daily(log_multipliers: np.ndarray, days: int) -> np.ndarray:
    """Rate of each day, mean 1 over the days after the first."""
    rate = np.exp(log_multipliers)[MONTHS.codes(number(START) + np.arange(days))]
    return rate / rate[1:].mean()


def dated_log(model: str, n: int, days: int, seed: int, wave: np.ndarray = WAVE) -> Dated:
    rate = daily(wave, days)
    rng = np.random.default_rng(seed)
    log = simulate_btyd(model, THETA[model], n, days, rng, start=START, daily_rate=rate)
    return dated_of(log.purchases, log.as_of)


def dated_of(purchases: pd.DataFrame, as_of: dt.date) -> Dated:
    day = purchases["event_at"].to_numpy().astype("datetime64[D]").astype(np.int64)
    by = purchases.assign(day=day).groupby("customer_id")["day"].agg(["min", "max", "count"])
    return Dated.collapse(by["count"] - 1, by["min"], by["max"], day, as_of)


@pytest.mark.parametrize("model", THETA)
def test_the_likelihood_is_the_formula_on_the_clock_with_the_rates_of_the_purchase_days(model):
    dated = dated_log(model, 60, 500, 3)
    calendar = Calendar.of("month", {"sale": ["06-10", "06-20"]})
    days, free = DatedDays(dated, calendar), np.arange(13)
    target = ClockTarget(dated, days, free, model, None, sd=0.4)
    v = np.random.default_rng(1).normal(0, 0.3, target.dimension)
    m, u = target.multipliers(v[4:]), v[:4]
    clock = Clock(calendar, tuple(m), START)
    first, last = clock.time(dated.first), clock.time(dated.last)
    T = clock.time([number(dated.as_of)]) - first
    theta = target.theta_days(u[None])[0, 0][:, None]
    own = likelihoods.get(model).log_likelihood(theta, dated.x, last - first, T)
    rates = dated.repeats @ np.log(clock.rate(dated.days))
    prior = target.log_prior(u[:, None])[0][0]
    prior += -0.5 * np.sum((v[4:] / 0.4) ** 2) - 13 * np.log(0.4)
    expected = float(dated.weight @ own + rates + prior)
    # the kernel and the formula agree to 1e-12 of each customer's term
    assert target.value_and_gradient(v)[0] == pytest.approx(expected, rel=1e-10)
    assert target.values(v[None])[0] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("model", THETA)
def test_the_gradient_is_exact(model):
    dated = dated_log(model, 80, 400, 4)
    calendar = Calendar.of("month", {"sale": ["06-10", "06-20"]})
    free = np.array([0, 1, 2, 4, 5, 6, 7, 8, 11, 12])  # the others pooled to 1
    target = ClockTarget(dated, DatedDays(dated, calendar), free, model, None, sd=0.4)
    v = np.random.default_rng(2).normal(0, 0.3, target.dimension)
    gradient, h = target.value_and_gradient(v)[1], 1e-5
    steps = h * np.eye(len(v))
    slow = [(target.values((v + e)[None]) - target.values((v - e)[None]))[0] for e in steps]
    # rounding: values near 1e3 carry 1e-13 of them, divided by 2e-5
    np.testing.assert_allclose(gradient, np.array(slow) / (2 * h), atol=1e-4)


def test_mean_multiplier_of_the_log_is_one_and_pooled_buckets_stay_average():
    dated = dated_log("mbg_nbd", 400, 300, 5)  # ends in October: November, December never seen
    found = fit_seasons(dated, MONTHS)
    table = found.table
    assert (table["days"] @ table["multiplier"]) / table["days"].sum() == pytest.approx(1)
    unseen = table[table["days"] == 0]
    assert list(unseen["bucket"]) == ["month_11", "month_12"]
    assert (unseen["multiplier"] == 1).all()
    assert unseen["pooled"].all()
    assert unseen["q05"].isna().all()
    assert any("never seen" in w for w in found.warnings)
    assert any("less than a year" in w for w in found.warnings)


def test_multipliers_are_recovered():
    days = 800
    truth = daily(WAVE, days)[[(dt.date(2022, m, 15) - START).days for m in range(1, 13)]]
    found = fit_seasons(dated_log("mbg_nbd", 1500, days, 6), MONTHS).table
    error = np.log(found["multiplier"]) - np.log(truth)
    sd = np.log(found["q95"] / found["q05"]) / (2 * 1.645)
    # twelve errors in units of their sd: chi-squared with 12 degrees below its 99.9% point
    assert np.sum((error / sd) ** 2) < 32.9
    assert np.abs(error).max() < 0.25


def test_a_flat_truth_is_found_flat():
    found = fit_seasons(dated_log("mbg_nbd", 1500, 800, 7, wave=np.zeros(12)), MONTHS)
    assert found.spread < 0.1
    assert np.abs(np.log(found.table["multiplier"])).max() < 0.1


def test_a_fixed_small_spread_shrinks_to_one_and_a_wide_one_does_not():
    dated = dated_log("mbg_nbd", 300, 800, 8)
    tight, wide = (fit_seasons(dated, MONTHS, spread=s).table for s in ("0.01", "2"))
    assert np.abs(np.log(tight["multiplier"])).max() < 0.03
    assert np.abs(np.log(wide["multiplier"])).max() > 0.5


def test_curvature_agrees_with_joint_importance_sampling():
    dated = dated_log("mbg_nbd", 700, 800, 9)
    seasons = {
        "spring": ["03-01", "05-31"],
        "summer": ["06-01", "08-31"],
        "autumn": ["09-01", "11-30"],
    }
    calendar = Calendar.of(None, seasons)
    found = fit_seasons(dated, calendar, spread="0.4")
    target = ClockTarget(dated, DatedDays(dated, calendar), np.arange(4), "mbg_nbd", None, sd=0.4)
    sample = sample_laplace(target, find_mode(target, np.zeros(8)), 1000, np.random.default_rng(1))
    assert sample.reason == ""
    m = np.log(target.quantities(sample.u)[:, -4:])
    sd = np.log(found.table["q95"] / found.table["q05"]) / (2 * 1.645)
    # 1,000 draws know a mean to .03 sd and an sd to 2.5%: four times that, and skewness
    assert np.abs((m.mean(axis=0) - np.log(found.table["multiplier"])) / sd).max() < 0.2
    np.testing.assert_allclose(m.std(axis=0), sd, rtol=0.15)


def test_an_event_is_learnt_apart_from_its_month():
    days = 760
    rate = np.ones(days)
    sale = slice((dt.date(2023, 5, 10) - START).days, (dt.date(2023, 5, 20) - START).days)
    rate[sale] = 3.0
    # slow buyers: those of several purchases a day would count once and hide a part of the sale
    theta, rng = (0.8, 120.0, 0.6, 6.0), np.random.default_rng(10)
    log = simulate_btyd("mbg_nbd", theta, 3000, days, rng, start=START, daily_rate=rate)
    calendar = Calendar.of("month", {"sale": ["2023-05-10", "2023-05-19"]})
    found = fit_seasons(dated_of(log.purchases, log.as_of), calendar).table.set_index("bucket")
    sale_row = found.loc["sale"]
    sd = np.log(sale_row["q95"] / sale_row["q05"]) / (2 * 1.645)
    assert abs(np.log(sale_row["multiplier"] * rate[1:].mean() / 3.0)) < 3 * sd
    assert sd < 0.15
    assert found.loc["month_05", "multiplier"] < 1.25


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        ({"model": "mbg_cnbd_k"}, UsageError, "Erlang gaps on a clock"),
        ({"spread": "Normal(mu=0, sigma=1)"}, UsageError, "prior of a positive number"),
        ({"spread": "-1"}, UsageError, "must be positive"),
        ({"calendar": Calendar.of(None, {"later": ["2030-01-01", "2030-01-02"]})}, DataError,
         "'later' has no day between 2022-01-0"),
        ({"calendar": Calendar.of(None, {"always": ["2022-01-01", "2022-12-01"]})}, DataError,
         "two buckets"),
    ],
)  # fmt: skip
def test_what_cannot_be_learnt_is_refused(call, error, words):
    dated = dated_log("mbg_nbd", 60, 200, 11)
    with pytest.raises(error, match=words):
        fit_seasons(dated, call.pop("calendar", MONTHS), **call)


def coverage(seeds: range, wave: np.ndarray, n: int) -> tuple[float, float, float]:
    """Coverage of the multipliers' and of the population's 90% intervals; largest widening."""
    days, hits, inside, wide = 800, [], [], []
    rate = daily(wave, days)
    truth = rate[[(dt.date(2022, m, 15) - START).days for m in range(1, 13)]]
    theta = np.array(THETA["mbg_nbd"])
    for seed in seeds:
        dated = dated_log("mbg_nbd", n, days, 100 + seed, wave)
        found = fit_seasons(dated, MONTHS)
        hits.append((found.table["q05"] <= truth) & (truth <= found.table["q95"]))
        first, last = (found.clock.time(v) for v in (dated.first, dated.last))
        T = found.clock.time([number(dated.as_of)]) - first
        who = np.repeat(np.arange(len(dated.x)), dated.weight.astype(int))
        cells = Cells.collapse(dated.x[who], (last - first)[who], T[who])[0]
        draws = fit_population(cells, draws=400, seed=seed).draws.theta[:, 0]
        # mean rate and mean dropout: what the data know well
        drawn = np.stack([draws[:, 0] / draws[:, 1], draws[:, 2] / draws[:, 2:].sum(axis=1)])
        known = np.array([theta[0] / theta[1], theta[2] / theta[2:].sum()])
        low, high = np.quantile(drawn, [0.05, 0.95], axis=1)
        inside.append((low <= known) & (known <= high))
        wide.append(found.widening)
    return float(np.mean(hits)), float(np.mean(inside)), max(wide)


def test_intervals_cover_in_a_few_simulations():
    hits, _, wide = coverage(range(3), WAVE, 400)
    assert hits >= 0.72  # 36 intervals at 90%: binomial, three and a half sd below
    assert wide < 1.02


@pytest.mark.slow
@pytest.mark.parametrize("wave", [WAVE, np.zeros(12)], ids=["season", "flat"])
def test_intervals_cover_the_truth_in_85_to_95_percent(wave):
    """100 simulations; under a flat truth the prior's spread is small and intervals cover more."""
    hits, inside, wide = coverage(range(100), wave, 700)
    print(f"multipliers {hits:.3f}, population {inside:.3f}, widening {wide:.4f}")
    top = 0.95 if wave.any() else 1.0
    assert 0.85 <= hits <= top
    assert 0.85 <= inside <= 0.95
    assert wide < 1.02
