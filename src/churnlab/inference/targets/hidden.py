"""Customers simulated with their hidden state, and what that state implies.

Used by simulation-based calibration only; written independently of `likelihoods.simulate` and
`sample_latent`, which it puts on trial.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincc, gammainccinv

from churnlab.models.base import Latent

Array = NDArray[np.float64]


class Customers(NamedTuple):
    """Simulated customers: what is seen, and what is hidden. All arrays (customer,).

    `rate` is purchases per time while alive, as in `likelihoods.Latent`.
    """

    x: Array
    t_x: Array
    T: Array
    sum_log_gap: Array
    rate: Array
    dropout: Array
    alive: NDArray[np.bool_]
    next_purchase: Array
    """Time from T to the next purchase; inf if there is none."""

    def hidden(self, i: int) -> Latent:
        """Hidden state of customer `i`."""
        return Latent(self.rate[i], self.dropout[i], self.alive[i])


def simulate_customers(
    model: str, k: int, theta: Array, T: Array, rng: np.random.Generator
) -> Customers:
    """Simulate customers purchase by purchase until each is past `T`.

    Parameters
    ----------
    model, k
        The model and its Erlang shape.
    theta
        (r, alpha, a, b) or (r, alpha, s, beta), time in days.
    T
        Age of each customer at the cutoff.
    """
    n = len(T)
    rate = rng.gamma(theta[0], 1 / theta[1], n)
    pareto = model == "pareto_nbd"
    dropout = rng.gamma(theta[2], 1 / theta[3], n) if pareto else rng.beta(theta[2], theta[3], n)
    death = rng.exponential(1, n) / np.maximum(dropout, 1e-300) if pareto else np.full(n, np.inf)
    if model.startswith("mbg"):
        death[rng.random(n) < dropout] = 0.0
    x, t_x, gaps, wait = np.zeros(n), np.zeros(n), np.zeros(n), np.full(n, np.inf)
    open_ = np.flatnonzero(death > 0)
    while len(open_):
        gap = rng.gamma(k, 1 / np.maximum(rate[open_], 1e-300))
        when = t_x[open_] + gap
        bought = when <= np.minimum(T[open_], death[open_])
        later = ~bought & (when <= death[open_])
        wait[open_[later]] = when[later] - T[open_[later]]
        buyers = open_[bought]
        x[buyers] += 1
        t_x[buyers] = when[bought]
        gaps[buyers] += np.log(gap[bought])
        if not pareto:
            leaves = rng.random(len(buyers)) < dropout[buyers]
            death[buyers[leaves]] = t_x[buyers[leaves]]
            buyers = buyers[~leaves]
        open_ = buyers
    return Customers(x, t_x, np.asarray(T, float), gaps, rate / k, dropout, death > T, wait)


def no_purchase_given_hidden(
    model: str, k: int, hidden: Latent, silence: float, horizon: float
) -> Array:
    """P(no purchase in the horizon) given rate, dropout, being alive, and the silence so far."""
    rate, dropout = np.asarray(hidden.rate) * k, np.asarray(hidden.dropout)
    if model == "pareto_nbd":
        both = rate + dropout
        stays = 1 - rate / both * -np.expm1(-both * horizon)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):  # underflow far out
            late = np.log(gammaincc(k, rate * (silence + horizon)))
            stays = np.exp(late - np.log(gammaincc(k, rate * silence)))
    return np.where(hidden.alive, stays, 1.0)


def next_purchase(
    model: str, k: int, hidden: Latent, silence: float, rng: np.random.Generator
) -> Array:
    """Draw the time to the next purchase given the hidden state; inf if there is none."""
    rate = np.asarray(hidden.rate) * k  # of the gap's stages
    size = rate.shape
    if model == "pareto_nbd":
        wait = rng.exponential(size=size) / np.maximum(rate, 1e-300)
        death = rng.exponential(size=size) / np.maximum(hidden.dropout, 1e-300)
        wait = np.where(wait < death, wait, np.inf)
    elif k == 1:
        wait = rng.exponential(size=size) / np.maximum(rate, 1e-300)
    else:
        tail = gammaincc(k, rate * silence)
        wait = _later(gammainccinv(k, rng.random(size) * tail), rate, silence)
    return np.where(hidden.alive, wait, np.inf)


def _later(scaled_gap: ArrayLike, rate: Array, silence: float) -> Array:
    return np.maximum(np.asarray(scaled_gap) / np.maximum(rate, 1e-300) - silence, 0.0)
