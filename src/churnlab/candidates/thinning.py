"""The posterior of the population's conversion, pi ~ Beta(c, d), exactly on a small grid.

Two parameters and a likelihood that collapses to sums of logarithms: a grid is exact enough and
needs no diagnostics. Coordinates are u = logit of the mean c / (c + d) and w = ln of the spread
(c + d)^(-1/2); priors: mean uniform on (0, 1), spread half-normal with scale 1 (a spread of 1 is
c + d = 1, almost a coin with heads on both sides or neither; 0 means that all convert alike).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from churnlab.errors import DataError
from churnlab.models.thinned import Conversion, check_thinned
from churnlab.types import Array

#: Where the first, wide grid lies: mean from 6e-6 to 1 - 6e-6, c + d from .01 to 3e5.
_WIDE = ((-12.0, 12.0), (-6.3, 2.3))
_SIDE = 121
#: Cells this far below the best, in log density, are left out of the next grid: e^-14 of it.
_DEPTH = 14.0
_REFINEMENTS = 3


@dataclass(frozen=True)
class ThinningFit:
    """Posterior of the conversion.

    conversion: Equal-weight draws of c and d.
    mean, q05, q95: Posterior mean and 90% interval of c / (c + d), purchases per visit-day.
    n_customers: Customers with at least one visit-day in the tally.
    """

    conversion: Conversion
    mean: float
    q05: float
    q95: float
    n_customers: int


def fit_thinning(
    visits: ArrayLike, purchases: ArrayLike, rng: np.random.Generator, *, draws: int = 1000
) -> ThinningFit:
    """Return the posterior of (c, d) from each customer's visit-days and purchase-days.

    visits, purchases: Visit-days and those of them that were purchase-days, (customer,).
    rng: Draws from the grid.
    draws: Equal-weight draws to return.
    Raises DataError: More purchase-days than visit-days; no visit-day at all; every visit-day or
        none of them with a purchase, so that there is nothing to thin.
    """
    m, n = (np.asarray(v).astype(np.int64) for v in (visits, purchases))
    check_thinned(m, n)
    if m.sum() == 0 or n.sum() == 0 or n.sum() == m.sum():
        raise DataError(
            f"purchases cannot be modelled as thinned visits: {n.sum():,} of {m.sum():,} "
            "visit-days have a purchase. Expected some with and some without; check that the visit "
            "log holds more than the purchases themselves."
        )
    target = _Target.of(m, n)
    box = _WIDE
    for _ in range(_REFINEMENTS):
        u, w = (np.linspace(low, high, _SIDE) for low, high in box)
        log_density = target(u[:, None], w[None, :])
        near = log_density > log_density.max() - _DEPTH
        box = (_around(u, near.any(axis=1)), _around(w, near.any(axis=0)))
    return _drawn(u, w, log_density, rng, draws, int((m > 0).sum()))


def _around(values: Array, kept: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the range of the kept grid lines and one more on either side."""
    at = np.flatnonzero(kept)
    return float(values[max(at[0] - 1, 0)]), float(values[min(at[-1] + 1, len(values) - 1)])


def _drawn(
    u: Array, w: Array, log_density: Array, rng: np.random.Generator, draws: int, customers: int
) -> ThinningFit:
    """Draw grid cells by their mass, and a place within the cell uniformly."""
    mass = np.exp(log_density - log_density.max()).ravel()
    cell = rng.choice(mass.size, size=draws, p=mass / mass.sum())
    shift = rng.uniform(-0.5, 0.5, (2, draws))
    mean = expit(u[cell // len(w)] + shift[0] * (u[1] - u[0]))
    total = np.exp(-2.0 * (w[cell % len(w)] + shift[1] * (w[1] - w[0])))
    low, high = np.quantile(mean, (0.05, 0.95))
    conversion = Conversion(mean * total, (1.0 - mean) * total)
    return ThinningFit(conversion, float(mean.mean()), float(low), float(high), customers)


@dataclass(frozen=True)
class _Target:
    """Log posterior density of (u, w), from three lists of counts.

    sum over customers of ln Gamma(c + n)/Gamma(c) is sum_j #{n > j} ln(c + j): the work does not
    grow with the customers, and nothing cancels.
    """

    purchased: Array
    passed: Array
    seen: Array

    @classmethod
    def of(cls, m: NDArray[np.int64], n: NDArray[np.int64]) -> _Target:
        return cls(_above(n), _above(m - n), _above(m))

    def __call__(self, u: Array, w: Array) -> Array:
        total = np.exp(-2.0 * w)
        c, d = expit(u) * total, expit(-u) * total
        value = _rising(c, self.purchased) + _rising(d, self.passed) - _rising(total, self.seen)
        # uniform mean: Jacobian of the logit; half-normal spread e^w: Jacobian e^w
        value = value - np.logaddexp(0.0, -u) - np.logaddexp(0.0, u)
        return np.asarray(value - 0.5 * np.exp(2.0 * w) + w)


def _above(counts: NDArray[np.int64]) -> Array:
    """Return #{count > j} for j = 0, 1, ..."""
    return counts.size - np.bincount(counts).cumsum()[:-1].astype(np.float64)


def _rising(start: Array, above: Array) -> Array:
    total = np.zeros_like(start)
    for j, customers in enumerate(above):
        total = total + customers * np.log(start + j)
    return total
