"""Latent draws, next purchases, dropout and weekly totals against the closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from churnlab.errors import UsageError
from churnlab.posterior import Rows, risk_summary, weekly_forecast
from churnlab.posterior.cycles import rate_quantiles
from churnlab.posterior.forecast import WeeklyForecast
from churnlab.posterior.latent import sample_latent, sample_next_purchase
from churnlab.summary import Summary

MODELS = ("bg_nbd", "mbg_nbd", "pareto_nbd", "mbg_cnbd_k", "bg_cnbd_k")


def _summary(rows: Rows) -> Summary:
    return Summary.from_arrays(*rows[1:], as_of="2024-06-30")


@pytest.mark.parametrize("model", MODELS)
def test_latent_draws_reproduce_p_alive_rate_and_dropout(model, make_draws, make_rows):
    draws, rows = make_draws(model, 50), make_rows(12)
    summary, n = _summary(rows), 20_000
    drawn = sample_latent(summary, draws, draws=n, seed=4)
    alive = 1 - risk_summary(draws, rows).mean
    error = 5 * np.sqrt(alive * (1 - alive) / n) + 1e-3
    assert (np.abs(drawn["alive"].mean(axis=0) - alive) <= error).all()
    exact = rate_quantiles(draws, rows)
    below = [(drawn["rate"] <= q).mean(axis=0) for q in (exact.q05, exact.q95)]
    np.testing.assert_allclose(below, [[0.05] * 12, [0.95] * 12], atol=0.01)
    spread = 5 * drawn["rate"].std(axis=0) / np.sqrt(n)
    assert (np.abs(drawn["rate"].mean(axis=0) - exact.mean) <= spread).all()


@pytest.mark.parametrize(("model", "first"), [("bg_nbd", 0), ("mbg_nbd", 1)])
def test_latent_dropout_is_the_mixture_of_the_living_and_the_dead(
    model, first, make_draws, make_rows
):
    """Tosses survived: alive Beta(a, b + m), dead Beta(a + 1, b + m - 1), m = x (+ 1 in MBG)."""
    draws, rows = make_draws(model, 50), make_rows(12)
    n = 20_000
    drawn = sample_latent(_summary(rows), draws, draws=n, seed=4)["dropout"]
    theta = draws.theta[:, 0, :].T[:, :, None]
    alive = draws.likelihood.p_alive(theta, *rows[1:])
    a, total = theta[2], theta[2] + theta[3] + rows.x + first
    exact = ((alive * a + (1 - alive) * (a + 1)) / total).mean(axis=0)
    assert (np.abs(drawn.mean(axis=0) - exact) <= 5 * drawn.std(axis=0) / np.sqrt(n)).all()


@pytest.mark.parametrize("model", MODELS)
def test_next_purchases_come_as_often_as_the_closed_form_says(model, make_draws, make_rows):
    draws, rows = make_draws(model, 50), make_rows(12)
    n = 20_000
    days = sample_next_purchase(_summary(rows), draws, draws=n, seed=4)
    theta = draws.theta[:, 0, :].T[:, :, None]
    for horizon in (5.0, 60.0, 700.0):
        quiet = draws.likelihood.p_no_purchase(theta, *rows[1:], horizon).mean(axis=0)
        error = 5 * np.sqrt(quiet * (1 - quiet) / n) + 1e-3
        assert (np.abs((days > horizon).mean(axis=0) - quiet) <= error).all()


def test_draws_belong_to_customers_not_to_rows(make_draws, make_rows):
    draws, rows = make_draws("pareto_nbd", 30), make_rows(30)
    rows = Rows(*(np.concatenate([v, v[:10]]) for v in rows))  # cells with two customers
    ids = np.array([f"c{i:02d}" for i in range(40)])
    order = np.random.default_rng(2).permutation(40)
    plain = Summary.from_arrays(*rows[1:], as_of="2024-06-30", customer_id=ids)
    mixed = [v[order] for v in rows[1:]]
    shuffled = Summary.from_arrays(*mixed, as_of="2024-06-30", customer_id=ids[order])
    a, b = (sample_latent(s, draws, draws=25, seed=9) for s in (plain, shuffled))
    for name in ("rate", "dropout", "alive"):
        assert np.array_equal(a[name][:, order], b[name])
    assert not np.array_equal(a["rate"][:, 0], a["rate"][:, 30])  # the same cell, another customer
    other = sample_latent(plain, draws, draws=25, seed=10)
    assert not np.array_equal(a["rate"], other["rate"])


def _forecast(draws, cells, weeks=8, **options) -> WeeklyForecast:
    return weekly_forecast(draws, cells, weeks, np.random.default_rng(3), **options)


@pytest.mark.parametrize("model", ["bg_nbd", "mbg_nbd", "pareto_nbd", "mbg_cnbd_k"])
def test_weekly_totals_have_the_expectation_of_the_closed_form(model, make_draws, make_rows):
    draws = make_draws(model, 50)
    cells = _summary(make_rows(200 if draws.k == 1 else 40)).cells
    got = _forecast(draws, cells, weeks=8, n_draws=100)
    theta = draws.theta[np.linspace(0, 49, 100).round().astype(int), 0, :].T[:, :, None]
    whole = draws.likelihood.expected_purchases(theta, cells.x, cells.t_x, cells.T, 56.0)
    np.testing.assert_allclose(got.expected.sum(axis=1), whole @ cells.weight, rtol=1e-9)
    total = got.predicted.sum(axis=1)
    error = 5 * total.std() / np.sqrt(total.size)
    assert total.mean() == pytest.approx(got.expected.sum(axis=1).mean(), abs=error)
    # chance is in the predicted totals, not only the parameters
    assert total.std() > 1.5 * got.expected.sum(axis=1).std()


def test_newcomers_add_their_first_and_repeat_purchases(make_draws, make_rows):
    draws, cells = make_draws("mbg_nbd", 50), _summary(make_rows(30)).cells
    without = _forecast(draws, cells)
    with_new = _forecast(draws, cells, new_per_week=40.0)
    added = with_new.expected - without.expected
    assert (added[:, 0] > 40).all()
    assert (np.diff(added, axis=1) > 0).all()
    drawn = with_new.predicted.sum(axis=1)
    error = 5 * drawn.std() / np.sqrt(drawn.size)
    assert drawn.mean() == pytest.approx(with_new.expected.sum(axis=1).mean(), abs=error)


def test_forecasts_are_reproducible_and_refuse_nonsense(make_draws, make_rows):
    draws, cells = make_draws("pareto_nbd", 20), _summary(make_rows(30)).cells
    first, second = (_forecast(draws, cells, n_draws=40) for _ in range(2))
    assert np.array_equal(first.predicted, second.predicted)
    with pytest.raises(UsageError, match="weeks"):
        _forecast(draws, cells, weeks=0)
    with pytest.raises(UsageError, match="draws"):
        sample_latent(_summary(make_rows(10)), draws, draws=0)
