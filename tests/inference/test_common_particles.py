"""Particles that all draws of the population share, against particles of each draw's own."""

from __future__ import annotations

import numpy as np
import pytest

from churnlab.inference import PopulationFit, fit_population, gate
from churnlab.inference.ways.laplace import sample_laplace
from churnlab.inference.ways.mode import find_mode
from churnlab.inference.ways.twostage import common, run
from churnlab.inference.ways.twostage.particles import Particles

from .test_two_stage import prepared, shop

SIZES = (900, 700, 500)


@pytest.fixture(scope="module")
def stage():
    """Groups, the population's approximate posterior, and draws of it."""
    groups, target, population = prepared("mbg_nbd", "all", SIZES)
    rng = np.random.default_rng(2)
    hyper = run._matched(groups, target, population, rng)
    top = find_mode(hyper, hyper.start(population))
    phi = sample_laplace(hyper, top, 1000, rng, min_ess=100, pilot_draws=4000)
    return groups, hyper, phi


def test_integrals_are_those_of_particles_of_each_draw(stage):
    groups, hyper, phi = stage
    pool = common.draw_pool(groups, hyper, phi.u, np.random.default_rng(2), pairs=256)
    far = np.abs(phi.u - phi.u.mean(axis=0)) / phi.u.std(axis=0)
    some = phi.u[np.argsort(far.max(axis=1))[:6]]  # where spreads are near 0 nobody knows them
    parts = common._by_group(pool, hyper, some, common._integral)
    found = np.stack([log_z for log_z, _ in parts], axis=1)
    own = np.stack([w.std(axis=1) for _, w in parts], axis=1) * np.sqrt(common.BATCHES - 1)
    given = hyper.conditional(some).log_z + hyper.expansion.value
    each = Particles(groups, hyper, pairs=1).draw(
        np.repeat(some, 2000, axis=0), np.random.default_rng(3)
    )
    ratio = np.exp(each.log_correction.reshape(6, 2000, 3))
    exact, error = np.log(ratio.mean(axis=1)) + given, ratio.std(axis=1) / np.sqrt(2000)
    assert np.hypot(own, error).max() < 0.06  # both know the integrals to a few per cent
    assert np.all(np.abs(found - exact) < 5 * np.hypot(own, error))


def test_two_pools_together_are_their_mean(stage):
    groups, hyper, phi = stage
    pools = [common.draw_pool(groups, hyper, phi.u, np.random.default_rng(s)) for s in (4, 5)]
    one, other, both = (
        np.stack([z for z, _ in common._by_group(pool, hyper, phi.u[:5], common._integral)])
        for pool in (*pools, common.together(*pools))
    )
    np.testing.assert_allclose(np.exp(both), (np.exp(one) + np.exp(other)) / 2, rtol=1e-9)
    assert np.abs(one - other).max() > 1e-6


def test_the_jackknife_knows_what_another_pool_would_change(stage):
    """Posterior means over 24 small pools: their variance against the mean of its estimates."""
    groups, hyper, phi = stage
    means, told = [], []
    for seed in range(24):
        rng = np.random.default_rng(100 + seed)
        pool = common.draw_pool(groups, hyper, phi.u, rng, pairs=common.BATCHES)
        found = common.weigh(pool, hyper, phi.proposal, 2000, np.random.default_rng(9))
        quantities = hyper.quantities(found.phi)
        means.append(found.weights @ quantities)
        told.append(common._noise(found, quantities))
    sd = np.sqrt(found.weights @ (quantities - means[-1]) ** 2)
    seen = (np.array(means) / sd).var(axis=0, ddof=1)
    ratio = np.mean(told, axis=0) / seen
    assert np.all(ratio > 0.3), ratio
    assert np.all(ratio < 4), ratio


def fitted(own: bool, monkeypatch: pytest.MonkeyPatch) -> PopulationFit:
    if own:
        monkeypatch.setattr(run, "MOST_UNKNOWN", -1.0)  # common particles never serve
    cells, _ = shop("mbg_nbd", SIZES, 102)
    return fit_population(cells, model="mbg_nbd", group_effects="all", draws=800, seed=102)


def test_particles_are_picked_by_their_weights(stage):
    """At one phi: mean and square of what is picked against sums over all particles."""
    groups, hyper, phi = stage
    pool = common.draw_pool(groups, hyper, phi.u, np.random.default_rng(7))
    at, n = phi.u[3], 4000
    found = common.pick(pool, hyper, np.repeat(at[None], n, axis=0), np.random.default_rng(8))
    m, spread = at[hyper.rows, None], hyper.spreads(at[None])[0][:, None]
    for g in range(len(SIZES)):
        logs = pool.log_ratio[g] - 0.5 * np.sum(((pool.eta[g] - m) / spread) ** 2, axis=0)
        weights = np.exp(logs - logs.max())
        weights /= weights.sum()
        assert found.effective[g] == pytest.approx(1 / np.sum(weights**2), rel=1e-6)
        for power in (1, 2):
            values = pool.eta[g] ** power
            mean = values @ weights
            error = np.sqrt((values - mean[:, None]) ** 2 @ weights / n)
            assert np.all(np.abs((found.eta[:, :, g] ** power).mean(axis=0) - mean) < 4.5 * error)


def test_where_no_particle_lies_it_is_said(stage):
    """Spreads near 0 put the population where hardly a particle is."""
    groups, hyper, phi = stage
    pool = common.draw_pool(groups, hyper, phi.u, np.random.default_rng(6))
    assert common.share_unknown(pool, hyper, phi.u) < run.MOST_UNKNOWN
    narrow = phi.u.copy()
    narrow[:, hyper.n_rows :] = -2.5
    assert hyper.spreads(narrow).max() < 0.01
    assert common.share_unknown(pool, hyper, narrow) > 0.5


def assert_alike(one: PopulationFit, other: PopulationFit, log_sd: float) -> None:
    """Means of logs within 4.5 standard errors of their difference, deviations alike."""
    u = [np.log(f.target.quantities(f.u)) for f in (one, other)]
    ess = 1 / (1 / one.table["ess_bulk"] + 1 / other.table["ess_bulk"])
    z = (u[0].mean(axis=0) - u[1].mean(axis=0)) / (u[1].std(axis=0) / np.sqrt(ess))
    assert np.abs(z).max() < 4.5
    assert np.abs(np.log(u[0].std(axis=0) / u[1].std(axis=0))).max() < log_sd


def test_the_posterior_is_that_of_particles_of_each_draw(monkeypatch):
    fast, slow = (fitted(own, monkeypatch) for own in (False, True))
    assert fast.diagnostics["particles_per_group"] in (2048, 6144)
    assert "particles_per_group" not in slow.diagnostics
    assert fast.diagnostics["passes"] < slow.diagnostics["passes"]
    gate(fast)
    assert np.isfinite(fast.target.log_likelihoods(fast.u)).all()
    assert_alike(fast, slow, 0.25)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mbg_nbd", "pareto_nbd"])
def test_common_particles_and_nuts_agree(model):
    cells, _ = shop(model, (2000, 1500, 1500, 1000, 1000, 800, 800, 700), 8)
    options = {"model": model, "group_effects": "all", "seed": 1}
    fast = fit_population(cells, draws=2000, **options)
    slow = fit_population(cells, draws=2000, method="nuts", **options)
    assert "particles_per_group" in fast.diagnostics
    assert slow.table["r_hat"].max() < 1.01
    assert_alike(fast, slow, 0.2)
