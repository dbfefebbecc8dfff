"""Slow, obvious twins in 40-digit arithmetic, and the models every contract test runs over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np
import pytest

from churnlab import models as likelihoods
from churnlab.models import Likelihood


class Case(NamedTuple):
    """A model with parameters of a plausible shop; time in days."""

    likelihood: Likelihood
    theta: np.ndarray


#: A new model joins every contract test with one line here.
CASES = {
    "bg_nbd": Case(likelihoods.get("bg_nbd"), np.array([0.6, 20.0, 0.8, 2.4])),
    "mbg_nbd": Case(likelihoods.get("mbg_nbd"), np.array([0.7, 25.0, 0.9, 1.6])),
    "pareto_nbd": Case(likelihoods.get("pareto_nbd"), np.array([0.6, 25.0, 0.6, 40.0])),
    "bg_cnbd_k": Case(likelihoods.get("bg_cnbd_k", 2), np.array([0.6, 10.0, 0.5, 2.8])),
    "ggom_nbd": Case(likelihoods.get("ggom_nbd"), np.array([0.6, 25.0, 0.6, 90.0, 0.01])),
    "mbg_cnbd_k": Case(likelihoods.get("mbg_cnbd_k", 3), np.array([0.7, 8.0, 0.9, 1.6])),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def _twin_geometric(model: Any, theta: Any, x: int, t_x: Any, T: Any) -> Any:
    """Alive and dead customers, written out."""
    r, alpha, a, b = theta
    k, R = model.k, r + model.k * x
    u = T - t_x
    alive = sum(u**j / mp.factorial(j) * mp.gamma(R + j) / (alpha + T) ** (R + j) for j in range(k))
    tosses = x + int(model.toss_at_first)
    total = mp.beta(a, b + tosses) * alive
    if tosses > 0:
        total += mp.beta(a + 1, b + tosses - 1) * mp.gamma(R) / (alpha + t_x) ** R
    return alpha**r / mp.gamma(r) / mp.beta(a, b) * total


def _twin_pareto(_: Any, theta: Any, x: int, t_x: Any, T: Any) -> Any:
    """Fader and Hardie's form with 2F1: nothing in common with the quadrature."""
    r, alpha, s, beta = theta
    R = r + x
    second = s + 1 if alpha >= beta else R
    top, gap = max(alpha, beta), abs(alpha - beta)

    def tail(t: Any) -> Any:
        return mp.hyp2f1(R + s, second, R + s + 1, gap / (top + t)) / (top + t) ** (R + s)

    alive = (alpha + T) ** -R * (beta + T) ** -s
    whole = alive + s / (R + s) * (tail(t_x) - tail(T))
    return mp.gamma(R) / mp.gamma(r) * alpha**r * beta**s * whole


def _twin_gompertz(_: Any, theta: Any, x: int, t_x: Any, T: Any) -> Any:
    """The lifetimes' density as Bemmaor and Glady write it, integrated to many digits."""
    r, alpha, s, beta, b = theta
    R, c = r + x, b * beta

    def survives(u: Any) -> Any:
        return (c / (c - 1 + mp.e ** (b * u))) ** s

    def dies(u: Any) -> Any:
        e = mp.e ** (b * u)
        return b * s * e * c**s / (c - 1 + e) ** (s + 1) * (alpha + u) ** -R

    cuts = [t_x, *(t_x + (T - t_x) / mp.mpf(2) ** i for i in range(12, -1, -1))]
    dead = mp.quad(dies, cuts) if t_x < T else mp.mpf(0)
    whole = (alpha + T) ** -R * survives(T) + dead
    return mp.gamma(R) / mp.gamma(r) * alpha**r * whole


_TWINS = {"pareto_nbd": _twin_pareto, "ggom_nbd": _twin_gompertz}


class Twin:
    """Log-likelihood and its derivatives in many digits, without the Erlang data constant."""

    def __init__(self, likelihood: Likelihood, digits: int = 40) -> None:
        self.model, self.digits = likelihood, digits
        self.density = _TWINS.get(likelihood.name, _twin_geometric)

    def log_likelihood(self, theta: Any, x: float, t_x: float, T: float) -> float:
        with mp.workdps(self.digits):
            return float(self._log(list(map(mp.mpf, map(float, theta))), x, t_x, T))

    def gradient(self, theta: Any, x: float, t_x: float, T: float) -> np.ndarray:
        """Central differences, a step of 10^-10 in 1.25 times the digits: 18 digits right."""
        exact = [mp.mpf(float(v)) for v in theta]
        slopes = []
        with mp.workdps(int(self.digits * 1.25)):
            for i, value in enumerate(exact):
                step = value * mp.mpf(10) ** -10
                up, down = list(exact), list(exact)
                up[i], down[i] = value + step, value - step
                rise = self._log(up, x, t_x, T) - self._log(down, x, t_x, T)
                slopes.append(float(rise / (2 * step)))
        return np.array(slopes)

    def _log(self, theta: list[Any], x: float, t_x: float, T: float) -> Any:
        return mp.log(self.density(self.model, theta, int(x), mp.mpf(t_x), mp.mpf(T)))


@pytest.fixture(scope="session")
def twin() -> type[Twin]:
    return Twin


@pytest.fixture(scope="session")
def oracles() -> list[dict[str, Any]]:
    path = Path(__file__).parents[1] / "oracles" / "likelihoods.json"
    values: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["values"]
    return values
