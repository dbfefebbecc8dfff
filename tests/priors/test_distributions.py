"""Densities against SciPy, derivatives against differences, draws against the distribution."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from churnlab.priors import parse

CASES: list[tuple[str, Any]] = [
    ("Gamma(2.5, 1.5)", stats.gamma(2.5, scale=1 / 1.5)),
    ("InverseGamma(3, 2)", stats.invgamma(3, scale=2)),
    ("LogNormal(0.3, 0.8)", stats.lognorm(0.8, scale=np.exp(0.3))),
    ("HalfNormal(1.7)", stats.halfnorm(scale=1.7)),
    ("Exponential(2)", stats.expon(scale=0.5)),
    ("HalfCauchy(1.3)", stats.halfcauchy(scale=1.3)),
    ("Weibull(1.5, 2)", stats.weibull_min(1.5, scale=2)),
    ("Beta(2, 3)", stats.beta(2, 3)),
    ("Normal(0.5, 2)", stats.norm(0.5, 2)),
    ("StudentT(4, 0.5, 2)", stats.t(4, 0.5, 2)),
    ("TruncatedNormal(0.5, 2)", stats.truncnorm(-0.25, np.inf, 0.5, 2)),
    ("Uniform(0.1, 0.9)", stats.uniform(0.1, 0.8)),
]
POINTS = np.array([0.12, 0.4, 0.55, 0.88])


@pytest.mark.parametrize(("text", "reference"), CASES, ids=[c[0] for c in CASES])
def test_density_and_draws(text: str, reference: Any) -> None:
    prior = parse(text)
    np.testing.assert_allclose(prior.logpdf(POINTS), reference.logpdf(POINTS), rtol=1e-12)
    h = 1e-6
    slope = (prior.logpdf(POINTS + h) - prior.logpdf(POINTS - h)) / (2 * h)
    np.testing.assert_allclose(prior.dlogpdf(POINTS), slope, rtol=1e-6, atol=1e-7)
    draws = prior.sample(4000, np.random.default_rng(3))
    assert stats.kstest(draws, reference.cdf).pvalue > 0.001


@pytest.mark.parametrize("text", ["HalfStudentT(3, 1.5)", "LogitNormal(-0.4, 1.2)"])
def test_densities_without_a_scipy_twin(text: str) -> None:
    prior = parse(text)
    grid = np.linspace(1e-9, 1 - 1e-9, 200_001)
    if prior.support == "positive":
        grid = np.concatenate([grid, np.geomspace(1, 4000, 200_001)])
    assert np.trapezoid(np.exp(prior.logpdf(grid)), grid) == pytest.approx(1, abs=1e-4)
    h = 1e-6
    slope = (prior.logpdf(POINTS + h) - prior.logpdf(POINTS - h)) / (2 * h)
    np.testing.assert_allclose(prior.dlogpdf(POINTS), slope, rtol=1e-6)
    draws = prior.sample(20_000, np.random.default_rng(3))
    below = np.trapezoid(np.where(grid <= 0.5, np.exp(prior.logpdf(grid)), 0), grid)
    assert np.mean(draws <= 0.5) == pytest.approx(below, abs=0.015)  # 4 Monte Carlo errors
