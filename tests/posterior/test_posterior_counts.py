"""Counts to come: expectation by the model's formula, predictive quantiles by its distribution."""

from __future__ import annotations

import numpy as np
import pytest

from churnlab.posterior import Rows, ValueConfig, counts
from churnlab.posterior.counts import expected_purchases
from churnlab.posterior.worth.value import discounted_purchases

MODELS = ("bg_nbd", "mbg_nbd", "pareto_nbd", "mbg_cnbd_k")


@pytest.mark.parametrize("model", MODELS)
def test_mean_and_predictive_quantiles_are_those_of_the_mixture(model, make_draws, make_rows):
    draws, rows = make_draws(model, 20, spread=0.15), make_rows(14)
    got = expected_purchases(draws, rows, 180)
    likelihood, theta = draws.likelihood, draws.theta[:, 0, :].T
    for i, data in enumerate(zip(*rows[1:], strict=True)):
        mean = likelihood.expected_purchases(theta, *data, 180.0).mean()
        assert got.mean[i] == pytest.approx(mean, abs=1e-8)
        n, total = 0, likelihood.pmf(theta, 0.0, *data, 180.0).mean()
        for level, value in ((0.05, got.q05[i]), (0.95, got.q95[i])):
            while total < level:
                n += 1
                total += likelihood.pmf(theta, float(n), *data, 180.0).mean()
            assert value == n


@pytest.mark.parametrize("model", ["mbg_nbd", "pareto_nbd"])
def test_very_heavy_buyers_do_not_underflow(model, make_draws):
    """P(N = 0) underflows for 3,000 purchases a year: the interval must still hold the mean."""
    rows = Rows(np.zeros(1, np.int64), np.array([3000.0]), np.array([365.0]), np.array([365.5]))
    got = expected_purchases(make_draws(model, 5, spread=0.01), rows, 120)
    assert 300 < got.q95[0] < 1400
    assert got.q05[0] < got.mean[0] < got.q95[0]


@pytest.mark.parametrize("model", MODELS)
def test_the_mean_is_that_of_all_draws_near_death_too(model, make_draws, monkeypatch):
    """Fewer draws are used given being alive; P(alive), which varies most there, is of all."""
    draws, silent = make_draws(model, 1000, spread=0.06), np.array([1.0, 20.0, 40.0, 60.0])
    rows = Rows(np.zeros(4, np.int64), np.full(4, 80.0), np.full(4, 120.0), 120.0 + silent)
    found = [expected_purchases(draws, rows, 60.0).mean]
    value = ValueConfig(horizon_days=60, discount_rate=0.0)
    found.append(discounted_purchases(draws, rows, value).purchases)
    monkeypatch.setattr(counts, "COUNT_DRAWS", 1000)
    monkeypatch.setattr(counts, "LAW_DRAWS", 1000)
    whole = expected_purchases(draws, rows, 60.0).mean
    for mean in found:
        np.testing.assert_allclose(mean, whole, rtol=0.011)


def test_order_changes_nothing(make_draws, make_rows):
    draws, rows = make_draws("pareto_nbd", 20), make_rows(40)
    order = np.random.default_rng(1).permutation(40)
    whole = np.array(expected_purchases(draws, rows, 90, threads=1))
    mixed = np.array(expected_purchases(draws, Rows(*(v[order] for v in rows)), 90, threads=3))
    np.testing.assert_array_equal(mixed, whole[:, order])
