"""Rates and cycles: quantiles of the exact mixture, rhythm by its definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma

from churnlab.posterior import Rows, rhythm_days
from churnlab.posterior.cycles import _GammaTable, rate_quantiles

FIELDS = (("q05", 0.05), ("median", 0.5), ("q95", 0.95))


def _below(draws, x, t_x, T, rate):
    """Return the mean over draws of P(lambda <= rate), dead parts by adaptive quadrature."""
    total = 0.0
    for r, alpha, third, fourth in draws.theta[:, 0, :]:
        theta = np.array([r, alpha, third, fourth])
        alive = float(draws.likelihood.p_alive(theta, x, t_x, T))
        total += alive * gamma.cdf(rate, r + x, scale=1 / (alpha + T))
        if draws.model != "pareto_nbd":
            total += (1 - alive) * gamma.cdf(rate, r + x, scale=1 / (alpha + t_x))
        elif t_x < T:

            def density(u, r=r, alpha=alpha, s=third, beta=fourth):
                decay = (r + x) * np.log((alpha + u) / (alpha + t_x))
                return np.exp(-decay - (s + 1) * np.log((beta + u) / (beta + t_x)))

            def part(u, r=r, alpha=alpha, density=density):
                return density(u) * gamma.cdf(rate, r + x, scale=1 / (alpha + u))

            mass = quad(density, t_x, T, limit=200)[0]
            total += (1 - alive) * quad(part, t_x, T, limit=200)[0] / mass
    return total / draws.n_draws


@pytest.mark.parametrize("model", ["bg_nbd", "mbg_nbd", "pareto_nbd"])
def test_quantiles_invert_the_mixtures_distribution_function(model, make_draws, make_rows):
    draws, rows = make_draws(model, 4, spread=0.2), make_rows(14)
    got = rate_quantiles(draws, rows)
    for i, data in enumerate(zip(*rows[1:], strict=True)):
        for name, level in FIELDS:
            below = _below(draws, *data, getattr(got, name)[i])
            assert below == pytest.approx(level, abs=2e-4)


@pytest.mark.parametrize("model", ["mbg_nbd", "pareto_nbd", "mbg_cnbd_k", "bg_cnbd_k"])
def test_quantiles_and_means_are_those_of_latent_draws(model, make_draws, make_rows):
    draws, rows = make_draws(model, 30, spread=0.2, k=None), make_rows(10)
    got = rate_quantiles(draws, rows)
    theta = np.tile(draws.theta[:, 0, :].T, 1000)
    rng = np.random.default_rng(8)
    for i, (x, t_x, T) in enumerate(zip(*rows[1:], strict=True)):
        rate = draws.likelihood.sample_latent(theta, x, t_x, T, rng).rate
        for name, level in FIELDS:  # 30,000 draws: sd of a share at most .003
            assert np.mean(rate <= getattr(got, name)[i]) == pytest.approx(level, abs=0.01)
        error = 5 * rate.std() / np.sqrt(rate.size)
        assert got.mean[i] == pytest.approx(rate.mean(), abs=error)


@pytest.mark.parametrize("model", ["mbg_nbd", "bg_cnbd_k"])
def test_rhythm_is_the_rate_at_the_last_purchase_and_ignores_silence(model, make_draws, make_rows):
    draws, rows = make_draws(model, 50), make_rows(20)
    got = rhythm_days(draws, rows)
    for i, (x, t_x, _) in enumerate(zip(*rows[1:], strict=True)):
        rates = [
            (r + draws.k * x) / (draws.k * (alpha + t_x)) for r, alpha, *_ in draws.theta[:, 0]
        ]
        assert got[i] == pytest.approx(1 / np.mean(rates), rel=1e-12)
    later = rows._replace(T=rows.T + 400)
    np.testing.assert_array_equal(rhythm_days(draws, later), got)


def test_no_repeat_gives_the_populations_cycle_wider(make_draws):
    draws = make_draws("mbg_nbd", 50)
    rows = Rows(
        np.zeros(2, np.int64), np.array([0.0, 8.0]), np.array([0, 200.0]), np.full(2, 210.0)
    )
    rate = rate_quantiles(draws, rows)
    width = np.log(rate.q95 / rate.q05)
    assert width[0] > 2 * width[1]


@pytest.mark.parametrize("shape", [0.05, 0.3, 1.0, 40.0, 2500.0])
def test_gamma_tables_are_exact_between_nodes(shape):
    table = _GammaTable(np.array([shape, 1.2 * shape]))
    y, every = np.linspace(table.low, table.high, 400), np.arange(400)
    for draw, own in enumerate((shape, 1.2 * shape)):
        alone = np.zeros((400, 2))
        alone[:, draw] = 2.0  # the mean over two draws is that of one
        found = np.zeros(400)
        table.add(every, alone, np.full((400, 2), 0.25), y - 0.25, found)
        np.testing.assert_allclose(found, gamma.cdf(np.exp(y), own), atol=2e-5)
