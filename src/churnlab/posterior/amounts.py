"""What a customer spends per purchase: expectation, and the interval of their own mean.

Draws of a customer's latent nu share their random numbers with every customer who has as many
amounts: draw j is exact for each of them, a function of (n, mean) and the draws alone, so that
rows, chunks and threads cannot change it, and prices times c give amounts times c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import gammaincinv

from churnlab.draws import SpendDraws
from churnlab.likelihoods import Array, gamma_gamma
from churnlab.posterior.latent import generator
from churnlab.posterior.stream import chunks

if TYPE_CHECKING:
    from churnlab.summary import SpendSummary

#: Draws behind intervals of amounts and values: the level of a 5% quantile moves by about .01
#: (less for amounts, whose uniform numbers are stratified).
VALUE_DRAWS = 400
_ELEMENTS = 1 << 20


class Amounts(NamedTuple):
    """Amount per purchase; arrays (customer,)."""

    mean: Array
    """Expected amount of a purchase, zero ones included."""
    q05: Array
    """5% quantile of the customer's own mean amount."""
    q95: Array
    """95% quantile of it."""


class SpendLatents:
    """Exact draws of 1 / nu for any customer, from one table per number of amounts.

    Parameters
    ----------
    draws
        Posterior draws of the population's parameters; `VALUE_DRAWS` of them are used.
    seed
        Of the uniform numbers.
    """

    def __init__(self, draws: SpendDraws, seed: int = 1) -> None:
        self.draws = draws.spread(VALUE_DRAWS)
        self.seed = seed
        self._tables: dict[float, Array] = {}

    def prepare(self, n: Array) -> SpendLatents:
        """Make the tables of these numbers of amounts ahead; threads may then read them."""
        for size in np.unique(n):
            self._table(float(size))
        return self

    def inverse_nu(self, n: Array, mean: Array) -> Array:
        """Return 1 / nu, (customer, draw)."""
        sizes, code = np.unique(n, return_inverse=True)
        standard = np.stack([self._table(float(size)) for size in sizes])
        total = n * np.where(n > 0, mean, 0.0)
        return np.asarray((self.draws.theta[:, 2] + total[:, None]) / standard[code])

    def _table(self, n: float) -> Array:
        """Standard Gamma(q + p n) draws, stratified and in random order."""
        if n not in self._tables:
            p, q, _ = self.draws.theta.T
            rng = generator(self.seed, (n,))
            strata = rng.permutation(len(p)) + rng.random(len(p))
            self._tables[n] = np.asarray(gammaincinv(q + p * n, strata / len(p)))
        return self._tables[n]


def expected_amounts(draws: SpendDraws, n: Array, mean: Array, *, seed: int = 1) -> Amounts:
    """Return the amount per purchase of customers with n positive amounts of this mean.

    Parameters
    ----------
    draws
        Posterior draws of the spend model.
    n, mean
        Positive amounts of each customer and their mean, (customer,); n = 0: the population's.
    """
    n, mean = np.asarray(n, float), np.asarray(mean, float)
    pairs, of = np.unique(np.column_stack([n, np.where(n > 0, mean, 0.0)]), axis=0,
                          return_inverse=True)  # fmt: skip
    size, average = pairs.T
    latents = SpendLatents(draws, seed).prepare(size)
    p, share = latents.draws.theta[:, 0], latents.draws.positive
    out = np.empty((3, len(pairs)))
    for part in chunks(len(pairs), VALUE_DRAWS, _ELEMENTS):
        own = share * p * latents.inverse_nu(size[part], average[part])
        out[1:, part] = np.quantile(own, (0.05, 0.95), axis=1)
    for part in chunks(len(pairs), draws.n_draws, _ELEMENTS):
        theta = draws.theta.T[:, :, None]
        each = gamma_gamma.expected_amount(theta, size[part], average[part])
        out[0, part] = (draws.positive[:, None] * each).mean(axis=0)
    return Amounts(*out[:, of.ravel()])


def amounts_table(summary: SpendSummary, draws: SpendDraws, *, seed: int = 1) -> pd.DataFrame:
    """Return customer_id, n_amounts, mean_amount, amount_per_purchase with its 90% interval."""
    n, mean = summary.of(summary.customers["customer_id"])
    found = expected_amounts(draws, n, mean, seed=seed)
    known = summary.customers[["customer_id", "n_amounts", "mean_amount"]]
    return known.assign(**dict(zip(AMOUNT_COLUMNS, found, strict=True)))


AMOUNT_COLUMNS = (
    "amount_per_purchase",
    "amount_per_purchase_q05",
    "amount_per_purchase_q95",
)
