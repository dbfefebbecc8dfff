"""Purchases as thinned visits: a visit-day is a purchase-day with the customer's own chance.

Story: visit-days follow a buy-till-you-die model of their own; a visit-day is a purchase-day with
probability pi ~ Beta(c, d), the customer's own, whatever the day. Given the visit-days the
purchases know nothing more of the visit process, so the joint likelihood is a product,

    L(visits, purchases) = L_visits(x_v, t_xv, T) B(c + n, d + m - n) / B(c, d),

with n purchase-days on m visit-days (every purchase-day counts as one), and the posterior is one
too: pi | data ~ Beta(c + n, d + m - n), independent of rate and dropout. The chance of no purchase
in H days is then that of no success in the visit-days to come,

    P(no purchase in H) = sum_k P(k visit-days in H | visits) E[(1 - pi)^k | data],

so silence of the visits is what moves it: with P(alive) falling, k = 0 gains.

The Beta-binomial part is that of Fader, Hardie and Shang's BG/BB model (2010, Marketing Science
29), on visit-days instead of calendar periods; the dropout of the visits is this story's own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from churnlab.errors import DataError
from churnlab.kernels.special import log_rising
from churnlab.types import Array


class Conversion(NamedTuple):
    """Draws of the population's conversion: pi ~ Beta(c, d), each of shape (draw,)."""

    c: Array
    d: Array

    @property
    def mean(self) -> Array:
        """Purchases per visit-day of the population, (draw,)."""
        return np.asarray(self.c / (self.c + self.d))

    def thin(self, n: int) -> Conversion:
        """Return `n` draws spread evenly over all of them (all, if there are fewer)."""
        if n >= len(self.c):
            return self
        rows = np.linspace(0, len(self.c) - 1, n).round().astype(int)
        return Conversion(self.c[rows], self.d[rows])


def check_thinned(visits: ArrayLike, purchases: ArrayLike) -> None:
    """Refuse more purchase-days than visit-days.

    Raises DataError with the number of customers concerned and what to do.
    """
    beyond = np.asarray(purchases, float) > np.asarray(visits, float)
    if np.any(beyond):
        raise DataError(
            f"{int(beyond.sum())} customers have more purchase-days than visit-days; purchases can "
            "be thinned visits only if every purchase-day counts as a visit-day. Summarise visits "
            "with count_purchases=True."
        )


def log_likelihood(c: ArrayLike, d: ArrayLike, visits: ArrayLike, purchases: ArrayLike) -> Array:
    """Log-likelihood of which visit-days had a purchase, per customer.

    ln B(c + n, d + m - n) / B(c, d), n of m; the order of the days does not matter, and the number
    of orders (a constant) is left out.

    c, d: Parameters of the Beta law, any shapes that broadcast with the data.
    visits, purchases: m visit-days, of which n purchase-days.
    """
    check_thinned(visits, purchases)
    c, d, m, n = (np.asarray(v, float) for v in (c, d, visits, purchases))
    return np.asarray(log_rising(c, n) + log_rising(d, m - n) - log_rising(c + d, m))
