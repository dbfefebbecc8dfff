"""GGom/NBD at its edges: no ageing is Pareto/NBD, far ages, its table and its death times."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from churnlab.models import get
from churnlab.models.gompertz import lifetime, silence

THETA = np.array([0.6, 25.0, 0.6, 90.0, 0.01])
X = np.array([0.0, 0, 1, 5, 40])
T_X = np.array([0.0, 0, 60, 80, 300])
T = np.array([30.0, 500, 100, 100, 360])


def test_without_ageing_it_is_pareto_nbd():
    """The difference is of the order of b times an age."""
    old, new = get("pareto_nbd"), get("ggom_nbd")
    almost = np.array([*THETA[:4], 1e-9])
    for name, more in (
        ("log_likelihood", ()), ("p_alive", ()), ("p_no_purchase", (60.0,)),
        ("expected_purchases", (60.0,)),
    ):  # fmt: skip
        mine = getattr(new, name)(almost, X, T_X, T, *more)
        np.testing.assert_allclose(mine, getattr(old, name)(THETA[:4], X, T_X, T, *more), rtol=2e-6)


def test_ageing_lowers_the_chance_of_being_alive():
    model = get("ggom_nbd")
    alive = [model.p_alive(np.array([*THETA[:4], b]), X, T_X, T)[1:] for b in (1e-4, 0.01, 0.03)]
    assert np.all(np.diff(alive, axis=0) < 0)


def test_far_ages_neither_overflow_nor_lose_the_survivors():
    """b u = 5,000: ln S falls by s b per unit of time, the hazard is b."""
    _, _, _, beta, b = THETA
    far = np.array([5e5, 5e5 + 1])
    assert np.diff(lifetime.log_growth(beta, b, far))[0] == pytest.approx(b, rel=1e-6)
    assert lifetime.hazard(beta, b, far)[0] == pytest.approx(b)
    ages = np.array([1e-6, 3.0, 400.0, 5e5])
    back = lifetime.age_at(beta, b, lifetime.log_growth(beta, b, ages))
    np.testing.assert_allclose(back, ages, rtol=1e-9)
    value, slope = get("ggom_nbd").kernel(THETA[:, None], [0], [3.0], [10.0], [5e5], [1.0])
    assert np.isfinite(value)
    assert np.isfinite(slope).all()


def test_passes_over_the_same_draws_share_tables_as_far_as_the_budget_goes(monkeypatch):
    """A customers table is a dozen passes, and each has made its own; ages ask for powers of 2."""
    model, theta = get("ggom_nbd"), np.repeat(THETA[:, None], 7, axis=1)
    monkeypatch.setattr(silence, "_KEPT", {})

    def table(x, oldest, theta=theta):
        return model.process(theta, x, oldest)(x)._table

    first = table(1.0, 700.0)
    assert table(1.0, 1000.0) is first
    assert table(1.0, 1025.0) is not first
    assert table(1.0, 700.0, theta * 1.001) is not first
    each = sum(column.nbytes for column in first)
    monkeypatch.setattr(silence, "KEPT_BYTES", each * 2)  # room for two of one set of draws
    one, two, three = (table(x, 700.0, theta * 1.002) for x in (1.0, 2.0, 3.0))
    assert table(1.0, 700.0, theta * 1.002) is one
    assert table(2.0, 700.0, theta * 1.002) is two
    assert table(3.0, 700.0, theta * 1.002) is not three
    assert table(1.0, 700.0) is not first  # draws of before have given way


def test_the_table_of_death_before_a_purchase_gives_the_formulas_probabilities():
    model = get("ggom_nbd")
    draws = THETA[:, None] * np.exp(0.3 * np.random.default_rng(1).standard_normal((5, 40)))
    for x, t_x, age in zip(X, T_X, T, strict=True):
        process = model.process(draws, x, 5000.0)(x)
        alive, quiet = process.states(np.array([t_x]), np.array([age]), np.array([45.0]))
        np.testing.assert_allclose(alive[0], model.p_alive(draws, x, t_x, age), atol=1e-8)
        none = model.p_no_purchase(draws, x, t_x, age, 45.0)
        np.testing.assert_allclose(1 - alive[0] * (1 - quiet[0]), none, atol=1e-8)
        back = process.returning(np.array([t_x]))(np.array([45.0]), np.array([0]))
        first = 1 - model.p_no_purchase(draws, x, t_x, t_x, 45.0)
        np.testing.assert_allclose(back[0], first, atol=1e-8)
        mixture = process.rate_mixture(np.array([t_x]), np.array([age]))
        np.testing.assert_allclose(sum(part.weight for part in mixture)[0], 1.0)
        mean = process.mean_by_horizon()(np.array([t_x]), np.array([age]))(90.0)
        exact = model.expected_purchases(draws, x, t_x, age, 90.0)
        np.testing.assert_allclose(mean[0], exact, rtol=1e-6)
        law = process.count_law(np.array([t_x]), np.array([age]), 90.0)
        for n, found in enumerate((law.first(), law.next(), law.next())):
            pmf = model.pmf(draws, float(n), x, t_x, age, 90.0).mean()
            assert float(found[0]) == pytest.approx(pmf, abs=1e-7)


@pytest.mark.parametrize(("x", "b"), [(0.0, 0.01), (30.0, 0.01), (2.0, 0.2)])
def test_death_times_follow_their_density(x, b):
    """Both envelopes are used: lifetimes where x is small, the power where it is large."""
    theta = np.array([*THETA[:4], b])[:, None] * np.ones(20_000)
    start, end = np.full(20_000, 20.0 if x else 0.0), np.full(20_000, 400.0)
    rng = np.random.default_rng(3)
    drawn = lifetime.sample_death(theta, np.full(20_000, x), start, end, np.ones(20_000, bool), rng)
    one = theta[:, :1]
    total = lifetime.log_death_integral(one, x, start[:1], end[:1] - start[:1])
    uniform = np.exp(lifetime.log_death_integral(one, x, start[:1], drawn - start[0]) - total)
    assert stats.kstest(uniform, "uniform").pvalue > 1e-3
