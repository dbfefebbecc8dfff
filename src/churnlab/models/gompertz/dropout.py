"""Dropout rates that grow with age, by e^(b age): Gamma(s, beta) between customers at age 0.

============================  =====================================  =============================
natural quantity              meaning                                theta
============================  =====================================  =============================
dropout_rate_mean             mean dropout rate per time at age 0    beta = s / dropout_rate_mean
dropout_shape                 Gamma shape of the dropout rates       s
ageing_rate                   growth of everyone's rate, per time    b
============================  =====================================  =============================
"""

from typing import Any, ClassVar

import numpy as np

from churnlab.models.parametrisation import NUMERIC
from churnlab.models.pareto.dropout import GammaDropout
from churnlab.priors.quantities import Quantity
from churnlab.types import Array


class AgeingDropout(GammaDropout):
    """`GammaDropout`, and how fast the rate grows."""

    quantities: ClassVar[tuple[Quantity, ...]] = (
        *GammaDropout.quantities,
        Quantity("ageing_rate", "positive", True, "LogNormal(mu=0, sigma=1)"),
    )
    starts: ClassVar[tuple[tuple[float, ...], ...]] = tuple(
        (*row, ageing) for row, ageing in zip(GammaDropout.starts, (0.5, 0.2, 2.0), strict=True)
    )

    def theta(self, eta: Any, m: Any = NUMERIC) -> list[Any]:
        """(s, beta, b)."""
        return [*super().theta(eta[:2], m), m.exp(eta[2])]

    def eta(self, theta: Array) -> list[Array]:
        """Logs of the mean rate s / beta, of the shape s and of b."""
        return [*super().eta(theta[:2]), np.log(theta[2])]

    def pull_back(self, eta: Array, theta: Array, gradient: Array) -> list[Array]:
        """Chain rule: b by itself."""
        return [*super().pull_back(eta[:2], theta[:2], gradient[:2]), theta[2] * gradient[2]]
