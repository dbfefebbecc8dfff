"""The posterior from counts: right at a cliff and for few signups; groups, scores, checks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import beta, binom, gamma

from churnlab.nday.data import pooled_curve
from churnlab.nday.decide import value as nday
from churnlab.nday.posterior import fit_conversion, population_curves, predict_cohorts, score_table
from churnlab.nday.posterior.checks import predictive_checks
from churnlab.nday.posterior.levels import level_draws, level_variance, worth_draws
from churnlab.nday.posterior.scores import cohort_log_scores

from .simulators import cliff, config, counts_from_hazard, cure_hazard, day

AGES = np.arange(31)
SHAPES = {"cliff": cliff(), "step": cliff(drop=5.0), "smooth": 0.03 * np.exp(-AGES / 8)}
N = 10


def _fit(counts, seed=0, cfg=None, **kw):
    return fit_conversion(counts, cfg or config(), rng=np.random.default_rng(seed), **kw)


COSTS = nday.NdayCosts(margin=20, coupon=5, message=0.05)


def _figures(G):
    """Organic share after day N, break-even uplift and value of N at an uplift of 5%, (3, draw)."""
    u = nday.uplift(G, [N], 0.05, np.ones((1, 31)))
    organic, pays = nday.organic_after(G, [N]), nday.break_even(G, [N], COSTS)
    return np.stack([organic, pays, nday.value(G, [N], u, COSTS)])[:, :, 0]


def _true_figures(hazard, tau):
    """Of the curve averaged over the cohorts' levels."""
    z, w = np.polynomial.hermite_e.hermegauss(31)
    survival = np.cumsum(np.log1p(-hazard))
    G = (w / w.sum()) @ (1 - np.exp(np.exp(tau * z)[:, None] * survival))
    return _figures(G[None, :])[:, 0]


QUICK = [(40, "cliff", 20, 0.0), (40, "step", 60, 0.3)]
THOROUGH = [(200, s, n, tau) for s in SHAPES for n in (20, 60, 200) for tau in (0.0, 0.3)]


@pytest.mark.parametrize(
    ("repeats", "shape", "size", "tau"),
    [*QUICK, *(pytest.param(*case, marks=pytest.mark.slow) for case in THOROUGH)],
)
def test_l5_organic_share_is_right_at_a_cliff_and_for_few_signups(repeats, shape, size, tau):
    """And so are the break-even uplift and the value, which rest on it."""
    truth, inside, means = _true_figures(SHAPES[shape], tau), [], []
    rng = np.random.default_rng(7)
    for _ in range(repeats):
        counts = counts_from_hazard(SHAPES[shape], rng, size=size, tau=tau)
        G = population_curves(fit_conversion(counts, config(), draws=400, rng=rng))
        drawn = _figures(G)
        low, high = np.quantile(drawn, [0.05, 0.95], axis=1)
        inside.append((low <= truth) & (truth <= high))
        means.append(drawn[0].mean())
    assert np.mean(means) == pytest.approx(truth[0], rel=0.1 if size == 20 else 0.05)
    # 40 repeats: three standard errors of .047.
    low, high = (0.85, 0.95) if repeats == 200 else (0.75, 1.0)
    covered = np.mean(inside, axis=0)
    assert ((low <= covered) & (covered <= high)).all(), covered


def test_one_age_is_the_beta_posterior_and_nothing_is_smoothed():
    counts = counts_from_hazard(cliff(), np.random.default_rng(1), size=30)
    fit = _fit(counts, draws=4000)
    hazard = -np.expm1(-fit.rates["all"])
    y, r = counts.conversions.sum(axis=0), counts.at_risk.sum(axis=0)
    exact = beta(1 / 31 + y, 0.5 + r - y)
    assert hazard.mean(axis=0) == pytest.approx(exact.mean(), rel=0.1, abs=5e-5)
    assert hazard[:, 9].mean() > 10 * hazard[:, 10:].mean()
    correlation = np.corrcoef(hazard[:, 9], hazard[:, 10])[0, 1]
    assert abs(correlation) < 0.1


def test_the_curve_is_the_pooled_curve_of_the_data_with_its_error():
    counts = counts_from_hazard(cure_hazard(), np.random.default_rng(2), size=100).until(day(70))
    G = population_curves(_fit(counts, draws=2000))
    data = pooled_curve(counts)
    assert G.mean(axis=0) == pytest.approx(data["converted"].to_numpy(), abs=0.003)
    ratio = G.std(axis=0) / data["standard_error"].to_numpy()
    assert (ratio > 0.9).all()
    assert (ratio < 1.3).all()
    assert (np.diff(G, axis=1) >= 0).all()
    assert G.max() < 1


def test_cohorts_that_differ_widen_the_curve():
    rng = np.random.default_rng(3)
    same = counts_from_hazard(cure_hazard(), rng, size=300)
    differ = counts_from_hazard(cure_hazard(), rng, size=300, tau=0.4)
    a, b = _fit(same), _fit(differ)
    assert np.sqrt(a.variance) < 0.1
    assert 0.25 < np.sqrt(b.variance) < 0.5
    ends = [population_curves(f)[:, -1].std() for f in (a, b)]
    assert ends[1] > 2 * ends[0]


def test_level_variance_and_draws_by_simulation():
    rng = np.random.default_rng(4)
    expected = rng.uniform(20, 80, 4000)
    levels = rng.gamma(1 / 0.09, 0.09, 4000)
    seen = rng.poisson(levels * expected)
    assert level_variance(seen, expected) == pytest.approx(0.09, abs=0.01)
    assert level_variance(expected, expected) == 1e-4
    assert level_variance(seen[:1], expected[:1]) == 1e-4
    # Two units: (2 (100 + 100) - 20) / 200, for one residual of the two went into the pooling.
    assert level_variance(np.array([0.0, 20.0]), np.array([10.0, 10.0])) == pytest.approx(1.9)
    drawn = level_draws(seen, expected, 0.09, 400, rng)
    low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
    assert np.mean((levels >= low) & (levels <= high)) == pytest.approx(0.9, abs=0.02)


def test_a_single_days_spike_stays_on_its_day():
    hazard = np.full(31, 0.01)
    hazard[14] = 0.08
    counts = counts_from_hazard(hazard, np.random.default_rng(5), n_cohorts=40)
    G = population_curves(_fit(counts))
    h = nday.hazard(G).mean(axis=0)
    assert 0.06 < h[14] < 0.10
    assert 0.007 < h[13] < 0.013
    assert 0.007 < h[15] < 0.013


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
    fit = _fit(both)
    end = {g: population_curves(fit, g)[:, -1] for g in "abcd"}
    assert end["a"].mean() > end["c"].mean() > end["b"].mean()
    raw = 1 - (1 - 0.02) ** (31 * np.exp(0.4))
    assert abs(end["a"].mean() - raw) < 0.04
    # Shrunk towards the others from what 0 of 25 says on its own (half a conversion), and unsure.
    assert end["d"].mean() > 1.5 * 0.5 / 26
    assert end["d"].std() > end["d"].mean() > 3 * end["a"].std()


def test_groups_that_go_flat_on_other_days_keep_their_own_late_buyers():
    """Shrinking a group's days one by one to the pooled ones gave 2.5 and .4 times the truth."""
    shapes = {"five": (cliff(day=5), 5), "ten": (cliff(), 40), "smooth": (SHAPES["smooth"], 20)}
    rng, ratio, inside = np.random.default_rng(3), [], []
    for _ in range(30):
        made = [counts_from_hazard(h, rng, size=n, groups=(g,)) for g, (h, n) in shapes.items()]
        cohorts = pd.concat([m.cohorts for m in made], ignore_index=True)
        both = type(made[0])(cohorts, np.concatenate([m.conversions for m in made]), made[0].as_of)
        fit = _fit(both, seed=rng, draws=400)
        for group, (hazard, _) in shapes.items():
            drawn, truth = _figures(population_curves(fit, group))[0], _true_figures(hazard, 0)[0]
            low, high = np.quantile(drawn, [0.05, 0.95])
            inside.append(low <= truth <= high)
            ratio.append(drawn.mean() / truth)
    assert np.reshape(ratio, (30, 3)).mean(axis=0) == pytest.approx(np.ones(3), abs=0.2)
    assert np.mean(inside) > 0.75  # of 90


def test_a_group_whose_days_bring_many_keeps_their_share():
    """Who buys on a day was exposed for half of it: else 30% a day would come to 26%."""
    hazard = np.full(5, 0.3)
    counts = counts_from_hazard(
        hazard, np.random.default_rng(2), n_cohorts=30, groups=("a", "b"), size=500
    )
    G = population_curves(_fit(counts, cfg=config(window_days=4)), "a").mean(axis=0)
    assert pytest.approx(1 - np.cumprod(1 - hazard), abs=0.01) == G


@pytest.mark.parametrize(("spread", "low", "high"), [(0.0, 100, 1e4), (0.3, 4, 30), (9.0, 0.4, 1)])
def test_a_prior_is_worth_what_the_units_differences_leave_it(spread, low, high):
    expected = np.full(40, 500.0)
    seen = expected * np.exp(spread * np.linspace(-1.5, 1.5, 40))
    worth = worth_draws(seen, expected, 1.0, 500, np.random.default_rng(1))
    assert worth.shape == (500, 1)
    assert low <= np.median(worth) <= high


def test_weekdays_have_levels_of_their_own():
    rng = np.random.default_rng(8)
    counts = counts_from_hazard(cure_hazard(), rng, n_cohorts=84, size=300)
    sunday = counts.cohorts["signup_date"].dt.day_of_week == 6
    more = counts_from_hazard(cure_hazard(c=0.55), rng, n_cohorts=84, size=300)
    y = np.where(sunday.to_numpy()[:, None], more.conversions, counts.conversions)
    both = type(counts)(counts.cohorts, y, counts.as_of)
    fit = _fit(both, cfg=config(weekday_effects=True))
    assert fit.effects["weekday_sun"].mean() > 1.15
    assert 0.9 < fit.effects["weekday_wed"].mean() < 1.05
    levels = fit.cohort_levels(both, np.arange(3))
    assert levels[:, sunday].mean() > 1.15


def test_log_score_against_slow_integration():
    counts = counts_from_hazard(cure_hazard(), np.random.default_rng(9), n_cohorts=12, tau=0.4)
    fit = _fit(counts, draws=100)
    quick = cohort_log_scores(fit, counts, draws=1)
    shape, rate = 1 / fit.variance, fit.rates["all"][0]
    for d in range(3):
        y, r = counts.conversions[d], counts.at_risk[d]

        base = binom.logpmf(y, r, -np.expm1(-rate)).sum()

        def likelihood(level, y=y, r=r, base=base):
            h = -np.expm1(-level * rate)
            logs = binom.logpmf(y, r, h).sum() - base
            return np.exp(logs) * gamma.pdf(level, shape, scale=1 / shape)

        slow = np.log(quad(likelihood, 0.05, 4, limit=200)[0]) + base
        choose = (binom.logpmf(y, r, 0.5) + r * np.log(2)).sum()
        assert quick[d] == pytest.approx(slow - choose, abs=0.05)


def test_held_out_score_finds_the_shape_that_made_the_data():
    rng = np.random.default_rng(7)
    test = counts_from_hazard(cliff(drop=1e6), rng, n_cohorts=30)
    right = _fit(counts_from_hazard(cliff(drop=1e6), rng, n_cohorts=30))
    wrong = _fit(counts_from_hazard(SHAPES["smooth"], rng, n_cohorts=30))
    scores = [score_table(f, test)["log_score"].iloc[0] for f in (right, wrong)]
    assert scores[0] > scores[1] + 50


@pytest.mark.parametrize("tau", [0.0, 0.2])
def test_held_out_prediction_covers(tau):
    inside = []
    for seed in range(5):
        rng = np.random.default_rng(20 + seed)
        fit = _fit(counts_from_hazard(cure_hazard(), rng, n_cohorts=80, size=300, tau=tau))
        fresh = counts_from_hazard(cure_hazard(), rng, n_cohorts=100, size=300, tau=tau)
        made = predict_cohorts(fit, fresh, np.random.default_rng(1), draws=200).sum(axis=2)
        low, high = np.quantile(made, [0.05, 0.95], axis=0)
        real = fresh.conversions.sum(axis=1)
        inside.append(np.mean((real >= low) & (real <= high)))
    # Over seeds the share varies by .033: five of them.
    assert 0.85 <= np.mean(inside) <= 0.95


def test_predictive_checks_pass_the_right_model_and_catch_the_wrong_one():
    rng = np.random.default_rng(12)
    counts = counts_from_hazard(cure_hazard(), rng, n_cohorts=40, size=300, tau=0.2)
    good = predictive_checks(_fit(counts), counts, np.random.default_rng(1))
    assert good["inside"].sum() >= 5
    # Half of the cohorts stop dead after the first third: no level explains that.
    y = counts.conversions.copy()
    y[::2, 10:] = 0
    bad = type(counts)(counts.cohorts, y, counts.as_of)
    wrong = predictive_checks(_fit(bad), bad, np.random.default_rng(1)).set_index("statistic")
    assert not wrong.loc["cohorts_without_conversion_in_second_half", "inside"]


def test_same_seed_same_result_and_an_unseen_group_is_the_average():
    counts = counts_from_hazard(cliff(), np.random.default_rng(13), groups=("a", "b"))
    one, two = _fit(counts), _fit(counts)
    assert all((one.rates[g] == two.rates[g]).all() for g in one.rates)
    new = type(counts)(counts.cohorts.assign(group="z"), counts.conversions, counts.as_of)
    assert (one.cohort_rates(new, 0) == one.rates["all"][0]).all()
    assert one.groups == ("a", "b")
