"""Gamma-Gamma: the amount of a purchase, which varies around a mean that differs by customer.

    z_1, ..., z_n | nu ~ Gamma(p, rate nu),    nu ~ Gamma(q, rate gamma)

A customer's own mean amount is p / nu; over customers it averages p gamma / (q - 1), q > 1. The
posterior is nu | data ~ Gamma(q + p n, rate gamma + sum z). Colombo and Jiang (1999), Journal of
Interactive Marketing 13(3); Fader and Hardie (2013), "The Gamma-Gamma Model of Monetary Value".

``theta = (p, q, gamma)`` has the parameters on its first axis and broadcasts against the data;
gamma carries the currency. Amounts must be positive.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma, gammaln

from churnlab.kernels.special import log_rising
from churnlab.types import Array

PARAMETERS = ("p", "q", "gamma")


def log_likelihood(
    theta: Array, n: ArrayLike, mean: ArrayLike, sum_log: ArrayLike | None = None
) -> Array:
    """Log-likelihood per customer.

    theta: (p, q, gamma), broadcasting against the data.
    n: Positive amounts of the customer, at least 1.
    mean: Their mean.
    sum_log: Sum of their logs: the density of *each* amount. Without it the density of their
        *mean*, the form of the papers, which knows less of p as soon as n > 1.
    """
    p, q, gamma = theta
    n, mean = np.asarray(n, float), np.asarray(mean, float)
    return own_part(p, n, mean, sum_log) + mixed_part(p, q, gamma, n, n * mean)


def own_part(p: ArrayLike, n: Array, mean: Array, sum_log: ArrayLike | None) -> Array:
    """Log of what the amounts say of p alone: the factors that hold neither q nor gamma."""
    p = np.asarray(p, float)
    if sum_log is None:
        return np.asarray(p * n * np.log(n) + (p * n - 1) * np.log(mean) - gammaln(p * n))
    return np.asarray((p - 1) * np.asarray(sum_log, float) - n * gammaln(p))


def own_slope(p: float, n: Array, mean: Array, sum_log: ArrayLike | None) -> Array:
    """Derivative of `own_part` with respect to p."""
    if sum_log is None:
        return np.asarray(n * (np.log(n * mean) - digamma(p * n)))
    return np.asarray(np.asarray(sum_log, float) - n * digamma(p))


def mixed_part(p: ArrayLike, q: ArrayLike, gamma: ArrayLike, n: Array, total: Array) -> Array:
    """Log of the integral over nu: Gamma(q + pn) gamma^q / (Gamma(q) (gamma + total)^(q + pn))."""
    p, q, gamma = (np.asarray(v, float) for v in (p, q, gamma))
    rising = log_rising(q, p * n)
    return np.asarray(rising - q * np.log1p(total / gamma) - p * n * np.log(gamma + total))


def expected_amount(theta: Array, n: ArrayLike, mean: ArrayLike) -> Array:
    """E[p / nu | data]: the population's mean and the customer's own, weighted q - 1 to p n.

    Without amounts (n = 0) it is the population's; `mean` is then not looked at.
    """
    p, q, gamma = theta
    n = np.asarray(n, float)
    total = n * np.where(n > 0, np.asarray(mean, float), 0.0)
    return np.asarray(p * (gamma + total) / (q + p * n - 1.0))


def sample_latent(theta: Array, n: ArrayLike, mean: ArrayLike, rng: np.random.Generator) -> Array:
    """Exact draws of nu | data, one per broadcast element; the customer's mean amount is p / nu."""
    p, q, gamma = theta
    n = np.asarray(n, float)
    total = n * np.where(n > 0, np.asarray(mean, float), 0.0)
    return np.asarray(rng.gamma(q + p * n) / (gamma + total))
