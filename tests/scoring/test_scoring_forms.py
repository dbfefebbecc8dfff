"""The scorer's closed forms against the reference formulas and the published order of risks."""

from __future__ import annotations

import numpy as np
import pytest

from churnlab import models as likelihoods
from churnlab.errors import UsageError
from churnlab.scoring.forms import form
from churnlab.scoring.process import Process, Risk

MODELS = [("bg_nbd", 1), ("mbg_nbd", 1), ("pareto_nbd", 1), ("bg_cnbd_k", 2), ("mbg_cnbd_k", 3)]
CDNOW = {  # published parameters, weeks turned into days
    "mbg_nbd": (0.525, 6.183 * 7, 0.891, 1.614),
    "pareto_nbd": (0.553, 10.578 * 7, 0.606, 11.669 * 7),
}


def hard_rows(rng, n=300):
    """Ordinary customers, heavy buyers long silent, and the edges t_x = T and x = 0."""
    x = np.concatenate([[0, 0, 1, 400, 400, 3], rng.poisson(4, n)]).astype(float)
    T = np.concatenate([[0, 900, 5, 500, 3000, 20], rng.integers(1, 900, n)]).astype(float)
    t_x = np.where(x > 0, np.ceil(T * rng.beta(2, 1, x.size)), 0.0)
    t_x[3:6] = (400, 410, 20)
    return x, t_x, T


def hard_theta(model, rng, draws=20):
    centre = np.array(CDNOW.get(model, CDNOW["mbg_nbd"]))
    theta = centre * np.exp(0.8 * rng.normal(size=(draws, 4)))
    return theta.T[:, :, None]


@pytest.mark.parametrize(("model", "k"), MODELS)
def test_forms_equal_the_reference_formulas(model, k):
    rng = np.random.default_rng(1)
    theta, (x, t_x, T) = hard_theta(model, rng), hard_rows(rng)
    light, reference = form(model, k), likelihoods.get(model, k)
    alive = reference.p_alive(theta, x, t_x, T)
    np.testing.assert_allclose(light.p_alive(theta, x, t_x, T), alive, rtol=0, atol=2e-9)
    for horizon in (1.0, 30.0, 365.0):
        quiet = reference.p_no_purchase(theta, x, t_x, T, horizon)
        np.testing.assert_allclose(
            light.no_purchase(theta, x, t_x, T, horizon), quiet, rtol=0, atol=2e-9
        )


@pytest.mark.parametrize(
    ("model", "basis", "targets"),
    [
        ("mbg_nbd", "p_alive", (0.261, 0.162)),
        ("mbg_nbd", "personal_cycles", (0.385, 0.323)),
        ("mbg_nbd", "fixed_days", (0.387, 0.704)),
        ("pareto_nbd", "p_alive", (0.165, 0.061)),
        ("pareto_nbd", "personal_cycles", (0.312, 0.276)),
        ("pareto_nbd", "fixed_days", (0.330, 0.687)),
    ],
)
def test_order_of_personal_risks_is_the_published_one(model, basis, targets):
    """P1: the 14-day and the 60-day buyer after 40 days of silence.

    Tolerance: printed digits; the printed personal windows were not rounded up to whole days,
    which lowers the probability of no purchase by up to .005.
    """
    process = Process(model, 1, np.array(CDNOW[model])[None, None, :])
    risk = Risk(basis=basis, horizon_days=30)
    x, t_x, T = np.array([30.0, 7.0]), np.array([420.0, 420.0]), np.array([460.0, 460.0])
    group = np.zeros(2, np.int64)
    window = process.windows(risk, group, x, t_x)
    found = process.risk_mean(risk, group, x, t_x, T, window)
    np.testing.assert_allclose(found, targets, atol=6e-3 if basis == "personal_cycles" else 6e-4)
    assert (found[0] > found[1]) == (basis != "fixed_days")


@pytest.mark.parametrize(("model", "k"), MODELS)
def test_silence_lowers_p_alive_and_nothing_is_off_the_scale(model, k):
    rng = np.random.default_rng(3)
    theta = hard_theta(model, rng)
    days = np.concatenate([[0, 1], np.geomspace(2, 1e6, 60)])
    for x, t_x in ((0.0, 0.0), (1.0, 3.0), (500.0, 600.0)):
        alive = form(model, k).p_alive(theta, x, t_x, t_x + days)
        assert np.isfinite(alive).all()
        assert (alive >= 0).all()
        assert (alive <= 1).all()
        assert (np.diff(alive, axis=1) <= 1e-12).all()


def test_bg_nbd_never_doubts_a_first_purchaser():
    theta = hard_theta("bg_nbd", np.random.default_rng(4))
    assert (form("bg_nbd").p_alive(theta, 0.0, 0.0, np.array([1.0, 5000.0])) == 1).all()


def test_result_does_not_depend_on_the_chunk(monkeypatch):
    rng = np.random.default_rng(5)
    x, t_x, T = hard_rows(rng)
    process = Process("pareto_nbd", 1, hard_theta("pareto_nbd", rng)[:, :, 0].T[:, None, :])
    group = np.zeros(x.size, np.int64)
    whole = process.spread(process.form.p_alive, group, x, t_x, T)
    monkeypatch.setattr("churnlab.scoring.process.CHUNK", 7 * 20)
    for a, b in zip(whole, process.spread(process.form.p_alive, group, x, t_x, T), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("model", "k"), [("bg_nbdd", 1), ("bg_nbd", 2), ("pareto_nbd", 0)])
def test_unknown_models_are_refused(model, k):
    with pytest.raises(UsageError):
        form(model, k)


def test_unknown_basis_is_refused_with_a_suggestion():
    with pytest.raises(UsageError, match="p_alive"):
        Risk(basis="p_aliv")
