"""Shared special functions and rules against many-digit arithmetic."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from churnlab.kernels import rising, vector
from churnlab.kernels.special import beta_rule, legendre, log_beta_shift, log_rising
from churnlab.models.geometric.dropout_mean import GAUSS_LIMITS, gauss_mean, logit_mean
from churnlab.models.geometric.renewals import erlang_one_minus_pgf

ARGUMENTS = [
    (r, n)
    for r in (1e-12, 1e-3, 0.5, 1.0, 3.7, 9.999, 10.0, 57.3, 1e4, 1e9)
    for n in (0, 1, 2, 7, 8, 30, 500, 2000)
]


@pytest.mark.parametrize(("r", "n"), ARGUMENTS)
def test_log_rising(r, n):
    with mp.workdps(50):
        exact = float(mp.loggamma(mp.mpf(r) + n) - mp.loggamma(mp.mpf(r)))
        slope = float(mp.digamma(mp.mpf(r) + n) - mp.digamma(mp.mpf(r)))
    assert float(log_rising(r, n)) == pytest.approx(exact, rel=2e-14, abs=2e-14)
    value, derivative = rising.log_rising(r, n)
    assert value == pytest.approx(exact, rel=2e-14, abs=2e-14)
    assert derivative == pytest.approx(slope, rel=2e-14)


@pytest.mark.parametrize("a", [1e-3, 0.3, 0.5, 1.0, 2.5, 40.0])
@pytest.mark.parametrize("b", [0.1, 0.5, 0.7, 1.0, 1.5, 30.0, 2000.0])
def test_beta_rule_is_exact_for_polynomials(a, b):
    p, w = beta_rule(a, b, 6)
    for power in range(12):
        moment = np.exp(float(log_beta_shift(b, a, 0, power)))  # E[p^power], roles swapped
        assert (w * p**power).sum() == pytest.approx(moment, rel=1e-12)


def test_legendre_is_exact_for_polynomials():
    z, w = legendre(6, 3)
    for power in range(12):
        assert (w * z**power).sum() == pytest.approx(1 / (power + 1), rel=1e-13)


def _mean_exactly(shape, z, a, b):
    """E[(1 - (1 + z p)^-R) / p] as a sum: E[1/p] - ..., from mpmath's quadrature in logit p."""

    def f(y):
        p = 1 / (1 + mp.exp(-y))
        return p ** (a - 1) * (1 - p) ** b * -mp.expm1(-shape * mp.log1p(z * p))

    edges = [-300, -120, -60, *range(-30, 31, 5), 60, 120, 300]
    with mp.workdps(30):
        return float(mp.quad(f, edges) / mp.beta(a, b))


@pytest.mark.parametrize("z", [0.3, 1.5, 4.0, 60.0])
@pytest.mark.parametrize(
    ("shape", "a", "b"), [(0.3, 0.8, 2.4), (30.0, 0.4, 12.0), (300.0, 3.0, 250.0), (2.0, 0.2, 0.5)]
)
def test_means_over_dropout(z, shape, a, b):
    exact = _mean_exactly(shape, z, a, b)

    def f(p):
        p = np.maximum(p, 1e-300)
        return -np.expm1(-shape * np.log1p(z * p)) / p

    one = np.ones(1)
    assert logit_mean(f, a * one, b * one, f(0 * one))[0] == pytest.approx(exact, rel=1e-9)
    for nodes, limit in GAUSS_LIMITS:
        if z <= limit:
            assert gauss_mean(f, a, b, 0.0, nodes) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("p", [1e-12, 1e-4, 0.3, 0.9, 0.9998, 0.99991, 1.0])
def test_renewal_generating_function_against_the_sum(p):
    """E[1 - (1-p)^floor((j+M)/k)] summed over the negative binomial M, k = 3."""
    shape, ratio, stages = 2.7, 1.3, [1.0, 0.6, 0.2]
    with mp.workdps(40):
        total = mp.mpf(0)
        for j, weight in enumerate(stages):
            stay = mp.mpf(1) / (1 + mp.mpf(ratio))
            for m in range(400):
                chance = mp.binomial(shape + j + m - 1, m) * stay ** (shape + j) * (1 - stay) ** m
                total += weight * chance * (1 - (1 - mp.mpf(p)) ** ((j + m) // 3))
        exact = float(total / sum(stages))
    got = erlang_one_minus_pgf(
        np.array(shape), np.array(ratio), np.array(p), [np.array(s) for s in stages]
    )
    assert float(got) == pytest.approx(exact, rel=1e-12)


VECTOR = {
    "exp": (vector.vexp, mp.exp, [*np.linspace(-699, 699, 150), 0.0, 1e-300, -1e-9, 0.35, -0.35]),
    "expm1": (
        vector.vexpm1,
        mp.expm1,
        [*np.linspace(-699, 699, 150), 0.0, 1e-300, -1e-17, 0.34657, -0.34658],
    ),
    "log": (vector.vlog, mp.log, [*np.geomspace(1e-300, 1e300, 150), 1.0, 1 + 1e-15, 0.7071]),
    "log1p": (vector.vlog1p, mp.log1p, [*np.geomspace(1e-300, 1e300, 150), 0.0, 0.41421, 0.41422]),
}


@pytest.mark.parametrize("name", VECTOR)
def test_exponentials_and_logarithms_of_blocks(name):
    """To 2 units in the last place (expm1: 3), random arguments beside the listed ones."""
    ours, exact, listed = VECTOR[name]
    scale = np.exp(np.random.default_rng(1).uniform(-3, 3, 300))
    for x in [*listed, *scale]:
        with mp.workdps(40):
            true = float(exact(mp.mpf(float(x))))
        assert abs(ours(float(x)) - true) <= (2 + (name == "expm1")) * np.spacing(abs(true)), x


def test_exponentials_are_cut():
    assert vector.vexp(-np.inf) == vector.vexp(-700.0) == pytest.approx(np.exp(-700.0))
    assert vector.vexp(np.inf) == vector.vexp(700.0) == pytest.approx(np.exp(700.0))
    assert np.isnan(vector.vexp(np.nan))
