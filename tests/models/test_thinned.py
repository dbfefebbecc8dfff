"""Purchases as thinned visits: the Beta-binomial part against outside oracles."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import betabinom

from churnlab.errors import DataError
from churnlab.models.thinned import Conversion, log_likelihood, log_none

C, D = 0.7, 3.2


def test_the_likelihood_is_scipys_beta_binomial_without_the_number_of_orders() -> None:
    m = np.array([0, 1, 1, 7, 40, 300])
    n = np.array([0, 0, 1, 3, 0, 290])
    orders = gammaln(m + 1) - gammaln(n + 1) - gammaln(m - n + 1)
    oracle = betabinom.logpmf(n, m, C, D) - orders
    # 1e-10: differences of log Gammas of 300 carry that much
    assert log_likelihood(C, D, m, n) == pytest.approx(oracle, abs=1e-10)


def test_no_purchase_on_the_next_visits_is_the_integral_over_the_customers_own_chance() -> None:
    for m, n, k in ((0, 0, 3), (7, 3, 1), (40, 0, 25), (12, 12, 0)):
        weight = mp.beta(C + n, D + m - n)
        oracle = mp.quad(
            lambda p, n=n, m=m, k=k: p ** (C + n - 1) * (1 - p) ** (D + m - n + k - 1),
            [0, mp.mpf("1e-6"), 0.1, 0.5, 1],
        )
        # 1e-5: mpmath's rule at the integrable end p^(c - 1)
        assert float(log_none(C, D, m, n, k)) == pytest.approx(
            float(mp.log(oracle / weight)), abs=1e-5
        )


def test_one_more_visit_at_a_time_multiplies_up() -> None:
    """The likelihood of m + k visits without another purchase is that of m, times none of k."""
    together = log_likelihood(C, D, 9 + 6, 2)
    assert float(log_likelihood(C, D, 9, 2) + log_none(C, D, 9, 2, 6)) == pytest.approx(
        float(together), abs=1e-12
    )


def test_more_purchases_than_visits_are_refused_with_the_way_out() -> None:
    with pytest.raises(DataError, match=r"1 customers have more purchase-days than visit-days.*"
                       r"count_purchases=True"):  # fmt: skip
        log_likelihood(C, D, [3, 2], [1, 3])


def test_thinning_draws_keeps_the_ends_and_the_order() -> None:
    draws = Conversion(np.arange(1.0, 11.0), np.arange(11.0, 21.0))
    assert draws.thin(3).c.tolist() == [1.0, 5.0, 10.0]
    assert draws.thin(20) is draws
    assert draws.mean[0] == pytest.approx(1 / 12)
