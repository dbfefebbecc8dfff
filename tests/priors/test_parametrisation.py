import numpy as np
import pytest

from churnlab.errors import UsageError
from churnlab.models import MODELS, get
from churnlab.models.parametrisation import Parametrisation

U = np.array([[0.3, -0.7], [-0.5, 0.4], [-1.1, 0.6], [0.8, -0.2]])


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("k", [1, 3])
def test_round_trips(model: str, k: int) -> None:
    mapping = Parametrisation(get(model).dropout, k)
    u = np.concatenate([U, U])[: len(mapping)]
    np.testing.assert_allclose(mapping.eta(mapping.natural(u)), u, rtol=1e-12)
    np.testing.assert_allclose(mapping.from_theta(mapping.theta(u)), u, rtol=1e-12)


@pytest.mark.parametrize("k", [1, 2])
def test_natural_quantities_mean_what_they_say(k: int) -> None:
    mapping = get("bg_cnbd_k", k).map
    r, alpha, a, b = mapping.theta(U)
    rate, shape, dropout, concentration = mapping.natural(U)
    np.testing.assert_allclose([r / alpha / k, r, a / (a + b), a + b],
                               [rate, shape, dropout, concentration])  # fmt: skip
    r, alpha, s, beta = (mapping := get("pareto_nbd").map).theta(U)
    np.testing.assert_allclose([r / alpha, r, s / beta, s], mapping.natural(U))


@pytest.mark.parametrize("model", ["mbg_nbd", "pareto_nbd", "ggom_nbd"])
def test_pull_back_is_the_chain_rule(model: str) -> None:
    mapping = get(model, 1).map
    n = len(mapping)
    weights = np.array([0.7, -1.3, 2.1, 0.4, -0.8])[:n]
    u = U.ravel()[:n]

    def value(v: np.ndarray) -> float:
        return float(weights @ np.sin(mapping.theta(v)))

    theta = mapping.theta(u)
    found = mapping.pull_back(u, theta, weights * np.cos(theta))
    h = 1e-6
    for i in range(n):
        shift = h * np.eye(n)[i]
        slope = (value(u + shift) - value(u - shift)) / (2 * h)
        assert found[i] == pytest.approx(slope, rel=1e-7)


@pytest.mark.parametrize("model", ["mbg_nbd", "pareto_nbd"])
def test_jacobian(model: str) -> None:
    mapping = get(model).map
    value, gradient = mapping.log_jacobian(U)
    h = 1e-6
    slopes = (mapping.natural(U + h) - mapping.natural(U - h)) / (2 * h)
    np.testing.assert_allclose(value, np.log(slopes).sum(axis=0), rtol=1e-6)
    high, low = mapping.log_jacobian(U + h)[0], mapping.log_jacobian(U - h)[0]
    np.testing.assert_allclose(gradient.sum(axis=0), (high - low) / (2 * h), rtol=1e-5)


def test_unknown_model_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'bg_nbd'"):
        get("bg_nbdd")


@pytest.mark.parametrize("model", ["mbg_nbd", "pareto_nbd"])
def test_what_overflows_is_infinite_without_a_warning(model: str) -> None:
    """Proposals reach far out; warnings are errors in tests."""
    far = np.array([[900.0, -900.0], [900.0, 900.0], [0.0, 900.0], [900.0, -900.0]])
    found = get(model).map
    assert np.isposinf(found.natural(far)[0]).tolist() == [True, False]
    assert np.isposinf(found.theta(far)[0]).all()
