"""ArviZ compares and checks fits by customer, whatever cells they were computed on."""

from __future__ import annotations

from dataclasses import replace

import arviz as az
import numpy as np
import pytest

import churnlab as cl
from churnlab.fitting import ModelConfig
from churnlab.fitting.by_customer import LEAST_DRAWS, OBSERVED, with_customers

DRAWS = 200


@pytest.fixture(scope="module")
def summary():
    return cl.summarise(cl.load_cdnow(as_of="1997-09-30"))


@pytest.fixture(scope="module")
def fits(summary):
    return {m: cl.fit(summary, model=m, draws=400) for m in ("bg_nbd", "mbg_nbd", "pareto_nbd")}


def test_az_compare_says_what_cl_compare_says(fits):
    ours = cl.compare(fits)
    theirs = az.compare({name: fit.posterior for name, fit in fits.items()}, round_to="none")
    theirs = theirs.loc[ours.index]
    np.testing.assert_allclose(theirs["elpd"], ours["elpd"], atol=0.5)
    np.testing.assert_allclose(theirs["elpd_diff"], ours["elpd_diff"], atol=0.5)
    np.testing.assert_allclose(theirs["dse"], ours["diff_se"], atol=0.2)


def test_loo_is_of_customers(fits, summary):
    found = az.loo(fits["mbg_nbd"].posterior)
    assert found.n_data_points == len(summary.customers)
    assert found.elpd == pytest.approx(cl.compare(fits).loc["mbg_nbd", "elpd"], abs=0.5)


def test_log_likelihoods_by_customer_add_up_to_the_population_s(fits):
    fit = fits["pareto_nbd"]
    total = fit.posterior["log_likelihood"][OBSERVED].sum("customer").to_numpy().ravel()
    np.testing.assert_allclose(total, fit.population.target.log_likelihoods(fit.population.u))


def test_predictive_purchases_are_those_of_customers_of_the_same_age(fits, summary):
    tree = fits["mbg_nbd"].posterior
    x = summary.customers["x"].to_numpy()
    assert (tree["observed_data"][OBSERVED] == x).all()
    simulated = tree["posterior_predictive"][OBSERVED]
    assert simulated.dims == ("chain", "draw", "customer")
    assert abs(float(simulated.mean()) / x.mean() - 1) < 0.1


def test_the_trees_draw_what_arviz_draws_of_customers(fits):
    tree = fits["mbg_nbd"].posterior
    az.plot_ppc_dist(tree)
    az.plot_loo_pit(tree)
    az.plot_pair(tree)
    assert set(tree["posterior"].data_vars) == set(fits["mbg_nbd"].population.target.map.names)
    assert set(tree["derived"].data_vars) == {"r", "alpha", "a", "b"}


def test_groups_have_their_own_parameters():
    shop = cl.summarise(cl.load_shop(600))
    fit = cl.fit(shop, model=ModelConfig(group="gender"), draws=DRAWS)
    total = fit.posterior["log_likelihood"][OBSERVED].sum("customer").to_numpy().ravel()
    np.testing.assert_allclose(total, fit.population.target.log_likelihoods(fit.population.u))


def test_who_first_bought_on_the_last_day_says_nothing_yet():
    x, t_x, T = [0, 0, 1, 2, 0, 3], [0, 0, 20, 50, 0, 60], [0, 30, 40, 60, 70, 90]
    fresh = cl.Summary.from_arrays(x * 30, t_x * 30, T * 30, as_of="2024-06-30")
    fits = {m: cl.fit(fresh, model=m, draws=DRAWS) for m in ("bg_nbd", "mbg_nbd")}
    assert az.loo(fits["bg_nbd"].posterior).n_data_points == 5 * 30
    theirs = az.compare({m: fit.posterior for m, fit in fits.items()}, round_to="none")
    ours = cl.compare(fits)
    np.testing.assert_allclose(theirs["elpd"], ours["elpd"].loc[theirs.index], atol=0.2)


def test_rank_plots_are_of_chains_and_laplace_has_one(fits):
    fit = fits["mbg_nbd"]
    assert fit.posterior["posterior"].sizes["chain"] == 1
    with pytest.raises(ValueError, match="at least 2 chains"):
        az.plot_rank(fit.posterior)
    az.plot_rank(_chained(fit, 4).posterior)


def test_thinning_keeps_the_chains_and_takes_the_same_share_of_each(fits, summary):
    n = len(summary.customers)
    fit = _chained(fits["mbg_nbd"], 4)
    kept = with_customers(fit, limit=LEAST_DRAWS * n + n)["log_likelihood"][OBSERVED]
    assert kept.sizes == {"chain": 4, "draw": LEAST_DRAWS // 4, "customer": n}
    whole = with_customers(fit)["log_likelihood"][OBSERVED]
    rows = np.linspace(0, whole.sizes["draw"] - 1, LEAST_DRAWS // 4).round().astype(int)
    np.testing.assert_array_equal(kept, whole[:, rows])


def _chained(fit, chains):
    """Return the fit as if its draws were those of chains."""
    return replace(fit, population=replace(fit.population, method="nuts", chains=chains))


def test_draws_are_thinned_above_the_limit_and_left_out_where_too_few_remain(fits, summary):
    n = len(summary.customers)
    fit = fits["mbg_nbd"]
    kept = with_customers(fit, limit=LEAST_DRAWS * n)
    assert kept["log_likelihood"].sizes["draw"] == LEAST_DRAWS
    less = with_customers(fit, limit=LEAST_DRAWS * n - 1)
    assert "log_likelihood" not in less.children
    assert "churnlab.compare" in less.attrs["by_customer"]
