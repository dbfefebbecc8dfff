"""The likelihoods: gradients, quadrature, an independent maximum-likelihood fit, refusals."""

from __future__ import annotations

import time
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import binom, norm

from churnlab.errors import FitRefusedError, UsageError
from churnlab.nday.data import CohortConfig, convert, count_cohorts
from churnlab.nday.models import CONVERSION_MODELS, build
from churnlab.nday.posterior import (
    cohort_levels,
    compare,
    fit_conversion,
    population_curves,
    predict_cohorts,
    predictive_checks,
)
from churnlab.nday.posterior import fit as fit_module
from churnlab.nday.posterior.fit import cohort_data
from churnlab.nday.posterior.hmc import sample_chains
from churnlab.nday.posterior.mode import find_components

from .simulators import cliff, config, counts_from_hazard, cure_hazard, day

MODELS = list(CONVERSION_MODELS)


def _grouped():
    rng = np.random.default_rng(0)
    counts = counts_from_hazard(
        cliff(), rng, n_cohorts=30, tau=0.3, groups=("a", "b"), group_shift={"a": 0.3, "b": -0.2}
    ).until(day(40))
    return counts, config(weekday_effects=True, expiry_days=[14])


@pytest.fixture(scope="module")
def cure_counts():
    rng = np.random.default_rng(11)
    return counts_from_hazard(cure_hazard(), rng, n_cohorts=40, size=300, tau=0.2)


@pytest.mark.parametrize("name", MODELS)
def test_gradient_is_the_derivative(name):
    model = build(name, cohort_data(*_grouped()))
    theta = model.start() + np.random.default_rng(1).normal(0, 0.1, len(model.names))
    theta[0] = model.start()[0]
    for f in (model.value_and_gradient, model.log_prior):
        gradient = f(theta)[1]
        steps = 1e-5 * np.eye(len(theta))
        numeric = np.array([(f(theta + s)[0] - f(theta - s)[0]) / 2e-5 for s in steps])
        assert np.abs(gradient - numeric).max() < 1e-5 * max(1.0, np.abs(gradient).max())


@pytest.mark.parametrize("name", MODELS)
def test_cohorts_add_up_and_order_does_not_matter(name):
    counts, cfg = _grouped()
    data = cohort_data(counts, cfg)
    model = build(name, data)
    theta = model.start()
    total, _ = model.value_and_gradient(theta)
    each = model.cohort_log_likelihood(theta, data)
    assert each.sum() == pytest.approx(total, rel=1e-12)
    order = np.random.default_rng(2).permutation(len(each))
    moved = counts.select(np.ones(len(each), bool))
    moved = type(moved)(
        cohorts=moved.cohorts.iloc[order].reset_index(drop=True),
        conversions=moved.conversions[order],
        as_of=moved.as_of,
    )
    assert model.cohort_log_likelihood(theta, cohort_data(moved, cfg, like=data)) == pytest.approx(
        each[order], rel=1e-12
    )


@pytest.mark.parametrize("size", [10, 300, 100_000])
def test_quadrature_of_the_cure_model_against_scipy(size):
    rng = np.random.default_rng(3)
    counts = counts_from_hazard(cure_hazard(), rng, n_cohorts=3, size=size, tau=0.3)
    data = cohort_data(counts, config())
    model = build("cure_weibull", data)
    theta = model.start()
    theta[model.n_beta] = np.log(0.5)
    F, log_f = model.timing_table(theta[model.own_slice])
    for d in range(3):
        y = counts.conversions[d]
        Y, rest = y.sum(), size - y.sum()

        def log_integrand(z, Y=Y, rest=rest):
            c = expit(theta[0] + 0.5 * z)
            return Y * np.log(c) + rest * np.log1p(-c * F[-1]) + norm.logpdf(z)

        grid = np.linspace(-8, 8, 4001)
        peak = grid[log_integrand(grid).argmax()]
        top = log_integrand(peak)
        area = quad(
            lambda z, top=top: np.exp(log_integrand(z) - top),
            peak - 6,
            peak + 6,
            points=[peak],
            limit=400,
        )[0]
        slow = np.log(area) + top + y @ log_f
        assert model.cohort_log_likelihood(theta, data)[d] == pytest.approx(slow, abs=1e-4)


def test_hazard_model_is_a_product_of_binomials_without_spread():
    counts = counts_from_hazard(cliff(), np.random.default_rng(4), n_cohorts=10, size=80)
    counts = counts.until(day(20))
    data = cohort_data(counts, config())
    model = build("piecewise_hazard", data)
    theta = model.start()
    theta[model.n_beta] = -9.0
    G = model.curve(theta, np.zeros(1), np.zeros(1, int))[0]
    before = np.concatenate([[0.0], G[:-1]])
    h = (G - before) / (1 - before)
    y, r, seen = counts.conversions, counts.at_risk, counts.observed
    slow = (binom.logpmf(y, r, h) - binom.logpmf(0, r, 0.0) - _log_choose(r, y))[seen].sum()
    assert model.value_and_gradient(theta)[0] == pytest.approx(slow, abs=1e-3)


def _log_choose(n, k):
    from scipy.special import gammaln

    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


@pytest.mark.parametrize("name", MODELS)
def test_curves_are_distribution_functions(name):
    model = build(name, cohort_data(*_grouped()))
    levels = np.linspace(-1, 1, 4) if name == "piecewise_hazard" else np.linspace(-4, 3, 4)
    G = model.curve(model.start(), levels, np.array([0, 1, 0, 1]))
    assert (np.diff(G, axis=1) >= 0).all()
    assert (G >= 0).all()
    assert (G <= 1).all()
    assert (np.diff(model.curve(model.start(), levels, np.zeros(4, int))[:, -1]) > 0).all()


@pytest.mark.shared_data
def test_cure_fit_agrees_with_independent_maximum_likelihood(shared_data):
    """Uber's drivers, Weibull cure: weak priors and 54,681 signups, so mode = maximum."""
    raw = pd.read_parquet(shared_data / "uber_driver_signups.parquet")
    days = (raw["first_completed_date"] - raw["signup_date"]).dt.days
    y = days.value_counts().reindex(range(30), fill_value=0).to_numpy(float)
    n = len(raw)

    def negative(p):
        c, p0, k, s = expit(p[0]), expit(p[1]), np.exp(p[2]), np.exp(p[3])
        F = 1 - np.exp(-((np.arange(30) / s) ** k))
        G = c * (p0 + (1 - p0) * F)
        share = np.diff(G, prepend=0.0)
        return -(y @ np.log(share) + (n - y.sum()) * np.log1p(-G[-1]))

    start = np.array([-2.0, -5.0, 0.2, 2.3])
    found = minimize(negative, start, method="Nelder-Mead", options={"maxiter": 8000,
                     "xatol": 1e-8, "fatol": 1e-8})  # fmt: skip
    members = raw[["customer_id"]].assign(signed_up_at=raw["signup_date"])
    bought = raw[["customer_id"]].assign(event_at=raw["first_completed_date"]).dropna()
    as_of = pd.Timestamp("2016-02-29").date()
    cfg = CohortConfig(window_days=29, weekday_effects=False)
    counts = count_cohorts(convert(members, bought, as_of=as_of), cfg)
    fit = fit_conversion(counts, cfg, model="cure_weibull", draws=300, rng=np.random.default_rng(0))
    c, shape, scale = expit(found.x[0]), np.exp(found.x[2]), np.exp(found.x[3])
    own = fit.theta[:, fit.likelihood.own_slice]
    for draws, truth in (
        (np.exp(own[:, 1]), shape),
        (np.exp(own[:, 2]), scale),
        (
            population_curves(fit)[:, -1],
            c * (1 - (1 - expit(found.x[1])) * np.exp(-((29 / scale) ** shape))),
        ),
    ):
        assert abs(draws.mean() - truth) < 1.0 * draws.std() + 0.005 * truth


def test_expiry_day_gets_a_hazard_of_its_own():
    hazard = np.full(31, 0.01)
    hazard[14] = 0.08
    counts = counts_from_hazard(hazard, np.random.default_rng(5), n_cohorts=40)
    cfg = config(expiry_days=[14])
    fit = fit_conversion(counts, cfg, draws=200, rng=np.random.default_rng(0))
    G = population_curves(fit)
    h = np.diff(G, axis=1) / (1 - G[:, :-1])
    assert 0.06 < h[:, 13].mean() < 0.10
    assert 0.007 < h[:, 12].mean() < 0.013
    assert 0.007 < h[:, 14].mean() < 0.013


def test_groups_are_pooled_partially():
    rng = np.random.default_rng(6)
    big = counts_from_hazard(
        np.full(31, 0.02), rng, n_cohorts=25, size=150, groups=("a", "b", "c"),
        group_shift={"a": 0.4, "b": -0.4, "c": 0.0},
    )  # fmt: skip
    # A group with a handful of signups, all of them silent.
    few = counts_from_hazard(np.zeros(31), rng, n_cohorts=25, size=1, groups=("d",))
    cohorts = pd.concat([big.cohorts, few.cohorts], ignore_index=True)
    both = type(big)(cohorts, np.concatenate([big.conversions, few.conversions]), big.as_of)
    fit = fit_conversion(both, config(), draws=300, rng=np.random.default_rng(0))
    end = {g: population_curves(fit, both, g)[:, -1] for g in "abcd"}
    assert end["a"].mean() > end["c"].mean() > end["b"].mean()
    raw = 1 - (1 - 0.02) ** (31 * np.exp(0.4))
    assert abs(end["a"].mean() - raw) < 0.04
    # Shrunk from 0 towards the others, and unsure.
    assert end["d"].mean() > 0.05
    assert end["d"].std() > 3 * end["a"].std()


def test_held_out_score_finds_the_shape_that_made_the_data():
    rng = np.random.default_rng(7)
    train = counts_from_hazard(cliff(drop=1e6), rng, n_cohorts=30)
    test = counts_from_hazard(cliff(drop=1e6), rng, n_cohorts=30)
    fits = [
        fit_conversion(train, config(), model=m, draws=200, rng=np.random.default_rng(0))
        for m in ("cure_log_normal", "piecewise_hazard")
    ]
    table = compare(fits, test)
    assert table["model"].tolist() == ["piecewise_hazard", "cure_log_normal"]
    assert table["behind_best"].iloc[1] > 2 * table["se_behind"].iloc[1] > 0


def test_predictive_checks_pass_the_right_model_and_catch_the_wrong_one(cure_counts):
    fit = fit_conversion(
        cure_counts, config(), model="cure_weibull", draws=200, rng=np.random.default_rng(0)
    )
    good = predictive_checks(fit, cure_counts, np.random.default_rng(1)).set_index("statistic")
    assert good["inside"].sum() >= 5
    spike = cure_counts.conversions.copy()
    spike[:, 25] += 20
    bad = type(cure_counts)(cure_counts.cohorts, spike, cure_counts.as_of)
    fit = fit_conversion(bad, config(), model="cure_weibull", draws=200,
                         rng=np.random.default_rng(0))  # fmt: skip
    wrong = predictive_checks(fit, bad, np.random.default_rng(1)).set_index("statistic")
    assert (
        not wrong.loc["conversions_in_last_third", "inside"]
        or not (wrong.loc["share_on_peak_day", "inside"])
    )


def test_same_seed_same_result_and_levels_lie_near_the_cohorts(cure_counts):
    def run():
        rng = np.random.default_rng(8)
        fit = fit_conversion(cure_counts, config(), model="cure_weibull", draws=200, rng=rng)
        return fit, cohort_levels(fit, cure_counts, rng, draws=50)

    fit, levels = run()
    again, levels_again = run()
    assert (fit.theta == again.theta).all()
    assert (levels == levels_again).all()
    ratio = cure_counts.buyers[:, -1] / cure_counts.signups
    middle = levels[:, :, -1].mean(axis=0)
    assert np.corrcoef(ratio, middle)[0, 1] > 0.95
    # Shrunk: cohorts spread less than their raw ratios do.
    assert middle.std() < ratio.std()


def test_held_out_prediction_covers(cure_counts):
    fit = fit_conversion(
        cure_counts, config(), model="cure_weibull", draws=200, rng=np.random.default_rng(0)
    )
    fresh = counts_from_hazard(
        cure_hazard(), np.random.default_rng(99), n_cohorts=150, size=300, tau=0.2
    )
    made = predict_cohorts(fit, fresh, np.random.default_rng(1), draws=200).sum(axis=2)
    low, high = np.quantile(made, [0.05, 0.95], axis=0)
    real = fresh.conversions.sum(axis=1)
    # 150 cohorts: 90% +- 3 standard errors of .025.
    assert 0.83 <= np.mean((real >= low) & (real <= high)) <= 0.97


def test_chains_agree_with_importance_sampling(cure_counts):
    model = build("cure_weibull", cohort_data(cure_counts, config()))
    mode = find_components(model)[0]
    chains = sample_chains(model, mode, np.random.default_rng(0), chains=2, warmup=80, draws=150)
    fit = fit_conversion(
        cure_counts, config(), model="cure_weibull", draws=400, rng=np.random.default_rng(1)
    )
    flat = chains.theta.reshape(-1, len(mode.theta))
    assert chains.accepted > 0.6
    gap = np.abs(flat.mean(axis=0) - fit.theta.mean(axis=0)) / fit.theta.std(axis=0)
    assert gap.max() < 0.35
    ratio = flat.std(axis=0) / fit.theta.std(axis=0)
    assert ((ratio > 0.75) & (ratio < 1.3)).all()


def test_refused_importance_sampling_falls_through_and_then_refuses(cure_counts, monkeypatch):
    monkeypatch.setattr(fit_module, "K_HAT_LIMIT", -9.0)
    with pytest.raises(FitRefusedError, match=r"k-hat .*limit"):
        fit_conversion(cure_counts, config(), model="cure_weibull", draws=100,
                       method="importance", rng=np.random.default_rng(0))  # fmt: skip
    monkeypatch.setattr(fit_module, "R_HAT_LIMIT", 0.5)
    quick = partial(sample_chains, chains=2, warmup=20)
    monkeypatch.setattr(fit_module, "sample_chains", quick)
    with pytest.raises(FitRefusedError, match=r"R-hat .* of "):
        fit_conversion(cure_counts, config(), model="cure_weibull", draws=100,
                       rng=np.random.default_rng(0))  # fmt: skip


def test_unknown_model_is_named():
    with pytest.raises(UsageError, match="Did you mean 'cure_weibull'"):
        build("cure_weibul", cohort_data(*_grouped()))


@pytest.mark.slow
def test_a_year_with_a_million_signups_fits_in_a_minute():
    rng = np.random.default_rng(0)
    hazard = cure_hazard(n_ages=61)
    counts = counts_from_hazard(hazard, rng, n_cohorts=365, size=2740, tau=0.2).until(day(365))
    cfg = CohortConfig(window_days=60)
    for name in MODELS:
        # Processor time: the wall clock of a shared machine says nothing of the fit.
        began = time.process_time()
        fit_conversion(counts, cfg, model=name, rng=np.random.default_rng(1))
        assert time.process_time() - began < 60
