"""ArviZ compares and checks fits by customer, whatever cells they were computed on."""

from __future__ import annotations

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


def test_draws_are_thinned_above_the_limit_and_left_out_where_too_few_remain(fits, summary):
    n = len(summary.customers)
    fit = fits["mbg_nbd"]
    kept = with_customers(fit, limit=LEAST_DRAWS * n)
    assert kept["log_likelihood"].sizes["draw"] == LEAST_DRAWS
    less = with_customers(fit, limit=LEAST_DRAWS * n - 1)
    assert "log_likelihood" not in less.children
    assert "churnlab.compare" in less.attrs["by_customer"]
