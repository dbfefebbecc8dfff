"""Derivatives by t_x and T against central differences of the likelihood's formula."""

from __future__ import annotations

import numpy as np
import pytest

from churnlab import models as likelihoods
from churnlab.errors import UsageError

THETA = {
    "bg_nbd": (0.24, 31.0, 0.79, 2.4),
    "mbg_nbd": (0.52, 43.0, 0.89, 1.6),
    "pareto_nbd": (0.55, 74.0, 0.61, 82.0),
}


@pytest.mark.parametrize("model", THETA)
def test_slopes_are_those_of_the_formula(model):
    likelihood, theta = likelihoods.get(model), np.array(THETA[model])[:, None]
    x = np.array([1, 3, 40, 5, 120.0])
    t_x = np.array([10, 90, 300, 200, 700.0])
    T = np.array([400, 100, 310, 900, 900.0])
    h = 1e-4  # days: truncation h^2 and rounding 1e-13 / h are both below 1e-8

    def value(dt_x: float, dT: float) -> np.ndarray:
        return likelihood.log_likelihood(theta, x, t_x + dt_x, T + dT)

    found = likelihood.time_slopes(theta, x, t_x, T)
    by_t_x = (value(h, 0) - value(-h, 0)) / (2 * h)
    by_T = (value(0, h) - value(0, -h)) / (2 * h)
    np.testing.assert_allclose(found.t_x, by_t_x, rtol=1e-6, atol=2e-8)
    np.testing.assert_allclose(found.T, by_T, rtol=1e-6, atol=2e-8)


@pytest.mark.parametrize("model", THETA)
def test_edges_are_finite(model):
    likelihood, theta = likelihoods.get(model), np.array(THETA[model])[:, None]
    x, t_x, T = (np.array(v, float) for v in ([0, 0, 1, 300], [0, 0, 9, 300], [0, 500, 9, 3000]))
    found = likelihood.time_slopes(theta, x, t_x, T)
    assert np.isfinite(found.t_x).all()
    assert np.isfinite(found.T).all()
    assert (found.T <= 0).all()


def test_erlang_gaps_are_refused():
    with pytest.raises(UsageError, match="Erlang"):
        likelihoods.get("mbg_cnbd_k", 2).time_slopes(np.ones((4, 1)), *np.ones((3, 1)))
