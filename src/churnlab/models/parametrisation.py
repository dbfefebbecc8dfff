"""From unconstrained numbers to a model's parameters.

Inference moves in ``eta`` (log or logit of *natural* quantities, on which the priors are); a kernel
wants ``theta``. The purchases' half is the same for every model,

============================  =====================================  =============================
natural quantity              meaning                                theta
============================  =====================================  =============================
rate_mean                     mean purchases per time while alive    alpha = r / (k rate_mean)
rate_shape                    Gamma shape of the rates               r
============================  =====================================  =============================

the other half, `Dropout`, is the family's. Rates are in units of 1 / time_scale, the mean age of
the customers. Hence the posterior of a rate per day does not depend on the unit of the input,
which a prior on alpha or beta (as peers have it) cannot give.
"""

from abc import ABC, abstractmethod
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit

from churnlab.errors import one_of
from churnlab.priors.quantities import Coordinates, Quantity
from churnlab.types import Array

#: Weakly informative (docs/inference.md): a factor of 20 either way for rates, of 7 for shapes.
RATE = (
    Quantity("rate_mean", "positive", True, "LogNormal(mu=0, sigma=1.5)"),
    Quantity("rate_shape", "positive", False, "LogNormal(mu=0, sigma=1)"),
)
#: Spreads by row of eta. One deviation of .5 is a factor of 1.6 (7 is very rare); groups differ
#: less in how alike their customers are than in where these are.
SPREADS = {
    0: ("rate_spread", "HalfNormal(sigma=0.5)"),
    1: ("rate_shape_spread", "HalfNormal(sigma=0.3)"),
    2: ("dropout_spread", "HalfNormal(sigma=0.5)"),
    3: ("dropout_shape_spread", "HalfNormal(sigma=0.3)"),
}
#: Rows of eta that vary by group, by the name of the choice.
VARYING = {"locations": (0, 2), "all": tuple(SPREADS)}
#: The functions that `theta` is written in; PyTensor's of the same names give its symbolic twin.
NUMERIC = SimpleNamespace(exp=np.exp, expit=expit, stack=np.stack)


class Dropout(ABC):
    """How the parameters of dropout, theta[2:], come from eta[2:]."""

    #: Natural quantities; the first says how much dropout there is.
    quantities: ClassVar[tuple[Quantity, ...]]
    #: Where to start the search for a mode: (rate_mean over the purchases per time seen, rate_shape
    #: and the quantities above), with little, some and much dropout.
    starts: ClassVar[tuple[tuple[float, ...], ...]]

    @abstractmethod
    def theta(self, eta: Any, m: Any = NUMERIC) -> list[Any]:
        """Parameters of `eta`, by the functions exp and expit of `m`."""

    @abstractmethod
    def eta(self, theta: Array) -> list[Array]:
        """Inverse of `theta`."""

    @abstractmethod
    def pull_back(self, eta: Array, theta: Array, gradient: Array) -> list[Array]:
        """Turn a gradient by `theta` into one by `eta`."""


class Parametrisation(Coordinates):
    """The map eta -> natural -> theta of one model, with its derivatives.

    Arrays have the parameter on the first axis and broadcast over the rest. Times are in units of
    the time scale (the caller divides by it).

    dropout: The family's half.
    k: Erlang shape of the gaps.
    """

    def __init__(self, dropout: Dropout, k: int = 1) -> None:
        super().__init__(RATE + dropout.quantities)
        self.dropout, self.k = dropout, k

    def theta(self, eta: Any, m: Any = NUMERIC) -> Any:
        """Model parameters of `eta`; infinite, or NaN, where they overflow.

        `m` has the functions to use: NumPy's, or PyTensor's for symbolic parameters.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            r, alpha = m.exp(eta[1]), m.exp(eta[1] - eta[0]) / self.k
            return m.stack([r, alpha, *self.dropout.theta(eta[2:], m)])

    def from_theta(self, theta: Array) -> Array:
        """Inverse of `theta`."""
        r, alpha = theta[0], theta[1]
        log_rate = np.log(r) - np.log(alpha) - np.log(self.k)
        return np.stack([log_rate, np.log(r), *self.dropout.eta(theta[2:])])

    def pull_back(self, eta: Array, theta: Array, gradient: Array) -> Array:
        """Turn a gradient with respect to theta into one with respect to eta."""
        r, alpha = theta[0], theta[1]
        first = -alpha * gradient[1]
        second = r * gradient[0] + alpha * gradient[1]
        rest = self.dropout.pull_back(eta[2:], theta[2:], gradient[2:])
        return np.stack([first, second, *rest])

    def starts(self, purchases_per_time: float) -> Array:
        """Starts around moments, (start, quantity), as eta."""
        rows = np.array(self.dropout.starts)
        rows[:, 0] *= purchases_per_time
        return self.eta(rows.T).T


def varying_rows(effects: str, n_rows: int) -> tuple[int, ...]:
    """Rows of eta, of `n_rows`, that vary under ``locations`` or ``all``."""
    one_of("group effects", effects, VARYING)
    return tuple(row for row in VARYING[effects] if row < n_rows)
