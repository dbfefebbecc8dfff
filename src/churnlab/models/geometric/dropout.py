"""Dropout probabilities: Beta(a, b) between customers.

============================  =====================================  =============================
natural quantity              meaning                                theta
============================  =====================================  =============================
dropout_mean                  mean dropout probability               a = mean * concentration
dropout_concentration         a + b                                  b = (1 - mean) * concentration
============================  =====================================  =============================
"""

from typing import Any, ClassVar

import numpy as np
from scipy.special import expit

from churnlab.models.parametrisation import NUMERIC, Dropout
from churnlab.priors.quantities import Quantity
from churnlab.types import Array


class BetaDropout(Dropout):
    """Mean and concentration of the dropout probability, per purchase."""

    quantities: ClassVar[tuple[Quantity, ...]] = (
        Quantity("dropout_mean", "unit", False, "Beta(alpha=1, beta=1)"),
        Quantity("dropout_concentration", "positive", False, "LogNormal(mu=1, sigma=1)"),
    )
    starts: ClassVar[tuple[tuple[float, ...], ...]] = (
        (1.3, 0.8, 0.15, 3.0),
        (2.0, 0.5, 0.4, 2.0),
        (1.1, 2.0, 0.05, 5.0),
    )

    def theta(self, eta: Any, m: Any = NUMERIC) -> list[Any]:
        """(a, b)."""
        concentration = m.exp(eta[1])
        return [m.expit(eta[0]) * concentration, m.expit(-eta[0]) * concentration]

    def eta(self, theta: Array) -> list[Array]:
        """Logit of the mean, log of the concentration."""
        a, b = theta
        return [np.log(a) - np.log(b), np.log(a + b)]

    def pull_back(self, eta: Array, theta: Array, gradient: Array) -> list[Array]:
        """Chain rule: d mean moves a and b against each other, the concentration both."""
        (a, b), (by_a, by_b) = theta, gradient
        spread = expit(eta[0]) * b  # concentration * mean * (1 - mean)
        return [spread * (by_a - by_b), a * by_a + b * by_b]
