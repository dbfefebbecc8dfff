"""What every model must satisfy; a new one joins with a line in conftest.CASES."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnlab import models as likelihoods
from churnlab.errors import UsageError
from churnlab.models.engine import Engine, value_and_gradient, values

from .conftest import CASES

#: x, t_x, T of a few customers, in days.
X = np.array([0.0, 0, 1, 1, 2, 5, 14, 30, 60])
T_X = np.array([0.0, 0, 10, 90, 100, 80, 100, 30, 99])
T = np.array([30.0, 200, 100, 90, 170, 100, 300, 90, 100])
DATA = (X, T_X, T)


def test_registry_has_every_model_and_says_which(case):
    assert case.likelihood.name in likelihoods.REGISTRY
    again = likelihoods.get(case.likelihood.name, case.likelihood.k)
    assert again.parameters == case.likelihood.parameters
    assert len(again.time_powers) == len(again.parameters) == len(again.map)
    with pytest.raises(UsageError, match=case.likelihood.name):
        likelihoods.get(case.likelihood.name + "z")


@pytest.mark.parametrize("horizon", [0.0, 1.0, 40.0, 400.0])
def test_no_purchase_is_the_ratio_of_likelihoods(case, horizon):
    model, theta = case
    later = model.log_likelihood(theta, X, T_X, T + horizon)
    ratio = np.exp(later - model.log_likelihood(theta, X, T_X, T))
    np.testing.assert_allclose(model.p_no_purchase(theta, *DATA, horizon), ratio, rtol=1e-11)


@pytest.mark.parametrize("horizon", [5.0, 60.0, 200.0])
def test_counts_sum_to_one_and_their_mean_is_the_expectation(case, horizon):
    model, theta = case
    n = np.arange(2500.0)[:, None]
    pmf = model.pmf(theta, n, *DATA, horizon)
    assert pmf.min() >= 0
    np.testing.assert_allclose(pmf.sum(axis=0), 1.0, rtol=1e-10)
    mean = model.expected_purchases(theta, *DATA, horizon)
    np.testing.assert_allclose((n * pmf).sum(axis=0), mean, rtol=2e-9)
    np.testing.assert_allclose(pmf[0], model.p_no_purchase(theta, *DATA, horizon), rtol=1e-12)


def test_new_customers_are_customers_of_age_zero(case):
    model, theta = case
    t, n = np.array([1.0, 30.0, 365.0]), np.arange(2500.0)[:, None]
    pmf = model.pmf(theta, n, 0.0, 0.0, 0.0, t)
    np.testing.assert_allclose(pmf.sum(axis=0), 1.0, rtol=1e-9)
    np.testing.assert_allclose((n * pmf).sum(axis=0), model.expected_new(theta, t), rtol=1e-7)
    none = np.exp(model.log_likelihood(theta, 0, 0.0, t))
    np.testing.assert_allclose(pmf[0], none, rtol=1e-11)


def test_long_silence_lowers_p_alive_and_the_forecast(case):
    model, theta = case
    silence = np.arange(0.0, 600.0, 7.0)[:, None]
    alive = model.p_alive(theta, X, T_X, T_X + silence)
    falls = np.diff(alive, axis=0)
    assert np.all(falls[:, X > 0] < 0)
    assert np.all(falls <= 0)
    assert np.all((alive >= 0) & (alive <= 1))


@settings(max_examples=60, deadline=None)
@given(
    x=st.integers(1, 400),
    t_x=st.floats(0.5, 700),
    silence=st.floats(0, 700),
    more=st.floats(0.5, 300),
    shape=st.floats(0.05, 20),
    spread=st.floats(0.1, 500),
)
@pytest.mark.parametrize("name", ["bg_nbd", "mbg_nbd", "pareto_nbd"])
def test_risk_rises_with_silence_for_any_parameters(name, x, t_x, silence, more, shape, spread):
    model = likelihoods.get(name)
    theta = np.array([shape, spread, 0.7, 2.0])
    T_now = t_x + silence
    assert model.p_alive(theta, x, t_x, T_now + more) <= model.p_alive(theta, x, t_x, T_now)
    now = model.p_no_purchase(theta, x, t_x, T_now, 30.0)
    assert model.p_no_purchase(theta, x, t_x, T_now + more, 30.0) >= now * (1 - 1e-12)


def test_hours_days_and_weeks_agree(case):
    model, theta = case
    hours = model.in_unit(theta, 24.0)
    data = (X, T_X * 24, T * 24)
    np.testing.assert_allclose(
        model.p_no_purchase(hours, *data, 720.0),
        model.p_no_purchase(theta, *DATA, 30.0),
        rtol=1e-11,
    )
    np.testing.assert_allclose(
        model.expected_purchases(hours, *data, 720.0),
        model.expected_purchases(theta, *DATA, 30.0),
        rtol=1e-11,
    )
    # a density of x gaps: per hour it is 24^-x of what it is per day
    gaps_moved = X * np.log(24.0)
    now, moved = (
        model.log_likelihood(theta, *DATA, 0.0),
        model.log_likelihood(hours, *data, gaps_moved),
    )
    change = moved - now
    np.testing.assert_allclose(change, -X * np.log(24.0), atol=1e-9)


def test_draws_broadcast_against_customers(case):
    model, theta = case
    draws = theta[:, None] * np.array([0.9, 1.0, 1.2])
    for call in (
        lambda th: model.log_likelihood(th, *DATA),
        lambda th: model.p_alive(th, *DATA),
        lambda th: model.p_no_purchase(th, *DATA, 30.0),
        lambda th: model.expected_purchases(th, *DATA, 90.0),
        lambda th: model.pmf(th, 2, *DATA, 30.0),
    ):
        table = call(draws[:, :, None])
        assert table.shape == (3, X.size)
        rows = np.stack([call(draws[:, i]) for i in range(3)])
        np.testing.assert_allclose(table, rows, rtol=1e-9)


# -- kernels -------------------------------------------------------------------------------------


def _cells(case, n=3000, seed=1):
    rng = np.random.default_rng(seed)
    age = rng.integers(1, 400, n).astype(float)
    x, t_x, gaps = case.likelihood.simulate(case.theta[:, None], age, rng)
    return x, t_x, age, gaps, rng.integers(1, 5, n).astype(float)


def test_kernel_equals_formula(case):
    model, theta = case
    x, t_x, age, _, weight = _cells(case)
    constant = -x * sum(np.log(range(1, model.k)))
    formula = weight * (model.log_likelihood(theta, x, t_x, age) - constant)
    value, _ = model.kernel(theta[:, None], np.zeros(x.size, int), x, t_x, age, weight)
    assert abs(value - formula.sum()) < 1e-12 * np.abs(formula).sum()
    engine = Engine(model, np.zeros(x.size, int), x, t_x, age, weight)
    assert abs(engine.value(theta[:, None]) - formula.sum()) < 1e-12 * np.abs(formula).sum()


def test_cells_under_draws_equal_the_formula():
    """One customer of each cell, in the order given, each group with its own parameters."""
    model, theta = CASES["pareto_nbd"]
    x, t_x, age, _, _ = _cells(CASES["pareto_nbd"], 400)
    group = np.random.default_rng(3).integers(0, 2, x.size)
    scale = np.array([[0.8, 1.0], [1.1, 1.3], [0.9, 0.7]])  # draw, group
    thetas = theta[None, :, None] * scale[:, None, :]
    formula = [model.log_likelihood(one[:, group], x, t_x, age) for one in thetas]
    # the formula's plain two-panel rule is good to 6e-10 in the hardest cases
    got = model.cell_log_likelihoods(thetas, group, x, t_x, age)
    np.testing.assert_allclose(got, formula, rtol=1e-9, atol=1e-9)


def test_kernel_derivatives_per_row_equal_exact_ones(case, twin):
    """Every row its own group, as with covariates; all rows in one pass."""
    model, theta = case
    rows = np.linspace(0.8, 1.3, X.size)
    thetas = theta[:, None] * rows
    value, gradient = value_and_gradient(model, thetas, np.arange(X.size), *DATA, np.ones(X.size))
    exact = twin(model, 24)  # half as many digits again as doubles have; its sums cost by the digit
    for i in range(X.size):
        expected = exact.gradient(thetas[:, i], X[i], T_X[i], T[i])
        np.testing.assert_allclose(gradient[:, i], expected, rtol=1e-10, atol=1e-13)
    whole = sum(exact.log_likelihood(thetas[:, i], X[i], T_X[i], T[i]) for i in range(X.size))
    assert value == pytest.approx(whole, rel=1e-13)


def test_pooled_derivatives_are_the_sum_of_those_per_row(case):
    """Pooled cells share tables and sums; rows of their own (exact by the test above) do not."""
    model, theta = case
    x, t_x, age, _, weight = _cells(case)
    n = x.size
    value, pooled = value_and_gradient(model, theta[:, None], np.zeros(n, int), x, t_x, age, weight)
    rows = np.repeat(theta[:, None], n, axis=1)
    total, each = value_and_gradient(model, rows, np.arange(n), x, t_x, age, weight)
    assert value == pytest.approx(total, rel=1e-13)
    np.testing.assert_array_less(
        np.abs(pooled[:, 0] - each.sum(axis=1)), 1e-12 * np.abs(each).sum(axis=1)
    )


def test_groups_add_up_across_blocks(case):
    model, theta = case
    x, t_x, age, _, weight = _cells(case, 40_000)
    group = np.random.default_rng(0).integers(0, 3, x.size)
    thetas = theta[:, None] * np.array([0.9, 1.0, 1.1])
    value, gradient = value_and_gradient(model, thetas, group, x, t_x, age, weight)
    total = 0.0
    for g in range(3):
        own = group == g
        part, slope = value_and_gradient(
            model, thetas[:, [g]], np.zeros(own.sum(), int), x[own], t_x[own], age[own], weight[own]
        )
        total += part
        np.testing.assert_allclose(gradient[:, g], slope[:, 0], rtol=1e-9)
    assert value == pytest.approx(total, rel=1e-12)


def test_weights_are_repeated_rows_and_order_does_not_matter(case):
    model, theta = case
    x, t_x, age, _, weight = _cells(case, 500)
    zero = np.zeros(x.size, int)
    value, gradient = value_and_gradient(model, theta[:, None], zero, x, t_x, age, weight)
    times = weight.astype(int)
    rows = np.repeat(np.arange(x.size), times)
    shuffled = np.random.default_rng(2).permutation(rows)
    for order in (rows, shuffled):
        again, slope = value_and_gradient(
            model,
            theta[:, None],
            zero[:1].repeat(order.size),
            x[order],
            t_x[order],
            age[order],
            np.ones(order.size),
        )
        assert again == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(slope, gradient, rtol=1e-9, atol=1e-9)


def _spread_out(case, draws, groups, seed=4):
    """Parameters that differ by draw and group, (draw, parameter, group)."""
    noise = np.random.default_rng(seed).normal(0, 0.5, (draws, len(case.theta), groups))
    return case.theta[None, :, None] * np.exp(noise)


@pytest.mark.parametrize("draws", [6, 31, 32, 33, 100])
def test_draws_together_equal_each_alone(case, draws):
    """Blocks of draws, the last one not full, beside the loop that also takes derivatives."""
    x, t_x, age, _, weight = _cells(case, 700)
    group = np.random.default_rng(5).integers(0, 5, x.size)
    thetas = _spread_out(case, draws, 5)
    engine = Engine(case.likelihood, group, x, t_x, age, weight)
    alone = np.array([engine.by_group(theta)[0] for theta in thetas])
    np.testing.assert_allclose(engine.values_by_group(thetas), alone, rtol=1e-12)


def test_a_wild_draw_does_not_touch_those_beside_it(case):
    x, t_x, age, _, weight = _cells(case, 300)
    thetas = _spread_out(case, 10, 1)
    engine = Engine(case.likelihood, np.zeros(x.size, int), x, t_x, age, weight)
    calm = engine.values(thetas)
    thetas[3] = np.resize([1e200, 1e-200], len(case.theta))[:, None]
    thetas[7] = np.resize([1e-200, 1e200], len(case.theta))[:, None]
    wild = engine.values(thetas)
    others = np.arange(10) % 4 != 3
    np.testing.assert_allclose(wild[others], calm[others], rtol=1e-12)


def test_threads_do_not_change_a_bit(case):
    model, theta = case
    x, t_x, age, _, weight = _cells(case, 40_000)
    zero = np.zeros(x.size, int)
    thetas = theta[None, :, None] * np.linspace(0.9, 1.1, 40)[:, None, None]
    results = []
    for threads in (1, 2, 3, 5, 8):
        engine = Engine(model, zero, x, t_x, age, weight, threads)
        value, gradient = engine.value_and_gradient(thetas[0])
        results.append(np.concatenate([[value], gradient.ravel(), engine.values(thetas)]))
        assert value == pytest.approx(engine.value(thetas[0]), rel=1e-13)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)
    found = values(model, thetas, zero, x, t_x, age, weight)
    np.testing.assert_array_equal(results[0][-40:], found)
