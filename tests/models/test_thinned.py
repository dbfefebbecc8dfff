"""Purchases as thinned visits: the Beta-binomial part against outside oracles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import betabinom

from churnlab.errors import DataError
from churnlab.models.thinned import Conversion, log_likelihood

C, D = 0.7, 3.2


def test_the_likelihood_is_scipys_beta_binomial_without_the_number_of_orders() -> None:
    m = np.array([0, 1, 1, 7, 40, 300])
    n = np.array([0, 0, 1, 3, 0, 290])
    orders = gammaln(m + 1) - gammaln(n + 1) - gammaln(m - n + 1)
    oracle = betabinom.logpmf(n, m, C, D) - orders
    # 1e-10: differences of log Gammas of 300 carry that much
    assert log_likelihood(C, D, m, n) == pytest.approx(oracle, abs=1e-10)


def test_more_purchases_than_visits_are_refused_with_the_way_out() -> None:
    with pytest.raises(DataError, match=r"1 customers have more purchase-days than visit-days.*"
                       r"count_purchases=True"):  # fmt: skip
        log_likelihood(C, D, [3, 2], [1, 3])


def test_thinning_draws_keeps_the_ends_and_the_order() -> None:
    draws = Conversion(np.arange(1.0, 11.0), np.arange(11.0, 21.0))
    assert draws.thin(3).c.tolist() == [1.0, 5.0, 10.0]
    assert draws.thin(20) is draws
    assert draws.mean[0] == pytest.approx(1 / 12)
