"""What a customer spends per purchase: expectation, and the interval of their own mean.

Draws of a customer's latent nu share their random numbers with every customer who has as many
amounts: draw j is exact for each of them, a function of (n, mean) and the draws alone, so that
rows, chunks and threads cannot change it, and prices times c give amounts times c.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import gammaincinv

from churnlab.models import gamma_gamma
from churnlab.models.draws import SpendDraws
from churnlab.posterior.latent import generator
from churnlab.types import Array, Ints

#: Draws behind intervals of amounts and values: the level of a 5% quantile moves by about .014
#: (less for amounts, whose uniform numbers are stratified).
VALUE_DRAWS = 256
#: Quantiles of amounts are computed at so many totals per number of amounts, and interpolated.
_NODES = 65
_LEVELS = (0.05, 0.95)


class Amounts(NamedTuple):
    """Amount per purchase; arrays (customer,)."""

    mean: Array
    """Expected amount of a purchase, zero ones included."""
    q05: Array
    """5% quantile of the customer's own mean amount."""
    q95: Array
    """95% quantile of it."""


class InverseNu(NamedTuple):
    """1 / nu = (gamma + total) / standard, (customer, draw), in its parts."""

    gamma: Array
    """Of the draws, (draw,)."""
    total: Array
    """Of the customer's amounts, (customer,)."""
    standard: Array
    """Draws of Gamma(q + p n, 1), (number of amounts, draw)."""
    size: Ints
    """Each customer's row of `standard`."""


class SpendLatents:
    """Exact draws of 1 / nu for any customer, from one table per number of amounts.

    draws: Posterior draws of the population's parameters; `VALUE_DRAWS` of them are used.
    seed: Of the uniform numbers.
    """

    def __init__(self, draws: SpendDraws, seed: int = 1) -> None:
        self.draws = draws.spread(VALUE_DRAWS)
        self.seed = seed
        self._tables: dict[float, Array] = {}

    def inverse_nu(self, n: Array, mean: Array) -> InverseNu:
        """Return what 1 / nu of every customer is made of."""
        sizes, code = np.unique(n, return_inverse=True)
        standard = np.stack([self.standard(float(size)) for size in sizes])
        total = n * np.where(n > 0, mean, 0.0)
        gamma = np.ascontiguousarray(self.draws.theta[:, 2])
        return InverseNu(gamma, total, standard, np.asarray(code, np.int64))

    def standard(self, n: float) -> Array:
        """Return draws of Gamma(q + p n, 1), (draw,), stratified and in random order."""
        if n not in self._tables:
            p, q, _ = self.draws.theta.T
            rng = generator(self.seed, (n,))
            strata = rng.permutation(len(p)) + rng.random(len(p))
            self._tables[n] = np.asarray(gammaincinv(q + p * n, strata / len(p)))
        return self._tables[n]


def expected_amounts(draws: SpendDraws, n: Array, mean: Array, *, seed: int = 1) -> Amounts:
    """Return the amount per purchase of customers with n positive amounts of this mean.

    draws: Posterior draws of the spend model.
    n, mean: Positive amounts of each customer and their mean, (customer,); n = 0: the population's.
    """
    n, mean = np.asarray(n, float), np.asarray(mean, float)
    sizes, code = np.unique(n, return_inverse=True)
    latents = SpendLatents(draws, seed)
    order = np.argsort(code, kind="stable")
    out = np.empty((3, len(n)))
    ends = np.searchsorted(code[order], np.arange(len(sizes) + 1))
    for size, start, end in zip(sizes, ends, ends[1:], strict=False):
        at = order[start:end]
        own = mean[at] if size > 0 else np.zeros(len(at))
        out[0, at] = _expectation(draws, size, own)
        out[1:, at] = _interval(latents, size, own)
    return Amounts(*out)


def _expectation(draws: SpendDraws, n: float, mean: Array) -> Array:
    """Posterior mean of the amount for `n` amounts of each `mean`: linear in the mean."""
    ends = gamma_gamma.expected_amount(draws.theta.T[:, :, None], n, np.array([0.0, 1.0]))
    at_zero, at_one = (draws.positive[:, None] * ends).mean(axis=0)
    return np.asarray(at_zero + (at_one - at_zero) * mean)


def _interval(latents: SpendLatents, n: float, mean: Array) -> Array:
    """Return the quantiles of the own mean amount, (2, customer).

    With u = total / (total + g), g the posterior mean of gamma, a draw of (own mean) / (total + g)
    is linear in u on [0, 1], so a quantile of draws is piecewise linear: interpolated, with an
    error far below that of the draws.
    """
    p, _, gamma = latents.draws.theta.T
    unit = float(gamma.mean())
    u = np.linspace(0.0, 1.0, _NODES)[:, None]
    standard = latents.standard(n)
    per_unit = latents.draws.positive * p * ((1.0 - u) * (gamma / unit) + u) / standard
    nodes = np.quantile(per_unit, _LEVELS, axis=1)
    total = n * mean
    place = total / (total + unit)
    return np.stack([np.interp(place, u[:, 0], q) for q in nodes]) * (total + unit)


AMOUNT_COLUMNS = ("amount_per_purchase", "amount_per_purchase_q05", "amount_per_purchase_q95")
