"""Brute force: the stories told slowly, apart from the package's own samplers."""

from __future__ import annotations

import numpy as np
import pytest

#: Largest z-score allowed; some 450 of them are looked at, so 4.5 fails by chance once in 300 runs.
Z = 4.5
AGE, HORIZON = 60.0, 45.0


def _story(model, theta, n, rng):
    """Tell the story of n customers: x, t_x, alive at AGE, rate, dropout, purchases after AGE, and
    the time from AGE to the first of them (infinite if not within the horizon)."""
    r, alpha, third, fourth, *ageing = theta
    rate = rng.gamma(r, 1 / alpha, n)
    pareto = model.name in ("pareto_nbd", "ggom_nbd")
    dropout = rng.gamma(third, 1 / fourth, n) if pareto else rng.beta(third, fourth, n)
    death = rng.exponential(1 / dropout) if pareto else np.full(n, np.inf)
    for b in ageing:  # the rate grows: an exponential time is stretched
        death = np.log1p(b * death) / b
        dropout = dropout * np.exp(b * AGE)
    gone = np.zeros(n, bool) if pareto or not model.toss_at_first else rng.random(n) < dropout
    clock, x, t_x, later = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    wait = np.full(n, np.inf)
    alive = ~gone
    alive &= death > AGE
    while not gone.all():
        gap = sum(rng.exponential(1.0, n) for _ in range(model.k)) / rate
        clock = clock + np.where(gone, 0.0, gap)
        gone |= (clock > AGE + HORIZON) | (clock > death)
        before = ~gone & (clock <= AGE)
        x += before
        t_x = np.where(before, clock, t_x)
        wait = np.where(~gone & (clock > AGE) & (later == 0), clock - AGE, wait)
        later += ~gone & (clock > AGE)
        if not pareto:
            drops = ~gone & (rng.random(n) < dropout)
            alive &= ~(drops & before)
            gone |= drops
    return x, t_x, alive, rate / model.k, dropout, later, wait


def _z(difference):
    spread = difference.std() / np.sqrt(difference.size)
    return abs(difference.mean()) / spread if spread > 0 else np.inf * (difference.mean() != 0)


def _groups(x):
    return [x == 0, x == 1, (x >= 2) & (x <= 4), x >= 5]


def _check(model, theta, n, rng):
    x, t_x, alive, rate, dropout, later, wait = _story(model, theta, n, rng)
    latent = model.sample_latent(theta[:, None], x, t_x, np.full(n, AGE), rng)
    living = model.sample_alive(theta[:, None], x, t_x, np.full(n, AGE), rng)
    p_alive = model.p_alive(theta, x, t_x, AGE)
    predictions = {
        "alive": (alive, p_alive),
        "no purchase": (later == 0, model.p_no_purchase(theta, x, t_x, AGE, HORIZON)),
        "count": (later, model.expected_purchases(theta, x, t_x, AGE, HORIZON)),
        "exactly two": (later == 2, model.pmf(theta, 2, x, t_x, AGE, HORIZON)),
        "alive drawn": (latent.alive, p_alive),
        "rate drawn": (rate, latent.rate),
        "log rate drawn": (np.log(rate), np.log(latent.rate)),
        "dropout drawn": (dropout, latent.dropout),
        "rate of the dead": (rate * ~alive, latent.rate * ~latent.alive),
        "dropout of the living": (dropout * alive, latent.dropout * latent.alive),
        "log rate given alive": (np.log(rate) * alive, np.log(living.rate) * p_alive),
        "dropout given alive": (dropout * alive, living.dropout * p_alive),
        "their product given alive": (
            rate * dropout * alive,
            living.rate * living.dropout * p_alive,
        ),
        "rate x dropout": (rate * dropout, latent.rate * latent.dropout),
    }
    for q in (0.1, 0.3):
        predictions[f"next purchase by its {q} quantile"] = _waits(model, theta, x, t_x, wait, q)
    for what, (seen, predicted) in predictions.items():
        for members in _groups(x):
            gap = np.asarray(seen[members], float) - np.asarray(predicted[members], float)
            if np.abs(gap).max() < 1e-12:  # BG: everyone without a repeat is alive
                continue
            assert _z(gap) < Z, (what, int(members.sum()))


def _waits(model, theta, x, t_x, wait, q):
    """Who bought by the q-quantile of the time to the next purchase, against q: P(bought by) <= q.

    Of the first 4,000 customers (the long form: 40,000) where the quantile lies within the
    horizon; elsewhere 0 and 0.
    """
    some = slice(0, max(4_000, x.size // 25))
    data, told, early = (theta, x[some], t_x[some], AGE), np.zeros(x.size, bool), wait <= HORIZON
    told[some] = 1 - model.p_no_purchase(*data, HORIZON) >= q
    early[some] &= 1 - model.p_no_purchase(*data, np.minimum(wait[some], HORIZON)) <= q
    assert told.sum() > 100
    return told & early, q * told


def test_formulas_and_draws_against_the_story(case):
    _check(*case, 40_000, np.random.default_rng(7))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_formulas_and_draws_against_the_story_at_length(case, seed):
    _check(*case, 1_000_000, np.random.default_rng(seed))


def test_simulate_follows_the_formulas(case):
    model, theta = case
    rng = np.random.default_rng(11)
    ages = np.repeat([10.0, 60.0, 250.0], 40_000)
    x, t_x, gaps = model.simulate(theta[:, None], ages, rng)
    assert np.all((t_x <= ages) & (t_x >= 0) & ((x > 0) == (t_x > 0)))
    for age in np.unique(ages):
        own = ages == age
        assert _z(x[own] - model.expected_new(theta, age)) < Z
        for n in range(4):
            assert _z((x[own] == n) - model.pmf(theta, n, 0.0, 0.0, 0.0, age)) < Z
    # by the concavity of the log, the gaps' logs cannot exceed those of equal gaps
    some = x > 0
    assert np.all(gaps[some] <= x[some] * np.log(t_x[some] / x[some]) + 1e-9)
    single = x == 1
    np.testing.assert_allclose(gaps[single], np.log(t_x[single]), atol=1e-12)


def test_simulated_data_have_score_zero_at_the_truth(case):
    """E[d ln L / d theta] = 0 at the true parameters: ties simulation, kernel and gradient."""
    from churnlab.models.engine import value_and_gradient

    model, theta = case
    rng = np.random.default_rng(5)
    n = 30_000
    ages = rng.uniform(50.0, 300.0, n)
    x, t_x, _ = model.simulate(theta[:, None], ages, rng)
    thetas = np.repeat(theta[:, None], n, axis=1)
    _, scores = value_and_gradient(model, thetas, np.arange(n), x, t_x, ages, np.ones(n))
    assert np.all(np.abs(scores.mean(axis=1)) / (scores.std(axis=1) / np.sqrt(n)) < Z)


def test_one_seed_one_result(case):
    model, theta = case
    data = (np.array([0.0, 2, 9]), np.array([0.0, 30, 50]), np.array([60.0, 60, 60]))
    first, again = (
        model.sample_latent(theta[:, None], *data, np.random.default_rng(3)) for _ in range(2)
    )
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
