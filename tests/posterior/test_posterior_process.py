"""The streamed process against the readable formulas of the models, and Q against quadrature."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from scipy.integrate import quad

from churnlab import models as likelihoods
from churnlab.kernels import rows
from churnlab.models.pareto.death_kernel import death_by_count
from churnlab.models.pareto.death_table import DeathTables
from churnlab.models.silence import FormulaProcess

#: (r, alpha, s, beta) where naive code fails, days.
PARETO_EDGES = {
    "plain": (0.55, 74.0, 0.6, 82.0),
    "alpha = beta": (0.55, 70.0, 0.6, 70.0),
    "alpha ~ beta": (0.55, 70.0, 0.6, 70.0 + 1e-9),
    "s to 1": (0.55, 74.0, 1.0, 82.0),
    "tiny beta": (0.55, 74.0, 0.3, 1e-8),
    "tiny alpha": (0.3, 1e-6, 0.6, 80.0),
    "rate x time > 700": (300.0, 30.0, 0.6, 80.0),
    "quick death": (0.55, 20.0, 40.0, 90.0),
    "ridge in s": (0.55, 74.0, 1e4, 1e6),
    "slow death": (0.55, 74.0, 2.0, 800.0),
}
#: (x, t_x, T)
CUSTOMERS = [
    (4, 60, 60),
    (0, 0, 90),
    (2000, 364, 365),
    (400, 20, 390),
    (300, 2, 2.1),
    (3, 200, 270),
]

MODELS = ("bg_nbd", "mbg_nbd", "pareto_nbd", "bg_cnbd_k", "mbg_cnbd_k")


@pytest.mark.parametrize("model", MODELS)
def test_states_agree_with_the_likelihoods_formulas(model, make_draws, make_rows):
    draws, rows = make_draws(model, 30), make_rows(40)
    likelihood, theta = draws.likelihood, draws.theta[:, 0, :].T
    for x, t_x, T in zip(*rows[1:], strict=True):
        process = likelihood.process(theta, x, 5000.0)(x)
        one = np.array([t_x]), np.array([T])
        for H in (1.0, 90.0, 3000.0):
            alive, quiet = process.states(*one, np.array([H]))
            np.testing.assert_allclose(alive[0], likelihood.p_alive(theta, x, t_x, T), atol=2e-9)
            direct = likelihood.p_no_purchase(theta, x, t_x, T, H)
            np.testing.assert_allclose(1 - alive[0] * (1 - quiet[0]), direct, atol=2e-9)


class Plain(FormulaProcess):
    """A new family before it has a law of the rate."""

    def rate_mixture(self, t_x, T):
        raise NotImplementedError


@pytest.mark.parametrize("model", MODELS)
def test_what_a_family_starts_with_says_the_same_as_its_own_process(model, make_draws):
    """`FormulaProcess` asks a new model's formulas; tables and closed forms are only quicker."""
    draws = make_draws(model, 20)
    likelihood, theta = draws.likelihood, draws.theta[:, 0, :].T
    t_x, T, H = np.array([0.0, 60.0, 200.0]), np.array([90.0, 60.0, 270.0]), np.full(3, 45.0)
    own = likelihood.process(theta, 3.0, 5000.0)(3.0)
    plain = Plain(likelihood, theta, 3.0, 5000.0)
    for found, expected in zip(own.states(t_x, T, H), plain.states(t_x, T, H), strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-8)
    at, horizon = np.arange(3), np.array([10.0, 45.0, 300.0])
    np.testing.assert_allclose(
        own.returning(t_x)(horizon, at), plain.returning(t_x)(horizon, at), atol=2e-8
    )


@pytest.mark.parametrize("model", MODELS)
def test_silence_from_now_on_is_that_of_the_states(model, make_draws):
    draws = make_draws(model, 30)
    process = draws.likelihood.process(draws.theta[:, 0, :].T, 2.0, 5000.0)(2.0)
    t_x, T = np.array([10.0, 40.0, 40.0]), np.array([90.0, 90.0, 200.0])
    some, horizon = np.array([2, 0]), np.array([30.0, 400.0])
    found = process.silent(t_x, T)(horizon, some)
    np.testing.assert_array_equal(found, process.states(t_x[some], T[some], horizon)[1])
    mean = (process.alive(t_x[some], T[some]) * (1.0 - found)).mean(axis=1)
    np.testing.assert_allclose(process.back(t_x, T)(horizon, some), mean, rtol=1e-14)


@pytest.mark.parametrize("n_draws", [7, 30, 1000])
@pytest.mark.parametrize("model", MODELS)
def test_means_of_those_who_return_are_those_of_the_matrix(model, n_draws, make_draws):
    draws = make_draws(model, n_draws)
    process = draws.likelihood.process(draws.theta[:, 0, :].T, 2.0, 5000.0)(2.0)
    t_x, some, horizon = np.array([10.0, 40.0, 0.0]), np.array([2, 0]), np.array([0.5, 400.0])
    mean = process.returning(t_x)(horizon, some).mean(axis=1)
    np.testing.assert_allclose(process.returned(t_x)(horizon, some), mean, rtol=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_laws_of_counts_are_the_formulas_whoever_shares_an_age(model, make_draws):
    draws = make_draws(model, 20)
    likelihood, theta = draws.likelihood, draws.theta[:, 0, :].T
    process = likelihood.process(theta, 3.0, 5000.0)(3.0)
    t_x, T = np.array([10.0, 85.0, 40.0, 85.0]), np.array([90.0, 90.0, 200.0, 90.0])
    law = process.count_law(t_x, T, 60.0)
    found = np.array([law.first(), law.next()])
    law.keep(np.array([3, 2]))
    exact = [
        [likelihood.pmf(theta, n, 3.0, *one, 60.0).mean() for one in zip(t_x, T, strict=True)]
        for n in (0.0, 1.0, 2.0)
    ]
    np.testing.assert_allclose(found, exact[:2], atol=1e-8)
    np.testing.assert_allclose(law.next(), np.array(exact[2])[[3, 2]], atol=1e-8)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("case", [(2000, 700, 730), (40, 14, 273), (300, 10, 3000), (0, 0, 4000)])
def test_heavy_buyers_and_long_silence_stay_finite(model, case, make_draws):
    draws = make_draws(model, 5)
    x, t_x, T = (np.array([float(v)]) for v in case)
    process = draws.likelihood.process(draws.theta[:, 0, :].T, x[0], T[0] + 100)(x[0])
    alive, quiet = process.states(t_x, T, np.array([90.0]))
    assert np.isfinite(alive).all()
    assert ((alive >= 0) & (alive <= 1) & (quiet >= 0) & (quiet <= 1)).all()
    direct = draws.likelihood.p_alive(draws.theta[:, 0, :].T, x, t_x, T)
    np.testing.assert_allclose(alive[0], direct, atol=2e-9)
    assert np.array_equal(process.alive(t_x, T), alive)  # alone, and beside a horizon


@pytest.mark.parametrize("x", [0.0, 2000.0])
def test_odds_beyond_every_number_end_in_probabilities(x):
    """(T + alpha) / (t_x + alpha) to the power r + x overflows; of BG's x = 0 the odds are 0."""
    theta = np.array([[300.0], [1e-3], [0.5], [2.0]])
    process = likelihoods.get("bg_nbd").process(theta, x, 400.0)(x)
    alive = process.alive(np.array([x / 100]), np.array([390.0]))
    assert alive[0, 0] == (1.0 if x == 0 else pytest.approx(0.0, abs=1e-300))


def test_silence_of_the_long_gone_is_no_certainty():
    """S(T+H)/S(T) where S(T) itself is below every number: (r + x) ln ratio, by hand."""
    theta = np.array([[1.0], [10.0], [0.5], [2.0]])
    process = likelihoods.get("mbg_nbd").process(theta, 2000.0, 5000.0)(2000.0)
    _, quiet = process.states(np.array([300.0]), np.array([900.0]), np.array([1.0]))
    assert quiet[0, 0] == pytest.approx(np.exp(-2001 * np.log(911 / 910)), rel=1e-9)


def test_errors_of_q_end_at_certainty():
    """Q of two ages that hardly differ carries an error of 1e-14 each way."""
    doom, one, other = np.array([[0.3], [0.3 + 1e-14]]), np.array([0]), np.array([1])
    cost, (alive, quiet) = np.zeros((2, 1)), np.empty((2, 1, 1))
    rows.alive_from_doom(cost, doom, one, other, alive)
    rows.quiet_from_doom(cost, doom, other, one, quiet)
    assert (alive[0, 0], quiet[0, 0]) == (1.0, 1.0)


@pytest.mark.parametrize("model", MODELS)
def test_rounding_never_leaves_the_probabilities(model, make_draws):
    """Just after a purchase, and over horizons of seconds and centuries."""
    draws = make_draws(model, 200)
    for x in (1.0, 7.0, 60.0):
        process = draws.likelihood.process(draws.theta[:, 0, :].T, x, 40_000.0)(x)
        t_x = np.full(40, 50.0)
        T = t_x + np.geomspace(1e-14, 300.0, 40)
        found = process.states(t_x, T, np.full(40, 1e-13), np.full(40, 36_000.0))
        assert all(((v >= 0) & (v <= 1)).all() for v in found)


@pytest.mark.parametrize(
    ("R", "alpha", "s", "beta"),
    [(0.5, 74.0, 0.6, 81.0), (30.5, 74.0, 0.6, 81.0), (3.0, 5.0, 2.0, 500.0), (1.0, 9.0, 1.0, 9.0)],
)
@pytest.mark.parametrize("t", [0.0, 40.0, 2000.0])
def test_death_before_purchase_is_its_integral(R, alpha, s, beta, t):
    def integrand(v):  # u = t + (c + t) expm1(v), relative to the start
        c = min(alpha, beta) + t
        u = c * np.expm1(v)
        decay = R * np.log1p(u / (alpha + t)) + (s + 1) * np.log1p(u / (beta + t))
        return s * c / (beta + t) * np.exp(v - decay)

    direct = quad(integrand, 0, 60, epsabs=1e-13, limit=400)[0]
    assert death_before_purchase(R, alpha, s, beta, t) == pytest.approx(direct, abs=1e-10)


def death_before_purchase(R, alpha, s, beta, t):
    """Return Q(t) of x = 0, (row, draw): the fraction without the recurrence."""
    t = np.atleast_2d(np.asarray(t, float))
    out = np.empty((1, *t.shape))
    death_by_count(np.array([R, alpha, s, beta], float).reshape(4, -1), t, np.zeros(1), 1e-13, out)
    return out[0]


def _death_exactly(R, alpha, s, beta, t):
    with mp.workdps(40):
        R, alpha, s, beta, t = (mp.mpf(float(v)) for v in (R, alpha, s, beta, t))
        if alpha >= beta:
            z = (alpha - beta) / (alpha + t)
            return float(s / (R + s) * mp.hyp2f1(R, 1, R + s + 1, z))
        z = (beta - alpha) / (beta + t)
        return float(s / (R + s) * (1 - z) * mp.hyp2f1(s + 1, 1, R + s + 1, z))


@pytest.mark.parametrize("theta", PARETO_EDGES.values(), ids=PARETO_EDGES)
def test_death_by_count_at_the_edges(theta):
    """One fraction and a recurrence in both directions serve all x: short and long steps."""
    x = np.array([0.0, 1, 2, 3, 7, 40, 104, 169, 2000])  # steps of 64 and 65: recurrence, fraction
    t = np.array([[0.0], [0.5], [30.0], [400.0], [4000.0]])
    out = np.empty((x.size, *t.shape))
    death_by_count(np.array(theta)[:, None], t, x, 1e-13, out)
    r, alpha, s, beta = theta
    exact = [[[_death_exactly(r + n, alpha, s, beta, age)] for age in t[:, 0]] for n in x]
    np.testing.assert_allclose(out, exact, atol=1e-12)


@pytest.mark.parametrize("theta", PARETO_EDGES.values(), ids=PARETO_EDGES)
def test_states_at_the_edges(theta):
    likelihood, draws = likelihoods.get("pareto_nbd"), np.array(theta)[:, None]
    for x, t_x, T in CUSTOMERS:
        process = likelihood.process(draws, float(x), 500.0)(float(x))
        alive, quiet = process.states(np.array([t_x]), np.array([T]), np.array([90.0]))
        direct = likelihood.p_alive(draws, float(x), t_x, T)
        np.testing.assert_allclose(alive[0], direct, atol=2e-9)
        direct = likelihood.p_no_purchase(draws, float(x), t_x, T, 90.0)
        np.testing.assert_allclose(1 - alive[0] * (1 - quiet[0]), direct, atol=2e-9)


@pytest.mark.parametrize(("alpha", "beta"), [(74.0, 81.0), (0.5, 900.0), (900.0, 0.5)])
def test_the_table_of_death_is_exact_between_its_nodes(alpha, beta):
    args = [np.array([v]) for v in (0.4, alpha, 0.7, beta)]
    table = DeathTables(np.array(args), np.array([2.0]), 5000.0).table(2.0)
    args[0] = args[0] + 2.0
    ages = np.concatenate([[0.0], np.geomspace(0.3, 5000, 50)])
    direct = death_before_purchase(*args, ages[:, None])
    cost, death = table(ages)
    np.testing.assert_allclose(death, direct, atol=1e-11)
    expected = args[0] * np.log(alpha + ages[:, None]) + 0.7 * np.log(beta + ages[:, None])
    np.testing.assert_allclose(cost, expected, rtol=1e-12)


def test_thinned_processes_are_those_of_thinned_draws(make_draws):
    draws = make_draws("pareto_nbd", 50)
    process = draws.likelihood.process(draws.theta[:, 0, :].T, 2.0, 400.0)(2.0).thin(7)
    assert np.array_equal(process.theta, draws.thin(7).theta[:, 0, :].T)
