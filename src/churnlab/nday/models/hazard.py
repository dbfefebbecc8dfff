"""Smooth piecewise hazard: no ultimate share is claimed.

    log(-log(1 - h_d(a))) = alpha_b(a) + x_d' beta + tau z_d    (complementary log-log)

b(a) is the bin of age a: single days up to day 14, then wider; expiry days are bins of their own.
alpha is a first-order random walk over the bins with a learnt step, the signup day and the expiry
days stand apart. With several groups each has an offset on the signup day and a slope in log age.
Cells that share cohort and bin share the hazard, so their counts add up exactly.

References
----------
Prentice & Gloeckler (1978), Biometrics 34 (grouped data, cloglog); Gamerman (1991) (random walk).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churnlab.nday.models import quadrature
from churnlab.nday.models.base import CohortData, ConversionLikelihood, Ints, Prior

Array = NDArray[np.float64]


def bins(n_ages: int, expiry_ages: tuple[int, ...] = ()) -> Ints:
    """Bin of each age: daily to age 14, widths 2 to 28, 4 to 60, then 7; expiry ages alone."""
    starts = {0}
    age = 1
    while age < n_ages:
        starts.add(age)
        age += 1 if age < 15 else 2 if age < 29 else 4 if age < 61 else 7
    for expiry in expiry_ages:
        starts |= {expiry, expiry + 1}
    marks = np.zeros(n_ages, np.int64)
    marks[[s for s in starts if 0 < s < n_ages]] = 1
    return np.cumsum(marks)


class PiecewiseHazard(ConversionLikelihood):
    """Complementary log-log hazard with a random walk over age bins.

    Own parameters: log step of the walk, alpha of each bin (the first one is the signup day);
    with several groups `day0_GROUP` and `slope_GROUP`, prior N(0, .5) each.
    """

    name = "piecewise_hazard"
    #: The level is carried by alpha: the intercept is pinned.
    intercept = (0.0, 1e-4)

    def __init__(self, data: CohortData) -> None:
        super().__init__(data)
        n_ages = data.conversions.shape[1]
        self.bin_of = bins(n_ages, data.expiry_ages)
        self.n_bins = int(self.bin_of[-1]) + 1
        starts = np.searchsorted(self.bin_of, np.arange(self.n_bins))
        ages = np.arange(n_ages, dtype=float)
        self.bin_ages = np.array([ages[self.bin_of == b].mean() for b in range(self.n_bins)])
        expiry = set(data.expiry_ages)
        self.spikes = np.array([b for b, s in enumerate(starts) if s in expiry], dtype=np.int64)
        self.walk = np.setdiff1d(np.arange(1, self.n_bins), self.spikes)
        log_age = np.log(self.bin_ages[1:] + 1.0)
        self.slope_basis = np.concatenate([[0.0], (log_age - log_age.mean()) / np.log(10.0)])
        self._counts = self.compress(data)

    @property
    def own_names(self) -> tuple[str, ...]:
        """Names: step, bins, group offsets."""
        names = ["log_step", *[f"alpha_{b}" for b in range(self.n_bins)]]
        if len(self.data.groups) > 1:
            names += [f"day0_{g}" for g in self.data.groups]
            names += [f"slope_{g}" for g in self.data.groups]
        return tuple(names)

    def own_prior(self) -> Prior:
        """log step N(log .3, 1) on `grid`; alpha N(-4, 3) before the walk; offsets N(0, .5)."""
        extra = len(self.own_names) - 1 - self.n_bins
        mean = [np.log(0.3), *([-4.0] * self.n_bins), *([0.0] * extra)]
        return Prior(np.array(mean), np.array([1.0, *([3.0] * self.n_bins), *([0.5] * extra)]))

    @property
    def pinned(self) -> tuple[int, tuple[float, ...]]:
        """The walk's step is taken on a grid from .04 to 1.6.

        Jointly with the walk it has a funnel: the density's peak lies at a step of 0, far from
        the mass. Given the step, the posterior is close to normal.
        """
        return self.own_slice.start, tuple(np.log(0.04 * 40.0 ** np.linspace(0, 1, 7)))

    def log_prior(self, theta: Array) -> tuple[float, Array]:
        """Add the random walk; an expiry day is drawn to its neighbours with sd 1."""
        value, gradient = super().log_prior(theta)
        start = self.own_slice.start
        alpha = theta[start + 1 : start + 1 + self.n_bins]
        g = np.zeros(self.n_bins)
        variance = np.exp(2 * theta[start])
        gap = np.diff(self.bin_ages[self.walk])
        step = np.diff(alpha[self.walk])
        square = step**2 / gap
        value += -0.5 * float(square.sum()) / variance - len(step) * theta[start]
        gradient[start] += float(square.sum()) / variance - len(step)
        pull = step / gap / variance
        g[self.walk[1:]] -= pull
        g[self.walk[:-1]] += pull
        for spike in self.spikes:
            before = self.walk[np.maximum(np.searchsorted(self.walk, spike) - 1, 0)]
            jump = alpha[spike] - alpha[before]
            value -= 0.5 * jump**2
            g[spike] -= jump
            g[before] += jump
        gradient[start + 1 : start + 1 + self.n_bins] += g
        return value, gradient

    def start(self) -> Array:
        """Start alpha at the pooled empirical log hazard, one half event added."""
        theta = super().start()
        events, at_risk = (c.sum(axis=0) for c in self._counts)
        first = self.own_slice.start + 1
        theta[first : first + self.n_bins] = np.log((events + 0.5) / (at_risk + 10.0))
        return theta

    def compress(self, data: CohortData) -> tuple[Array, Array]:
        """Events and number at risk by cohort and bin, both float (cohort, bin)."""
        onto = np.eye(self.n_bins)[self.bin_of]
        return data.conversions @ onto, data.at_risk @ onto

    def base(self, theta: Array, group: Ints) -> Array:
        """(row, bin) linear predictor without the cohort's level."""
        own = theta[self.own_slice]
        alpha = own[1 : 1 + self.n_bins]
        n = len(self.data.groups)
        if n == 1:
            return np.broadcast_to(alpha, (len(group), self.n_bins))
        day0 = own[1 + self.n_bins : 1 + self.n_bins + n]
        slope = own[1 + self.n_bins + n :]
        table = alpha + slope[:, None] * self.slope_basis
        table[:, 0] += day0
        return np.asarray(table[group])

    def cohort_log_likelihood(self, theta: Array, data: CohortData) -> Array:
        """Log-likelihood of each cohort's daily counts, levels integrated out."""
        counts = self._counts if data is self.data else self.compress(data)
        part = self._part(theta, data, counts)
        placed = quadrature.place(part.slopes, len(data.signups))
        return quadrature.integrate(part.log(placed.z) + placed.log_weight)[0]

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """By Fisher's identity: node-weighted scores of the linear predictor."""
        data = self.data
        part = self._part(theta, data, self._counts)
        placed = quadrature.place(part.slopes, len(data.signups))
        values, weights = quadrature.integrate(part.log(placed.z) + placed.log_weight)
        by_bin, tau_pull = part.scores(placed.z, weights)
        gradient = np.zeros(len(theta))
        gradient[: self.n_beta] = data.design.T @ by_bin.sum(axis=1)
        gradient[self.n_beta] = tau_pull * self.tau(theta)
        gradient[self.own_slice] = self._own_gradient(by_bin)
        return float(values.sum()), gradient

    def _own_gradient(self, by_bin: Array) -> Array:
        parts = [np.zeros(1), by_bin.sum(axis=0)]
        n = len(self.data.groups)
        if n > 1:
            by_group = np.zeros((n, self.n_bins))
            np.add.at(by_group, self.data.group, by_bin)
            parts += [by_group[:, 0], by_group @ self.slope_basis]
        return np.concatenate(parts)

    def curve(self, theta: Array, levels: Array, group: Ints) -> Array:
        """1 - prod over days of (1 - h)."""
        rate = np.exp(self.base(theta, group) + levels[:, None])[:, self.bin_of]
        return -np.expm1(-np.cumsum(rate, axis=1))

    def level_posterior(self, theta: Array, data: CohortData, rng: np.random.Generator) -> Array:
        """Draw x_d' beta + tau z_d of each cohort."""
        part = self._part(theta, data, self.compress(data))
        placed = quadrature.place(part.slopes, len(data.signups))
        z = quadrature.sample(part.log, placed, rng)
        return np.asarray(self.mean_level(theta, data.design) + part.tau * z)

    def _part(self, theta: Array, data: CohortData, counts: tuple[Array, Array]) -> _Level:
        base = self.base(theta, data.group) + self.mean_level(theta, data.design)[:, None]
        return _Level(base, self.tau(theta), *counts)


class _Level:
    """Binomial log-likelihood of a cohort's bins as a function of z (cohort, node).

    Who survives a day adds -rate, which is linear and collapses over bins; only bins with a
    conversion cost an exponential per node, and in small cohorts they are few.
    """

    def __init__(self, base: Array, tau: float, events: Array, at_risk: Array) -> None:
        self.tau = tau
        rate = np.exp(np.clip(base, -40.0, 5.0))
        self.survived = (at_risk - events) * rate
        self.left = self.survived.sum(axis=1, keepdims=True)
        self.cohort, self.bin = np.nonzero(events)
        self.events = events[self.cohort, self.bin][:, None]
        self.rate = rate[self.cohort, self.bin][:, None]
        starts = np.flatnonzero(np.diff(self.cohort, prepend=-1))
        self._starts, self._with_events = starts, self.cohort[starts]

    def _sum(self, values: Array) -> Array:
        """Add up the bins of each cohort, (event bin, node) -> (cohort, node)."""
        out = np.zeros((len(self.left), values.shape[1]))
        if len(values):
            out[self._with_events] = np.add.reduceat(values, self._starts, axis=0)
        return out

    def _rates(self, z: Array) -> tuple[Array, Array]:
        lift = np.exp(self.tau * z)
        return lift, self.rate * lift[self.cohort]

    def log(self, z: Array) -> Array:
        lift, rate = self._rates(z)
        return self._sum(self.events * np.log(-np.expm1(-rate))) - self.left * lift

    def scores(self, z: Array, weights: Array) -> tuple[Array, float]:
        """Node-weighted d/d eta of every bin (cohort, bin), and the sum of d/d(tau) terms."""
        lift, rate = self._rates(z)
        hit = self.events * _hit_slope(rate) * weights[self.cohort]
        by_bin = -self.survived * (weights * lift).sum(axis=1, keepdims=True)
        by_bin[self.cohort, self.bin] += hit.sum(axis=1)
        pull = float((hit * z[self.cohort]).sum() - (self.left * weights * lift * z).sum())
        return by_bin, pull

    def slopes(self, z: Array) -> tuple[Array, Array]:
        """d/dz and d2/dz2."""
        lift, rate = self._rates(z)
        slope = _hit_slope(rate)
        left = self.left * lift
        first = self._sum(self.events * slope) - left
        bend = self._sum(self.events * slope * (1 - rate - slope))
        return self.tau * first, self.tau**2 * (bend - left)


def _hit_slope(rate: Array) -> Array:
    """d log(1 - exp(-e^eta)) / d eta = r / (e^r - 1), 0 where e^r overflows."""
    return rate / np.expm1(np.minimum(rate, 700.0))
