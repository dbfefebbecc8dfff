"""The spend model's posterior: peer, brute force, recovery, units, and data it must refuse."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp

from churnlab.errors import DataError, UsageError
from churnlab.inference.ways.mode import find_mode
from churnlab.priors import SPEND_QUANTITIES, stated_priors
from churnlab.spend import fit_spend
from churnlab.spend.checks import independence
from churnlab.spend.target import SpendTarget
from churnlab.summary import SpendSummary
from churnlab.summary.spend import SpendCells

TRUTH = (3.4, 4.8, 37.4)  # p, q, gamma; about CDNOW's


def simulated(n_customers, seed, theta=TRUTH, counts=None):
    """Return a summary and each customer's own mean amount."""
    rng = np.random.default_rng(seed)
    p, q, gamma = theta
    n = rng.geometric(0.4, n_customers) if counts is None else counts
    nu = rng.gamma(q, 1 / gamma, n_customers)
    ids = np.repeat([f"{i:05d}" for i in range(n_customers)], n)
    return SpendSummary.from_amounts(ids, rng.gamma(p, 1 / np.repeat(nu, n))), p / nu


def test_means_alone_give_the_estimates_of_lifetimes_on_cdnow():
    from lifetimes import GammaGammaFitter
    from lifetimes.datasets import load_cdnow_summary_data_with_monetary_value

    data = load_cdnow_summary_data_with_monetary_value()
    data = data[data["frequency"] > 0]
    peer = GammaGammaFitter().fit(data["frequency"], data["monetary_value"]).params_
    n, mean = data["frequency"].to_numpy(float), data["monetary_value"].to_numpy(float)
    cells = SpendCells(n, mean, n * np.nan, np.ones(len(n)))
    target = SpendTarget(cells, each=False, with_prior=False)
    mode = find_mode(target, target.starts())
    found = target.theta_money(mode.u[None])[0]
    # the peer stops at a gradient of 1e-4 or so; its likelihood may not be higher than ours
    np.testing.assert_allclose(found, peer[["p", "q", "v"]], rtol=2e-4)
    theirs = np.log([peer["p"] * peer["v"] / (peer["q"] - 1), peer["p"], peer["q"] - 1])
    theirs[0] -= np.log(target.scale)
    assert target.log_likelihoods(theirs[None])[0] <= mode.value + 1e-9


@pytest.mark.parametrize("each", [True, False])
def test_the_gradient_and_the_batch_agree_with_the_plain_sum(each):
    summary, _ = simulated(80, 1)
    cells = summary.cells
    target = SpendTarget(cells, each=each)
    u = np.array([0.2, 0.7, 1.1])
    value, gradient = target.value_and_gradient(u)
    from churnlab.models import gamma_gamma as gg

    theta = target.theta_money(u[None])[0][:, None]
    logs = cells.sum_log if each else None
    plain = cells.weight @ gg.log_likelihood(theta, cells.n, cells.mean, logs)
    np.testing.assert_allclose(target.log_likelihoods(u[None])[0], plain, rtol=1e-12)
    np.testing.assert_allclose(target.values(u[None])[0], value, rtol=1e-12)
    for i, step in enumerate(1e-5 * np.eye(3)):
        pair = [target.value_and_gradient(u + s * step)[0] for s in (1, -1)]
        np.testing.assert_allclose(gradient[i], (pair[0] - pair[1]) / 2e-5, rtol=1e-5, atol=1e-4)
    no_scale = np.array([[-900.0, 0.7, 1.1], [900.0, 0.7, 1.1]])  # gamma is 0 and infinite
    assert np.isneginf(target.log_likelihoods(no_scale)).all()


def test_the_posterior_is_that_of_a_dense_grid():
    summary, _ = simulated(40, 2)
    fit = fit_spend(summary, draws=4000, seed=3)
    target = fit.target
    ends = zip(fit.u.min(axis=0) - 0.3, fit.u.max(axis=0) + 0.3, strict=True)
    axes = [np.linspace(low, high, 45) for low, high in ends]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    log_density = target.values(grid)
    weight = np.exp(log_density - logsumexp(log_density))
    mean = weight @ grid
    sd = np.sqrt(weight @ (grid - mean) ** 2)
    # Monte Carlo error of 4,000 draws is sd / 63; four of them
    assert np.all(np.abs(fit.u.mean(axis=0) - mean) < 4 * sd / 63)
    np.testing.assert_allclose(fit.u.std(axis=0), sd, rtol=0.06)
    assert fit.diagnostics["k_hat"] < 0.7


def coverage(repeats, n_customers):
    """Count, per parameter, the 90% intervals that hold the truth."""
    p, q, gamma = TRUTH
    truth = np.array([p * gamma / (q - 1), p, q - 1])
    hits = np.zeros(3)
    for seed in range(repeats):
        summary, _ = simulated(n_customers, 1000 + seed)
        table = fit_spend(summary, draws=1000, seed=seed).table.iloc[:3]
        hits += (table["q05"] <= truth) & (truth <= table["q95"])
    return hits / repeats


def test_intervals_cover_the_population_in_short():
    # 20 repeats: fewer than 14 hits of 20 at a true 90% has probability .0024, three parameters
    assert np.all(coverage(20, 200) >= 0.7)


@pytest.mark.slow
def test_intervals_cover_the_population():
    found = coverage(200, 300)
    assert np.all((found >= 0.85) & (found <= 0.95)), found


@pytest.mark.slow
def test_simulation_based_calibration():
    """Ranks of prior draws among their posteriors are uniform (chi-square, level .001 each)."""
    priors = stated_priors(
        "gamma_gamma", SPEND_QUANTITIES, texts := {"amount_shape": "LogNormal(mu=1, sigma=.5)"}
    )
    rng, ranks = np.random.default_rng(11), []
    for seed in range(300):
        mean, p, c = (float(prior.sample(1, rng)[0]) for prior in priors)
        summary, _ = simulated(60, 5000 + seed, (p, 1 + c, mean * c / p))
        fit = fit_spend(summary, draws=199, scale=1.0, priors=texts, seed=seed, check=False)
        ranks.append((fit.u < np.log([mean, p, c])).sum(axis=0))
    bins = np.array(ranks) // 20  # ten bins of equal probability
    for column in bins.T:
        expected = len(ranks) / 10
        chi2 = float(((np.bincount(column, minlength=10) - expected) ** 2 / expected).sum())
        assert chi2 < 27.9  # 99.9% quantile of chi-square with 9 degrees of freedom


def test_currency_changes_amounts_by_its_factor_and_nothing_else():
    summary, _ = simulated(150, 4)
    people = summary.customers
    cents = SpendSummary(
        people.assign(
            mean_amount=people["mean_amount"] * 100,
            sum_log_amount=people["sum_log_amount"] + people["n_amounts"] * np.log(100),
        )
    )
    plain, scaled = fit_spend(summary, seed=1), fit_spend(cents, seed=1)
    # 1e-5: both modes stop within about 1e-7 posterior deviations of each other
    np.testing.assert_allclose(scaled.draws.theta, plain.draws.theta * [1, 1, 100], rtol=1e-5)
    change = scaled.diagnostics["log_evidence"] - plain.diagnostics["log_evidence"]
    np.testing.assert_allclose(change, -summary.count("n_amounts") * np.log(100), atol=1e-4)


def test_each_amount_tells_more_of_the_shape_than_means_do():
    summary, _ = simulated(300, 5)
    each, means = (fit_spend(summary, each=e).table for e in (True, False))
    assert each.loc["p", "sd"] < 0.6 * means.loc["p", "sd"]


def test_zero_negative_and_missing_amounts_are_said():
    summary, _ = simulated(200, 6)
    people = summary.customers.assign(n_zero=1, n_negative=0, n_missing=0)
    people.loc[0, ["n_negative", "n_missing"]] = [2, 3]
    fit = fit_spend(SpendSummary(people))
    n = people["n_amounts"].sum()
    text = " ".join(fit.warnings)
    assert f"200 of {n + 200:,} purchases have amount 0" in text
    assert "2 purchases have an amount below 0" in text
    assert "3 purchases have no amount" in text
    share = (n + 1) / (n + 202)
    spread = np.sqrt(share * (1 - share) / n)
    assert abs(fit.draws.positive.mean() - share) < 4 * spread / np.sqrt(1000)
    assert np.all(fit_spend(summary).draws.positive == 1.0)


def test_amounts_that_teach_nothing_are_refused():
    with pytest.raises(DataError, match=r"at least 2 customers with an amount above 0; got 1"):
        fit_spend(SpendSummary.from_amounts(["a", "a", "b"], [5.0, 6.0, 0.0]))
    with pytest.raises(DataError, match=r"all amounts are equal \(9\.99\).*value\.per_purchase"):
        fit_spend(SpendSummary.from_amounts(list("aabbc"), [9.99] * 5))
    with pytest.raises(DataError, match="always pays the same"):
        fit_spend(SpendSummary.from_amounts(list("aabbc"), [5.0, 5.0, 7.0, 7.0, 8.0]))


def test_nobody_with_two_amounts_leans_on_priors_and_says_so():
    summary, _ = simulated(100, 7, counts=np.ones(100, int))
    fit = fit_spend(summary)
    assert any("Only 0 customers have two or more amounts" in w for w in fit.warnings)


def test_a_tail_without_variance_is_said():
    summary, _ = simulated(400, 8, (3.0, 1.4, 5.0))
    assert any("variance is infinite" in w for w in fit_spend(summary).warnings)


def test_priors_are_text_and_checked():
    summary, _ = simulated(100, 9)
    fit = fit_spend(summary, priors={"amount_shape": "LogNormal(mu=3, sigma=.01)"})
    assert abs(fit.table.loc["p", "mean"] - np.exp(3)) < 1
    with pytest.raises(UsageError, match=r"gamma_gamma has no prior 'shape'"):
        fit_spend(summary, priors={"shape": "LogNormal(mu=3, sigma=1)"})


def test_independence_holds_where_it_holds_and_is_warned_of_where_not():
    inside = 0
    for seed in range(60):
        found = independence(simulated(400, 2000 + seed)[0])
        assert found is not None
        inside += found.low <= 0 <= found.high
    assert inside >= 48  # at a true 90%, fewer than 48 of 60 has probability .005
    rng = np.random.default_rng(1)
    n = rng.geometric(0.3, 500)
    ids = np.repeat([f"{i:04d}" for i in range(500)], n)
    means = np.repeat(20 * n**0.4, n)
    fit = fit_spend(SpendSummary.from_amounts(ids, rng.gamma(3, means / 3)))
    assert any("buy more often spend more per purchase" in w for w in fit.warnings)
    assert not any("spend more" in w for w in fit_spend(simulated(400, 1)[0]).warnings)
