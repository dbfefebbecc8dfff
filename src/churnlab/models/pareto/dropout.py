"""Dropout rates: Gamma(s, beta) between customers.

============================  =====================================  =============================
natural quantity              meaning                                theta
============================  =====================================  =============================
dropout_rate_mean             mean dropout rate per time             beta = s / dropout_rate_mean
dropout_shape                 Gamma shape of the dropout rates       s
============================  =====================================  =============================
"""

from typing import Any, ClassVar

import numpy as np

from churnlab.models.parametrisation import NUMERIC, Dropout
from churnlab.priors.quantities import Quantity
from churnlab.types import Array


class GammaDropout(Dropout):
    """Mean and shape of the dropout rate, per time."""

    quantities: ClassVar[tuple[Quantity, ...]] = (
        Quantity("dropout_rate_mean", "positive", True, "LogNormal(mu=0, sigma=1.5)"),
        Quantity("dropout_shape", "positive", False, "LogNormal(mu=0, sigma=1)"),
    )
    starts: ClassVar[tuple[tuple[float, ...], ...]] = (
        (1.5, 0.8, 0.7, 0.7),
        (2.5, 0.6, 2.0, 1.0),
        (1.1, 2.0, 0.1, 0.5),
    )

    def theta(self, eta: Any, m: Any = NUMERIC) -> list[Any]:
        """(s, beta)."""
        return [m.exp(eta[1]), m.exp(eta[1] - eta[0])]

    def eta(self, theta: Array) -> list[Array]:
        """Logs of the mean rate s / beta and of the shape s."""
        s, beta = theta
        return [np.log(s) - np.log(beta), np.log(s)]

    def pull_back(self, eta: Array, theta: Array, gradient: Array) -> list[Array]:
        """Chain rule: the mean moves beta alone, the shape s and beta."""
        (s, beta), (by_s, by_beta) = theta, gradient
        return [-beta * by_beta, s * by_s + beta * by_beta]
