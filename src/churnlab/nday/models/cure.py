"""Mixture cure: a share c_d of the cohort ever converts, with an atom on the signup day.

    G_d(a) = c_d (p0 + (1 - p0) F(a)),   a = 0, 1, 2, ... whole days from the signup day,

F(0) = 0, so the purchases of the signup day are the atom p0 and cannot distort F.
logit c_d = x_d' beta + tau z_d. The likelihood of daily counts is the multinomial
c^Y (1 - c F*(H))^(n - Y) prod_a f*(a)^(y_a), Y conversions up to the horizon H, F* with atom:
per cohort it needs (n, Y, H) only, and the ages of all cohorts of a group add up.

References
----------
Boag (1949); Farewell (1982), Biometrics 38 (mixture cure models).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from churnlab.nday.models import quadrature
from churnlab.nday.models.base import CohortData, ConversionLikelihood, Ints, Prior
from churnlab.nday.models.timing import TIMINGS

Array = NDArray[np.float64]

_TINY = 1e-300
_STEP = 1e-5


class MixtureCure(ConversionLikelihood):
    """Mixture cure model with Weibull, log-normal or gamma timing.

    Own parameters: logit p0, log shape, log scale (days); with several groups each has an
    offset of logit p0 and of log scale with prior N(0, .5).
    """

    name = "cure"
    intercept = (-1.5, 1.5)

    def __init__(self, data: CohortData, timing: str = "weibull") -> None:
        super().__init__(data)
        self.timing = timing
        self._distribution = TIMINGS[timing]
        self._by_age = np.zeros((len(data.groups), data.conversions.shape[1]))
        np.add.at(self._by_age, data.group, data.conversions)

    @property
    def own_names(self) -> tuple[str, ...]:
        """Names of atom, shape and scale, and of the groups' offsets."""
        names = ["logit_atom", "log_shape", "log_scale"]
        if len(self.data.groups) > 1:
            names += [f"atom_{g}" for g in self.data.groups]
            names += [f"scale_{g}" for g in self.data.groups]
        return tuple(names)

    def own_prior(self) -> Prior:
        """logit p0 N(-1, 1.5), log shape N(0, .5), log scale N(log 7, 1), offsets N(0, .5)."""
        extra = len(self.own_names) - 3
        return Prior(
            mean=np.array([-1.0, 0.0, np.log(7.0), *([0.0] * extra)]),
            sd=np.array([1.5, 0.5, 1.0, *([0.5] * extra)]),
        )

    def shapes(self, theta: Array) -> Array:
        """(group, 3): logit p0, log shape and log scale of each group."""
        own = theta[self.own_slice]
        n = len(self.data.groups)
        out = np.repeat(own[None, :3], n, axis=0)
        if n > 1:
            out[:, 0] += own[3 : 3 + n]
            out[:, 2] += own[3 + n : 3 + 2 * n]
        return out

    def timing_table(self, shape: Array) -> tuple[Array, Array]:
        """F*(a) and log f*(a) for a = 0.. of one group."""
        ages = np.arange(self.data.conversions.shape[1], dtype=float)
        p0 = expit(shape[0])
        F = self._distribution(ages, np.exp(shape[1]), np.exp(np.clip(shape[2], -20, 20)))
        f = (1 - p0) * np.diff(F, prepend=0.0)
        f[0] = p0
        return p0 + (1 - p0) * F, np.log(np.maximum(f, _TINY))

    def cohort_log_likelihood(self, theta: Array, data: CohortData) -> Array:
        """Multinomial log-likelihood per cohort without its coefficient."""
        tables = [self.timing_table(s) for s in self.shapes(theta)]
        log_f = np.stack([t[1] for t in tables])
        timing = np.einsum("ca,ca->c", data.conversions, log_f[data.group])
        level = self._integrals(theta, data, np.stack([t[0] for t in tables]))
        return np.asarray(level[0] + timing)

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Exact in the levels (Fisher's identity); the 3 timing parameters by differences."""
        data, shapes = self.data, self.shapes(theta)
        tables = [self.timing_table(s) for s in shapes]
        F_star = np.stack([t[0] for t in tables])
        values, d_mean, d_tau, d_F = self._integrals(theta, data, F_star)
        timing = float(sum(y @ t[1] for y, t in zip(self._by_age, tables, strict=True)))
        gradient = np.zeros(len(theta))
        gradient[: self.n_beta] = data.design.T @ d_mean
        gradient[self.n_beta] = d_tau.sum() * self.tau(theta)
        pull = np.zeros_like(F_star)
        np.add.at(pull, (data.group, data.horizon), d_F)
        rows = zip(shapes, self._by_age, pull, strict=True)
        by_group = np.stack([self._timing_gradient(*row) for row in rows])
        gradient[self.own_slice] = self._own_gradient(by_group)
        return float(values.sum()) + timing, gradient

    def _timing_gradient(self, shape: Array, counts: Array, pull: Array) -> Array:
        """d/d(logit p0, log shape, log scale) of counts . log f + pull . F*."""
        gradient = np.empty(3)
        for i in range(3):
            step = np.zeros(3)
            step[i] = _STEP
            high, low = self.timing_table(shape + step), self.timing_table(shape - step)
            change = counts @ (high[1] - low[1]) + pull @ (high[0] - low[0])
            gradient[i] = change / (2 * _STEP)
        return gradient

    def _own_gradient(self, by_group: Array) -> Array:
        total = by_group.sum(axis=0)
        if len(by_group) == 1:
            return total
        return np.concatenate([total, by_group[:, 0], by_group[:, 2]])

    def _integrals(
        self, theta: Array, data: CohortData, F_star: Array
    ) -> tuple[Array, Array, Array, Array]:
        """Per cohort: log integral, and its derivatives in x'beta, tau and F*(H)."""
        part = _Level.of(self, theta, data, F_star)
        placed = quadrature.place(part.slopes, len(data.signups))
        values, weights = quadrature.integrate(part.log(placed.z) + placed.log_weight)
        c = expit(part.mean + part.tau * placed.z)
        slope = part.slope(c)
        d_F = -part.rest * c / (1 - c * part.F)
        return (
            values,
            (weights * slope).sum(axis=1),
            (weights * slope * placed.z).sum(axis=1),
            (weights * d_F).sum(axis=1),
        )

    def curve(self, theta: Array, levels: Array, group: Ints) -> Array:
        """c F*(a), rows of levels."""
        tables = np.stack([self.timing_table(s)[0] for s in self.shapes(theta)])
        return expit(levels)[:, None] * tables[group]

    def level_posterior(self, theta: Array, data: CohortData, rng: np.random.Generator) -> Array:
        """Draw logit c_d of each cohort."""
        tables = np.stack([self.timing_table(s)[0] for s in self.shapes(theta)])
        part = _Level.of(self, theta, data, tables)
        placed = quadrature.place(part.slopes, len(data.signups))
        z = quadrature.sample(part.log, placed, rng)
        return np.asarray(part.mean[:, 0] + part.tau * z)


class _Level:
    """Y log c + (n - Y) log(1 - c F) as a function of z, logit c = mean + tau z."""

    def __init__(self, mean: Array, tau: float, Y: Array, rest: Array, F: Array) -> None:
        self.mean, self.tau, self.Y, self.rest, self.F = mean, tau, Y, rest, F

    @classmethod
    def of(cls, model: MixtureCure, theta: Array, data: CohortData, F_star: Array) -> _Level:
        Y = data.conversions.sum(axis=1).astype(float)[:, None]
        rest = data.signups[:, None] - Y
        F = np.minimum(F_star[data.group, data.horizon], 1 - 1e-12)[:, None]
        return cls(model.mean_level(theta, data.design)[:, None], model.tau(theta), Y, rest, F)

    def log(self, z: Array) -> Array:
        u = self.mean + self.tau * z
        log_c = -np.logaddexp(0.0, -u)
        return self.Y * log_c + self.rest * np.log1p(-np.exp(log_c) * self.F)

    def slope(self, c: Array) -> Array:
        """d/du."""
        return self.Y * (1 - c) - self.rest * self.F * c * (1 - c) / (1 - c * self.F)

    def slopes(self, z: Array) -> tuple[Array, Array]:
        """d/dz and d2/dz2; with q = cF: q' = q(1-c), d/du of q(1-c)/(1-q)."""
        c = expit(self.mean + self.tau * z)
        q = c * self.F
        v = c * (1 - c)
        second = -self.Y * v - self.rest * q * (1 - c) * ((1 - 2 * c) + q * c) / (1 - q) ** 2
        return self.tau * self.slope(c), self.tau**2 * second
