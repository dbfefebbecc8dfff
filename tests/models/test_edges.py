"""The edges where naive code fails, against many-digit arithmetic: values and derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import kstest

from churnlab import models as likelihoods
from churnlab.models.engine import Engine
from churnlab.models.formulas import LARGEST_K
from churnlab.models.pareto.death import log_death_integral, sample_death

#: (x, t_x, T) and what is hard about it; times in days.
DATA = {
    "bought today": (4, 60.0, 60.0),
    "no repeat": (0, 0.0, 90.0),
    "first day": (0, 0.0, 0.0),
    "two thousand": (2000, 364.0, 365.0),
    "heavy and long silent": (400, 20.0, 390.0),
    "density above one": (300, 2.0, 2.1),
    "ordinary": (3, 200.0, 270.0),
}
GEOMETRIC = {
    "plain": (0.25, 30.0, 0.8, 2.4),
    "a to 1": (0.25, 30.0, 1.0, 2.4),
    "a + b < 1": (0.5, 35.0, 0.3, 0.4),
    "rate x time > 700": (300.0, 30.0, 0.8, 2.4),
    "ridge in r": (1e6, 1e8, 0.8, 2.4),
    "hardly any dropout": (0.5, 10.0, 1e-6, 10.0),
    "fast clock": (0.5, 1e-4, 0.8, 2.4),
}
PARETO = {
    "plain": (0.55, 74.0, 0.6, 82.0),
    "alpha = beta": (0.55, 70.0, 0.6, 70.0),
    "alpha ~ beta": (0.55, 70.0, 0.6, 70.0 + 1e-9),
    "s to 1": (0.55, 74.0, 1.0, 82.0),
    "tiny beta": (0.55, 74.0, 0.3, 1e-8),
    "tiny alpha": (0.3, 1e-6, 0.6, 80.0),
    "rate x time > 700": (300.0, 30.0, 0.6, 80.0),
    "quick death": (0.55, 20.0, 40.0, 90.0),
    "ridge in s": (0.55, 74.0, 1e4, 1e6),
}
MODELS = [
    ("bg_nbd", 1),
    ("mbg_nbd", 1),
    ("bg_cnbd_k", 2),
    ("mbg_cnbd_k", 3),
    ("mbg_cnbd_k", LARGEST_K),
    ("pareto_nbd", 1),
]
EDGES = [
    pytest.param(name, k, theta, data, id=f"{name}-{k}-{what}-{where}")
    for name, k in MODELS
    for what, theta in (PARETO if name == "pareto_nbd" else GEOMETRIC).items()
    for where, data in DATA.items()
    if k < LARGEST_K or what == "plain"
]


def _engine(model, x, t_x, T):
    return Engine(model, [0], [x], [t_x], [T], [1.0], threads=1)


@pytest.mark.parametrize(("name", "k", "theta", "data"), EDGES)
def test_values_and_derivatives(name, k, theta, data, twin):
    model = likelihoods.get(name, k)
    exact = twin(model, digits=80 if data[0] > 100 else 50)
    expected, slopes = exact.log_likelihood(theta, *data), exact.gradient(theta, *data)
    engine = _engine(model, *data)
    value, gradient = engine.value_and_gradient(np.array(theta)[:, None])
    together = engine.values(np.repeat(np.array(theta)[None, :, None], 7, axis=0))
    formula = model.log_likelihood(np.array(theta), *data)
    if k > 1:
        formula = formula + data[0] * gammaln(k)
    unit = max(1.0, abs(expected))  # relative, absolute below 1
    assert abs(value - expected) < 1e-12 * unit
    assert np.abs(together - expected).max() < 1e-12 * unit
    # the formula's plain two-panel rule is good to 5e-10 in the hardest cases (docs/models.md)
    assert abs(formula - expected) < (6e-10 if name == "pareto_nbd" else 1e-12) * unit
    # rounding in a derivative is relative to the largest of the terms that it sums
    scale = np.maximum(np.abs(slopes), _largest_terms(name, k, theta, data))
    np.testing.assert_array_less(np.abs(gradient[:, 0] - slopes), 1e-11 * scale)


def _largest_terms(name, k, theta, data):
    """Sizes of the terms whose sum a derivative is: d ln L = sum of (R)/(alpha+t), ln(...), ..."""
    x, t_x, T = data
    shape, time, drop, last = theta
    first = np.log1p(T / time) + x / shape * (shape < 1) + 1.0
    second = shape / time + k * x / (time + t_x)
    if name == "pareto_nbd":
        return np.array(
            [first, second, np.log1p(T / last) + 1 / drop, drop / last + 1 / (last + t_x)]
        )
    return np.array([first, second, 1 / drop + 1, 1 / last + 1])


@pytest.mark.parametrize(
    ("theta", "data"), [(t, d) for t in PARETO.values() for d in DATA.values()]
)
def test_error_estimate_bounds_the_true_error(theta, data, twin):
    model = likelihoods.get("pareto_nbd")
    expected = twin(model, digits=80).log_likelihood(theta, *data)
    error = abs(model.log_likelihood(np.array(theta), *data) - expected)
    estimate = model.quadrature_error(np.array(theta), *data)
    assert error <= 1.5 * estimate + 1e-12 * max(1.0, abs(expected))


@pytest.mark.parametrize("theta", PARETO.values(), ids=PARETO)
@pytest.mark.parametrize("data", [(0, 0.0, 90.0), (3, 200.0, 270.0), (400, 20.0, 390.0)])
def test_drawn_death_times_are_uniform_under_their_distribution(theta, data):
    x, t_x, T = (np.full(4000, float(v)) for v in data)
    thetas = np.repeat(np.array(theta)[:, None], 4000, axis=1)
    death = sample_death(thetas, x, t_x, T, np.ones(4000, bool), np.random.default_rng(8))
    assert np.all((death > t_x) & (death <= T))
    until = log_death_integral(thetas, x, t_x, death - t_x)
    share = np.exp(until - log_death_integral(thetas, x, t_x, T - t_x))
    assert kstest(share, "uniform").pvalue > 1e-4  # 27 of these


@pytest.mark.parametrize(
    ("theta", "age"),
    [((0.0817, 2.324e-6, 39.23, 98.77), 687.0), ((8.86, 10.77, 0.0238, 5.59e-8), 973.0)],
)
def test_error_estimate_sees_the_hardest_cases(theta, age, twin):
    """The worst of 200,000 random cases: scales of 1e-8 to 1e4, where two panels are too few."""
    model = likelihoods.get("pareto_nbd")
    expected = twin(model, digits=60).log_likelihood(theta, 0, 0.0, age)
    error = abs(model.log_likelihood(np.array(theta), 0, 0.0, age) - expected)
    assert 1e-9 < error < 2e-7
    assert model.quadrature_error(np.array(theta), 0, 0.0, age) == pytest.approx(error, rel=0.05)
    kernel = _engine(model, 0.0, 0.0, age).value(np.array(theta)[:, None])
    assert kernel == pytest.approx(expected, rel=1e-12)
