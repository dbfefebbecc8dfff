"""Dates and cycles of the light scorer against plain scans and sampling."""

from __future__ import annotations

import numpy as np
import pytest

from churnlab.scoring.cycle import cycle_days
from churnlab.scoring.dates import MAX_DAYS, NEVER, at_risk_days, due_days
from churnlab.scoring.process import Process, Risk

CENTRES = {
    "bg_nbd": (0.5, 43.0, 0.9, 1.8),
    "mbg_nbd": (0.5, 43.0, 0.9, 1.6),
    "pareto_nbd": (0.55, 74.0, 0.6, 82.0),
    "mbg_cnbd_k": (1.5, 30.0, 0.9, 4.0),
}
X = np.array([0.0, 1.0, 3.0, 12.0, 60.0])
T_X = np.array([0.0, 10.0, 200.0, 300.0, 300.0])
GROUP = np.zeros(5, np.int64)


def process(model, k=1, draws=12, seed=1):
    rng = np.random.default_rng(seed)
    theta = np.array(CENTRES[model]) * np.exp(0.1 * rng.normal(size=(draws, 1, 4)))
    return Process(model, k, theta)


def scanned(p, risk, threshold):
    """The definition, day by day: the first day from which risk stays at the threshold or above."""
    window = p.windows(risk, GROUP, X, T_X)
    days = np.arange(1, MAX_DAYS + 1)
    found = []
    for i in range(len(X)):
        row = [np.full(days.size, v[i]) for v in (GROUP, X, T_X, window)]
        above = p.risk_mean(risk, row[0], row[1], row[2], T_X[i] + days, row[3]) >= threshold
        below = np.flatnonzero(~above)
        first = 1 if below.size == 0 else days[below[-1]] + 1
        found.append(first if first <= MAX_DAYS else NEVER)
    return np.array(found)


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("basis", ["p_alive", "personal_cycles", "fixed_days"])
@pytest.mark.parametrize(("model", "k"), [("bg_nbd", 1), ("mbg_nbd", 1), ("mbg_cnbd_k", 3)])
def test_dates_are_those_of_a_scan_over_ten_years(model, k, basis, threshold):
    p, risk = process(model, k), Risk(basis=basis, horizon_days=30)
    found = at_risk_days(p, risk, GROUP, X, T_X, np.full(5, threshold))
    np.testing.assert_array_equal(found, scanned(p, risk, threshold))


def test_pareto_dates_are_those_of_a_scan():
    p, risk = process("pareto_nbd", draws=3), Risk(basis="p_alive")
    found = at_risk_days(p, risk, GROUP, X, T_X, np.full(5, 0.5))
    np.testing.assert_array_equal(found, scanned(p, risk, 0.5))


def test_a_windowed_risk_with_regular_gaps_falls_before_it_rises():
    """Why the date is the last crossing for k > 1."""
    p, risk = process("mbg_cnbd_k", 3), Risk(basis="fixed_days", horizon_days=14)
    row = [np.full(120, v[3]) for v in (GROUP, X, T_X)]
    curve = p.risk_mean(risk, *row, T_X[3] + np.arange(120.0), np.full(120, 14.0))
    assert curve.argmin() > 0
    assert curve[-1] > curve[0]


def test_a_lower_threshold_comes_no_later():
    p, risk = process("mbg_nbd"), Risk()
    days = [at_risk_days(p, risk, GROUP, X, T_X, np.full(5, v)) for v in (0.1, 0.4, 0.8)]
    assert (days[0] <= days[1]).all()
    assert (days[1] <= days[2]).all()


@pytest.mark.parametrize(("model", "k"), [("mbg_nbd", 1), ("pareto_nbd", 1), ("mbg_cnbd_k", 2)])
def test_due_days_solve_their_equation(model, k):
    p, W = process(model, k), 365.0
    due = due_days(p, GROUP, X, T_X, within=W)

    def returned(h):
        return 1 - p.mean(p.form.no_purchase, GROUP, X, T_X, T_X, h)

    for probability, days in zip((0.5, 0.1, 0.9), due, strict=True):
        share = returned(days) / returned(np.full(5, W))
        np.testing.assert_allclose(share, probability, atol=2e-3)  # a hundredth of a day


@pytest.mark.parametrize(("model", "k"), [("bg_nbd", 1), ("pareto_nbd", 1), ("mbg_cnbd_k", 2)])
def test_cycle_quantiles_are_those_of_sampled_rates(model, k):
    rng = np.random.default_rng(7)
    p = process(model, k, draws=8)
    x, t_x, T = (
        np.array([0.0, 4.0, 30.0]),
        np.array([0.0, 100.0, 300.0]),
        np.array([90.0, 300, 420]),
    )
    found = cycle_days(p, np.zeros(3, np.int64), x, t_x, T)
    n, theta = 200_000, np.moveaxis(p.theta[:, [0, 0, 0], :], 2, 0)
    mixture = p.form.rate_mixture(theta, x, t_x, T)
    for i in range(3):
        draw = rng.integers(8, size=n)
        weights = mixture.weight[:, :, i][:, draw]
        part = (rng.random(n) > np.cumsum(weights, axis=0)[:-1]).sum(axis=0)
        rate = rng.gamma(mixture.shape[part, draw, i]) / mixture.rate[part, draw, i]
        sampled = np.quantile(k / rate, [0.5, 0.05, 0.95])
        assert np.abs(np.log(found[:, i] / sampled)).max() < 0.05  # Monte Carlo error of q95
