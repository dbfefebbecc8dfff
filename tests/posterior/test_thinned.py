"""Risk when purchases are thinned visits: a closed form, a double integral and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import roots_sh_jacobi

from churnlab.errors import DataError, UsageError
from churnlab.models.draws import PopulationDraws
from churnlab.models.thinned import Conversion
from churnlab.posterior.risk import risk_summary
from churnlab.posterior.settings import RiskConfig
from churnlab.posterior.silence.stream import Rows
from churnlab.posterior.silence.thinned import Tally, conversion_mean, thinned_silence

THETA = {
    "bg_nbd": (1.3, 9.0, 0.8, 6.0),
    "mbg_nbd": (1.3, 9.0, 0.8, 6.0),
    "pareto_nbd": (1.3, 9.0, 0.7, 40.0),
}
C, D = 0.9, 3.5
ONE = Conversion(np.array([C]), np.array([D]))


def draws_of(model: str, *more: tuple[float, ...]) -> PopulationDraws:
    return PopulationDraws(model, 1, np.array([THETA[model], *more])[:, None, :])


def beta_nodes(a: float, b: float) -> tuple[np.ndarray, np.ndarray]:
    """Return scipy's Gauss rule for the density Beta(a, b)."""
    nodes, weights = roots_sh_jacobi(80, a + b - 1, a)
    return nodes, weights / weights.sum()


def rows_of(x: list[float], t_x: list[float], T: list[float]) -> Rows:
    return Rows(np.zeros(len(x), np.int64), *(np.array(v, float) for v in (x, t_x, T)))


def test_it_is_the_integral_over_the_customers_dropout_and_conversion() -> None:
    """Without visits counted one by one: visits are marked 'purchase', 'last' or 'goes on'.

    The first of the two marks that end the wait comes at rate lambda s, s = 1 - (1-pi)(1-p), and
    is a purchase with probability pi / s; lambda is integrated in closed form.
    """
    r, alpha, a, b = THETA["mbg_nbd"]
    x, t_x, T, horizon, m, n = 5, 30.0, 38.0, 21.0, 5, 2
    odds = a / (b + x) * ((alpha + T) / (alpha + t_x)) ** (r + x)
    alive = 1 / (1 + odds)

    p, p_weight = beta_nodes(a, b + x + 1)
    pi, pi_weight = (v[:, None] for v in beta_nodes(C + n, D + m - n))
    stop = 1 - (1 - pi) * (1 - p)
    buys = pi / stop * (1 - ((alpha + T) / (alpha + T + stop * horizon)) ** (r + x))
    oracle = 1 - alive * float((pi_weight * p_weight * buys).sum())
    found = thinned_silence(
        draws_of("mbg_nbd"),
        rows_of([x], [t_x], [T]),
        ONE,
        Tally(*np.array([[5.0], [2.0]])),
        horizon,
    )
    # 5e-8: the sum over visits stops at 1e-8; 80 and 120 nodes agree to 1e-12
    assert found[0] == pytest.approx(oracle, abs=5e-8)


@pytest.mark.parametrize("model", ["bg_nbd", "mbg_nbd", "pareto_nbd"])
def test_it_is_the_share_of_simulated_customers_with_the_same_past(model: str) -> None:
    """Exact latents of the visit process, then visits one by one, each thinned by own chance."""
    n, horizon = 40_000, 25.0
    x, t_x, T, visits, bought = 4.0, 22.0, 27.0, 4.0, 1.0
    rng = np.random.default_rng(8)
    draws = draws_of(model)
    theta = draws.theta[0, 0][:, None]
    latent = draws.likelihood.sample_latent(theta, np.full(n, x), t_x, T, rng)
    chance = rng.beta(C + bought, D + visits - bought, n)
    time, going, none = np.zeros(n), latent.alive.copy(), np.ones(n, bool)
    ends = np.full(n, horizon)
    if model == "pareto_nbd":
        ends = np.minimum(rng.exponential(size=n) / latent.dropout, horizon)
    while going.any():
        time = time + rng.exponential(size=n) / latent.rate
        going &= time <= ends
        none &= ~(going & (rng.random(n) < chance))
        if model != "pareto_nbd":
            going &= rng.random(n) >= latent.dropout
    found = thinned_silence(
        draws, rows_of([x], [t_x], [T]), ONE, Tally(*np.array([[visits], [bought]])), horizon
    )
    error = np.sqrt(found[0] * (1 - found[0]) / n)
    assert abs(none.mean() - found[0]) < 3.5 * error  # three models: 1.4 in 1,000 by chance


def test_the_two_posteriors_are_averaged_apart_and_rows_apart() -> None:
    """Two draws of each: the mean over all four pairs; rows do not see each other."""
    other = (2.0, 7.0, 0.4, 8.0)
    theta, conversion = draws_of("mbg_nbd", other), Conversion(np.array([C, 2]), np.array([D, 9]))
    rows = rows_of([0, 6, 30], [0, 44, 200], [9, 60, 203])
    tally = Tally(np.array([1.0, 7.0, 31.0]), np.array([0.0, 7.0, 4.0]))
    found = thinned_silence(theta, rows, conversion, tally, 14.0)
    slow = np.zeros(3)
    for t in (THETA["mbg_nbd"], other):
        for c, d in zip(*conversion, strict=True):
            draw = PopulationDraws("mbg_nbd", 1, np.array([t])[:, None, :])
            for i in range(3):
                row = Rows(*(v[[i]] for v in rows))
                one = Conversion(np.array([c]), np.array([d]))
                part = Tally(*(v[[i]] for v in tally))
                slow[i] += thinned_silence(draw, row, one, part, 14.0)[0] / 4
    # 3e-8: each sum over visits may stop 1e-8 early
    assert found == pytest.approx(slow, abs=3e-8)


def test_where_nearly_every_visit_buys_it_is_the_visit_models_own_silence() -> None:
    rows = rows_of([0, 6], [0, 44], [9, 60])
    sure = Conversion(np.array([1e9]), np.array([1.0]))
    tally = Tally(np.array([1.0, 7.0]), np.array([1.0, 7.0]))
    found = thinned_silence(draws_of("mbg_nbd"), rows, sure, tally, 14.0)
    visits = risk_summary(
        draws_of("mbg_nbd"), rows, RiskConfig(basis="fixed_days", horizon_days=14)
    )
    assert found == pytest.approx(visits.mean, abs=1e-7)


@pytest.mark.parametrize("model", ["mbg_nbd", "pareto_nbd"])
def test_silence_of_the_visits_raises_purchase_risk_and_the_same_visits_unbought_too(
    model: str,
) -> None:
    silent = rows_of([6] * 4, [30] * 4, [30, 35, 45, 90])
    tally = Tally(np.full(4, 7.0), np.full(4, 2.0))
    by_silence = thinned_silence(draws_of(model), silent, ONE, tally, 14.0)
    assert (np.diff(by_silence) > 0).all()
    same = rows_of([6] * 4, [30] * 4, [32] * 4)
    by_purchases = thinned_silence(
        draws_of(model), same, ONE, Tally(np.full(4, 7.0), np.array([0.0, 1.0, 3.0, 7.0])), 14.0
    )
    assert (np.diff(by_purchases) < 0).all()
    longer = [
        thinned_silence(draws_of(model), same, ONE, tally, h)[0] for h in (0.5, 7.0, 90.0, 900.0)
    ]
    assert (np.diff(longer) < 0).all()


def test_conversion_mean_is_the_beta_posteriors() -> None:
    found = conversion_mean(ONE, Tally(np.array([0.0, 10.0]), np.array([0.0, 4.0])))
    assert found == pytest.approx([C / (C + D), (C + 4) / (C + D + 10)])


def test_errors_name_what_is_wrong() -> None:
    rows = rows_of([0], [0], [9])
    with pytest.raises(DataError, match="more purchase-days than visit-days"):
        thinned_silence(draws_of("mbg_nbd"), rows, ONE, Tally(*np.array([[1.0], [2.0]])), 14)
    with pytest.raises(UsageError, match="horizon_days must be positive; got 0"):
        thinned_silence(draws_of("mbg_nbd"), rows, ONE, Tally(*np.array([[1.0], [1.0]])), 0)
