"""Pareto/NBD without hypergeometric functions: a quadrature that has no branch at alpha = beta.

Story: purchases at rate lambda ~ Gamma(r, alpha) until death at rate mu ~ Gamma(s, beta). Source:
Schmittlein, Morrison and Colombo (1987); Fader and Hardie (2005, a note on deriving it).

    L = Gamma(r+x) alpha^r beta^s / Gamma(r) [ P(T) + s I ],
    P(u) = (alpha+u)^-(r+x) (beta+u)^-s,   I = integral_{t_x}^{T} P(u) / (beta + u) du.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from churnlab.likelihoods.base import Array, Latent, Likelihood
from churnlab.likelihoods.bg_nbd import only_exponential
from churnlab.likelihoods.special import legendre, log_rising

#: Nodes per panel and panels of the rule for the death-time integral.
NODES, PANELS = 24, 2
#: The integrand is cut where it has fallen by this many powers of e.
CUT = 45.0


class ParetoNbd(Likelihood):
    """Pareto/NBD; parameters r, alpha (purchases) and s, beta (death)."""

    name: ClassVar[str] = "pareto_nbd"
    parameters: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta")
    time_parameters: ClassVar[tuple[str, ...]] = ("alpha", "beta")

    def __init__(self, k: int = 1) -> None:
        only_exponential(self.name, k)

    @property
    def kernel(self) -> Any:
        """Fused numba kernel: (theta, group, x, t_x, T, weight) -> (value, gradient)."""
        from churnlab.likelihoods.kernels.pareto import kernel  # numba is loaded late

        return kernel

    # -- likelihood ----------------------------------------------------------------------------

    def log_likelihood(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, sum_log_gap: ArrayLike = 0.0
    ) -> Array:
        """Log-likelihood per customer.

        ln L = ln Gamma(r+x)/Gamma(r) + r ln alpha + s ln beta + ln[P(T) + s I].
        """
        r, alpha, s, beta = theta
        x, t_x, T = (np.asarray(v, float) for v in (x, t_x, T))
        start = -r * np.log1p(t_x / alpha) - x * np.log(alpha + t_x) - s * np.log1p(t_x / beta)
        alive = -_decay(theta, x, t_x, T - t_x)
        dead = log_death_integral(theta, x, t_x, T - t_x)
        return np.asarray(log_rising(r, x) + start + np.logaddexp(alive, dead))

    def p_alive(self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Array:
        """P(alive at T | data) = P(T) / (P(T) + s I)."""
        return np.asarray(expit(self._log_odds(theta, x, t_x, T)))

    def _log_odds(self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Array:
        """Return ln[P(T) / (s I)]; +inf at T = t_x."""
        x, t_x, T = (np.asarray(v, float) for v in (x, t_x, T))
        return -_decay(theta, x, t_x, T - t_x) - log_death_integral(theta, x, t_x, T - t_x)

    def p_no_purchase(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Array:
        """P(no purchase in (T, T + horizon] | data).

        (1 - A) + A [P(T + horizon) + s integral_T^{T+horizon} P/(beta+u) du] / P(T): the ratio of
        likelihoods, with the common part taken out so that no digits cancel.
        """
        x, T, horizon = (np.asarray(v, float) for v in (x, T, horizon))
        odds = self._log_odds(theta, x, t_x, T)
        silent = np.exp(-_decay(theta, x, T, horizon))
        silent = silent + np.exp(log_death_integral(theta, x, T, horizon))
        return np.asarray(expit(-odds) + expit(odds) * np.minimum(silent, 1.0))

    def expected_purchases(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Array:
        """E[purchases in (T, T + horizon] | data].

        A (r+x)(beta+T) / ((alpha+T)(s-1)) [1 - ((beta+T)/(beta+T+horizon))^(s-1)]; written with
        y = ln((beta+T+horizon)/(beta+T)) and expm1, so that s = 1 is the limit y.
        """
        r, alpha, s, beta = theta
        x, t_x, T, horizon = (np.asarray(v, float) for v in (x, t_x, T, horizon))
        y = np.log1p(horizon / (beta + T))
        exponent = (1.0 - s) * y
        # expm1(z)/z is 1 to double precision below 1e-16
        safe = np.where(np.abs(exponent) < 1e-16, 1.0, exponent)
        growth = y * np.where(np.abs(exponent) < 1e-16, 1.0, np.expm1(safe) / safe)
        return np.asarray(
            self.p_alive(theta, x, t_x, T) * (r + x) * (beta + T) / (alpha + T) * growth
        )

    def pmf(
        self,
        theta: Array,
        n: ArrayLike,
        x: ArrayLike,
        t_x: ArrayLike,
        T: ArrayLike,
        horizon: ArrayLike,
    ) -> Array:
        """P(exactly n purchases in (T, T + horizon] | data).

        A [NB(n; horizon) S(horizon) + integral_0^horizon NB(n; tau) s (beta+T)^s /
        (beta+T+tau)^(s+1) dtau] for n >= 1: alive to the end or dead at tau. The integral by parts
        is -integral P(N > n - 1 ...) and is done by Gauss-Legendre in log(c + T + tau).
        """
        r, alpha, s, beta = theta
        n, x, T, horizon = (np.asarray(v, float) for v in (n, x, T, horizon))
        low = np.minimum(alpha, beta) + T
        width = np.log1p(horizon / low)
        z, weights = legendre(NODES, 8)
        some = np.maximum(n, 1.0)
        total: Any = np.exp(
            _log_nbd(some, r + x, alpha + T, horizon) - s * np.log1p(horizon / (beta + T))
        )
        for node, weight in zip(z, weights, strict=True):
            tau = low * np.expm1(node * width)
            density = np.log(s) - (s + 1) * np.log1p(tau / (beta + T)) - np.log(beta + T)
            density = density + np.log(low + tau)
            total = total + weight * width * np.exp(density + _log_nbd(some, r + x, alpha + T, tau))
        value = self.p_alive(theta, x, t_x, T) * total
        return np.where(n > 0, value, self.p_no_purchase(theta, x, t_x, T, horizon))

    def expected_new(self, theta: Array, t: ArrayLike) -> Array:
        """E[repeat purchases in (0, t]] of a new customer: the conditional one at x = T = 0."""
        return self.expected_purchases(theta, 0.0, 0.0, 0.0, t)

    def pmf_new(self, theta: Array, n: ArrayLike, t: ArrayLike) -> Array:
        """P(exactly n repeat purchases in (0, t]) of a new customer."""
        return self.pmf(theta, n, 0.0, 0.0, 0.0, t)

    # -- draws ---------------------------------------------------------------------------------

    def sample_latent(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, rng: np.random.Generator
    ) -> Latent:
        """Exact draws: alive lambda ~ Gamma(r+x, alpha+T), mu ~ Gamma(s, beta+T); dead at tau
        lambda ~ Gamma(r+x, alpha+tau), mu ~ Gamma(s+1, beta+tau), tau by `sample_death`.
        """
        probability = self.p_alive(theta, x, t_x, T)
        x, t_x, T, r, alpha, s, beta, probability = (
            np.array(v, float)
            for v in np.broadcast_arrays(x, t_x, T, *(theta[i] for i in range(4)), probability)
        )
        alive = rng.random(probability.shape) < probability
        end = sample_death(np.stack([r, alpha, s, beta]), x, t_x, T, ~alive, rng)
        rate = rng.gamma(r + x) / (alpha + end)
        dropout = rng.gamma(np.where(alive, s, s + 1.0)) / (beta + end)
        return Latent(rate, dropout, alive)

    def simulate(
        self, theta: Array, T: ArrayLike, rng: np.random.Generator
    ) -> tuple[Array, Array, Array]:
        """Simulate (x, t_x, sum_log_gap) of new customers observed for T each, by the story."""
        r, alpha, s, beta, T = np.broadcast_arrays(
            *(theta[i] for i in range(4)), np.asarray(T, float)
        )
        rate = rng.gamma(r) / alpha
        with np.errstate(divide="ignore"):
            end = np.minimum(rng.exponential(size=T.shape) / (rng.gamma(s) / beta), T)
        x, t_x, log_gap = np.zeros(T.shape), np.zeros(T.shape), np.zeros(T.shape)
        active = np.ones(T.shape, bool)
        while active.any():
            with np.errstate(divide="ignore"):
                gap = rng.exponential(size=T.shape) / rate
            active = active & (t_x + gap <= end)
            t_x[active] += gap[active]
            x[active] += 1
            log_gap[active] += np.log(gap[active])
        return x, t_x, log_gap


def _decay(theta: Array, x: Array, start: Array, length: Array) -> Array:
    """Return ln P(start) / P(start + length)."""
    r, alpha, s, beta = theta
    return (r + x) * np.log1p(length / (alpha + start)) + s * np.log1p(length / (beta + start))


def _width(theta: Array, x: Array, start: Array, length: Array) -> Array:
    """Return W, the reach of the integration variable v (DOMAIN section 3)."""
    r, alpha, s, beta = theta
    low = np.minimum(alpha, beta) + start
    with np.errstate(over="ignore"):
        gap = np.minimum(
            (alpha + start) * np.expm1(CUT / (r + x)), (beta + start) * np.expm1(CUT / s)
        )
    return np.log1p(np.minimum(length, gap) / low)


def log_death_integral(
    theta: Array,
    x: ArrayLike,
    start: ArrayLike,
    length: ArrayLike,
    nodes: int = NODES,
    panels: int = PANELS,
) -> Array:
    """Return ln of s / P(start) times the integral of P(u)/(beta+u) over (start, start + length].

    The probability, relative to being alive and silent, of death in that time without a purchase.

    Parameters
    ----------
    theta
        (r, alpha, s, beta) on the first axis.
    x, start, length
        Purchases so far; times in the unit of alpha and beta.
    nodes, panels
        Of the composite Gauss-Legendre rule in v, u = start + (c + start) expm1(v),
        c = min(alpha, beta), v in [0, W].

    Notes
    -----
    The integrand is divided by its value at `start` and falls from there, so nothing overflows
    and underflow is harmless. Beyond W it is below e^-45 of its start.
    """
    r, alpha, s, beta = theta
    x, start, length = (np.asarray(v, float) for v in (x, start, length))
    low = np.minimum(alpha, beta) + start
    width = _width(theta, x, start, length)
    near, far = low / (alpha + start), low / (beta + start)
    total: Any = 0.0
    for node, weight in zip(*legendre(nodes, panels), strict=True):
        growth = np.expm1(node * width)
        decay = (r + x) * np.log1p(growth * near) + (s + 1) * np.log1p(growth * far)
        total = total + weight * np.exp(node * width - decay)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(s) + np.log(far) + np.log(width * total))


def quadrature_error(theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Array:
    """Estimate the error of the log-likelihood's quadrature, per customer.

    The absolute change of ln L (so the relative change of L) when the rule of `log_likelihood` is
    replaced by one with four times the panels.
    """
    x, t_x, T = (np.asarray(v, float) for v in (x, t_x, T))
    alive = -_decay(theta, x, t_x, T - t_x)
    coarse = np.logaddexp(alive, log_death_integral(theta, x, t_x, T - t_x))
    fine = np.logaddexp(alive, log_death_integral(theta, x, t_x, T - t_x, panels=4 * PANELS))
    return np.abs(coarse - fine)


def _log_nbd(n: Array, shape: Array, rate: Array, time: Array) -> Array:
    """Return ln P(N = n), N ~ Poisson(lambda time), lambda ~ Gamma(shape, rate), n >= 1."""
    with np.errstate(divide="ignore"):
        return (
            log_rising(shape, n)
            - log_rising(1.0, n)
            - shape * np.log1p(time / rate)
            + n * (np.log(time) - np.log(rate + time))
        )


def sample_death(
    theta: Array, x: Array, t_x: Array, T: Array, dead: Any, rng: np.random.Generator
) -> Array:
    """Draw death times in (t_x, T] of the dead, from the density ~ P(u)/(beta+u); T for the rest.

    Rejection, exact: P(u)/(beta+u) is a product of two falling powers; the proposal is whichever
    of them, alone, leaves the smaller envelope (both have an inverse distribution function), and
    the other, relative to its value at t_x, is the probability to accept.
    """
    r, alpha, s, beta = theta
    end = np.array(T, float)
    rate_decay = _envelope(alpha + t_x, r + x, T - t_x)
    death_decay = _envelope(beta + t_x, s + 1.0, T - t_x)
    by_rate = rate_decay < death_decay
    wait = np.flatnonzero(dead)
    while wait.size:
        i = np.unravel_index(wait, end.shape)
        purchases, death = (alpha[i] + t_x[i], r[i] + x[i]), (beta[i] + t_x[i], s[i] + 1.0)
        first = by_rate[i]
        scale, power = (np.where(first, p, d) for p, d in zip(purchases, death, strict=True))
        other_scale, other = (np.where(first, d, p) for p, d in zip(purchases, death, strict=True))
        y = _power_draw(scale, power, T[i] - t_x[i], rng.random(wait.size))
        accept = np.log(rng.random(wait.size)) <= -other * np.log1p(y / other_scale)
        end[tuple(j[accept] for j in i)] = (t_x[i] + y)[accept]
        wait = wait[~accept]
    return end


def _envelope(scale: Array, power: Array, length: Array) -> Array:
    """Return the integral of (1 + y/scale)^-power over (0, length]."""
    z = np.log1p(length / scale)
    q = (1.0 - power) * z
    safe = np.where(np.abs(q) < 1e-12, 1.0, q)
    return scale * z * np.where(np.abs(q) < 1e-12, 1.0, np.expm1(safe) / safe)


def _power_draw(scale: Array, power: Array, length: Array, uniform: Array) -> Array:
    """Draw y in (0, length] with density ~ (1 + y/scale)^-power by its inverse distribution."""
    z = np.log1p(length / scale)
    q = (1.0 - power) * z
    safe = np.where(np.abs(q) < 1e-12, 1.0, q)
    v = np.where(np.abs(q) < 1e-12, uniform, np.log1p(uniform * np.expm1(safe)) / safe) * z
    return np.minimum(scale * np.expm1(v), length)
