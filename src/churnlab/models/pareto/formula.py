"""Pareto/NBD without hypergeometric functions: a quadrature that has no branch at alpha = beta.

Story: purchases at rate lambda ~ Gamma(r, alpha) until death at rate mu ~ Gamma(s, beta). Source:
Schmittlein, Morrison and Colombo (1987); Fader and Hardie (2005, a note on deriving it).

    L = Gamma(r+x) alpha^r beta^s / Gamma(r) [ P(T) + s I ],
    P(u) = (alpha+u)^-(r+x) (beta+u)^-s,   I = integral_{t_x}^{T} P(u) / (beta + u) du.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from churnlab.kernels.plan import Cells, find_runs, sort_cells
from churnlab.kernels.special import legendre, log_rising
from churnlab.models.base import Kernels, Likelihood
from churnlab.models.parametrisation import Dropout
from churnlab.models.pareto import sql
from churnlab.models.pareto.death import decay, log_death_integral, quadrature_error, sample_death
from churnlab.models.pareto.dropout import GammaDropout
from churnlab.models.sql import Fragment
from churnlab.models.story import Latent
from churnlab.types import Array

if TYPE_CHECKING:
    from churnlab.models.silence import Process


class ParetoNbd(Likelihood):
    """Pareto/NBD; parameters r, alpha (purchases) and s, beta (death)."""

    name: ClassVar[str] = "pareto_nbd"
    parameters: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta")
    time_powers: ClassVar[tuple[int, ...]] = (0, 1, 0, 1)
    dropout: ClassVar[Dropout] = GammaDropout()
    drops_at_purchases: ClassVar[bool] = False
    lifetimes_fitter: ClassVar[str | None] = "ParetoNBDFitter"
    #: Cells share few times within a group: where the others reuse logarithms, this integrates.
    cost: ClassVar[float] = 5.0
    in_sql: ClassVar[bool] = True

    @property
    def kernels(self) -> Kernels:
        """The fused loops; see `kernel` and `many`."""
        from churnlab.models.pareto.kernel import RULES, pareto_gradient  # numba is loaded late
        from churnlab.models.pareto.many import pareto_values

        def arguments(cells: Cells) -> tuple[NDArray[Any], ...]:
            return (*find_runs(cells), cells.weight, RULES)

        return Kernels(arguments, pareto_gradient, pareto_values)

    def process(self, theta: Array, x: ArrayLike, oldest: float) -> Callable[[float], Process]:
        """By tables of the probability of death before the next purchase; see `silence`."""
        from churnlab.models.pareto.death_table import DeathTables
        from churnlab.models.pareto.silence import ParetoProcess

        theta = np.ascontiguousarray(theta)
        tables = DeathTables(theta, np.atleast_1d(np.asarray(x, float)), oldest)
        return lambda some: ParetoProcess(self, theta, some, oldest, tables)

    def cell_log_likelihoods(
        self,
        theta: Array,
        group: ArrayLike,
        x: ArrayLike,
        t_x: ArrayLike,
        T: ArrayLike,
        sum_log_gap: ArrayLike = 0.0,
    ) -> Array:
        """As in `Likelihood`; the formula costs 48 nodes an element, the kernel about 5.

        A draw is a job: threads do not change a bit.
        """
        from churnlab.models.pareto.kernel import RULES, pareto_cells

        del sum_log_gap  # a matter of Erlang gaps
        group = np.zeros(np.size(x), np.int64) if theta.shape[2] == 1 else np.asarray(group)
        order = np.lexsort((np.asarray(T), np.asarray(t_x), np.asarray(x), group))
        g, a, b, c = (np.asarray(v)[order] for v in (group, x, t_x, T))
        runs = find_runs(sort_cells(g, a, b, c, np.ones(order.size)))
        out = np.empty((len(theta), order.size))

        def one(draw: int) -> None:
            values = np.empty(order.size)
            pareto_cells(np.ascontiguousarray(theta[draw]), runs, RULES, values)
            out[draw, order] = values

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(one, range(len(theta))))
        return out

    # -- lifetimes: what a kin with other ones replaces --------------------------------------------

    def _lived(self, theta: Array, t: Array) -> Array:
        """-ln S(t) / s, S the survivor function of a random customer."""
        return np.asarray(np.log1p(t / theta[3]))

    def _hazard(self, theta: Array, t: Array) -> Array:
        """d `_lived` / dt."""
        return np.asarray(1.0 / (theta[3] + t))

    def _decay(self, theta: Array, x: Array, start: Array, length: Array) -> Array:
        """ln P(start) / P(start + length)."""
        return decay(theta, x, start, length)

    def _log_death(self, theta: Array, x: Array, start: Array, length: Array) -> Array:
        """ln of s / P(start) times the integral of P and the hazard over (start, start+length]."""
        return log_death_integral(theta, x, start, length)

    # -- likelihood ----------------------------------------------------------------------------

    def log_likelihood(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, sum_log_gap: ArrayLike = 0.0
    ) -> Array:
        """Log-likelihood per customer.

        ln L = ln Gamma(r+x)/Gamma(r) + r ln alpha + s ln beta + ln[P(T) + s I].
        """
        r, alpha = theta[0], theta[1]
        x, t_x, T = (np.asarray(v, float) for v in (x, t_x, T))
        start = -r * np.log1p(t_x / alpha) - x * np.log(alpha + t_x)
        start = start - theta[2] * self._lived(theta, t_x)
        alive = -self._decay(theta, x, t_x, T - t_x)
        dead = self._log_death(theta, x, t_x, T - t_x)
        return np.asarray(log_rising(r, x) + start + np.logaddexp(alive, dead))

    def p_alive(self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Array:
        """P(alive at T | data) = P(T) / (P(T) + s I)."""
        return np.asarray(expit(self._log_odds(theta, x, t_x, T)))

    def _log_odds(self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Array:
        """Return ln[P(T) / (s I)]; +inf at T = t_x."""
        x, t_x, T = (np.asarray(v, float) for v in (x, t_x, T))
        return -self._decay(theta, x, t_x, T - t_x) - self._log_death(theta, x, t_x, T - t_x)

    def quadrature_error(self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Array:
        """Estimate of the absolute error of `log_likelihood`, per customer, from a finer rule."""
        return quadrature_error(theta, x, t_x, T)

    def p_no_purchase(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Array:
        """P(no purchase in (T, T + horizon] | data).

        (1 - A) + A [P(T + horizon) + s integral_T^{T+horizon} P/(beta+u) du] / P(T): the ratio of
        likelihoods, with the common part taken out so that no digits cancel.
        """
        x, T, horizon = (np.asarray(v, float) for v in (x, T, horizon))
        odds = self._log_odds(theta, x, t_x, T)
        silent = np.exp(-self._decay(theta, x, T, horizon))
        silent = silent + np.exp(self._log_death(theta, x, T, horizon))
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
        (beta+T+tau)^(s+1) dtau] for n >= 1: alive to the end or dead at tau. Gauss-Legendre in
        ln(c + T + tau), c = min(alpha, beta), as for the likelihood.
        """
        r, alpha, s, beta = theta
        n, x, T, horizon = (np.asarray(v, float) for v in (n, x, T, horizon))
        low = np.minimum(alpha, beta) + T
        width = np.log1p(horizon / low)
        z, weights = legendre(24, 8)
        some = np.maximum(n, 1.0)
        total: Any = np.exp(
            log_nbd(some, r + x, alpha + T, horizon) - s * np.log1p(horizon / (beta + T))
        )
        for node, weight in zip(z, weights, strict=True):
            tau = low * np.expm1(node * width)
            density = np.log(s) - (s + 1) * np.log1p(tau / (beta + T)) - np.log(beta + T)
            density = density + np.log(low + tau)
            total = total + weight * width * np.exp(density + log_nbd(some, r + x, alpha + T, tau))
        value = self.p_alive(theta, x, t_x, T) * total
        return np.where(n > 0, value, self.p_no_purchase(theta, x, t_x, T, horizon))

    def _slope_by_last(self, theta: Array, x: Array, t_x: Array, T: Array, alive: Array) -> Array:
        """Without the deaths just after t_x: -s/(beta+t_x) P(t_x)/(P(T) + s I)."""
        rest = np.exp(-self._decay(theta, x, t_x, T - t_x))
        rest = rest + np.exp(self._log_death(theta, x, t_x, T - t_x))
        return np.asarray(-theta[2] * self._hazard(theta, t_x) / rest)

    # -- draws ---------------------------------------------------------------------------------

    def sample_latent(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, rng: np.random.Generator
    ) -> Latent:
        """Exact draws: alive lambda ~ Gamma(r+x, alpha+T), mu ~ Gamma(s, beta+T); dead at tau
        lambda ~ Gamma(r+x, alpha+tau), mu ~ Gamma(s+1, beta+tau), tau by `sample_death`.
        """
        probability = self.p_alive(theta, x, t_x, T)
        x, t_x, T, r, alpha, s, beta, probability = (
            np.array(v, float) for v in np.broadcast_arrays(x, t_x, T, *theta, probability)
        )
        alive = rng.random(probability.shape) < probability
        end = sample_death(np.stack([r, alpha, s, beta]), x, t_x, T, ~alive, rng)
        rate = rng.gamma(r + x) / (alpha + end)
        dropout = rng.gamma(np.where(alive, s, s + 1.0)) / (beta + end)
        return Latent(rate, dropout, alive)

    def sample_alive(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, rng: np.random.Generator
    ) -> Latent:
        """Exact draws given alive: those of `sample_latent` without the dead."""
        x, T, r, alpha, s, beta = np.broadcast_arrays(x, T, *theta)
        rate = rng.gamma(r + x) / (alpha + T)
        return Latent(rate, rng.gamma(s) / (beta + T), np.ones(rate.shape, bool))

    # -- production --------------------------------------------------------------------------------

    def no_sql(self, theta: Array, *, windowed: bool) -> str | None:
        """A continued fraction that would be too long."""
        if self._terms(theta) is None:
            return (
                f"its fraction needs more than {sql.TERMS[-1]} terms where beta and alpha are "
                f"further apart than by a factor of some 1,000; use at_risk_date or "
                "`churnlab score`."
            )
        return super().no_sql(theta, windowed=windowed)

    @staticmethod
    def _terms(theta: Array) -> int | None:
        return sql.terms(np.ascontiguousarray(theta, np.float64))

    def terms_sql(self, theta: Array) -> list[str]:
        """The terms of the fraction; see `sql`."""
        return [sql.terms_cte(self._terms(theta) or sql.TERMS[-1])]

    def score_sql(self, theta: Array, *, windowed: bool) -> Fragment:
        """Differences of continued fractions; see `sql`."""
        return sql.score_sql(self._terms(theta) or sql.TERMS[-1], windowed=windowed)

    def returned_sql(self, theta: Array, cells: str) -> Fragment:
        """Differences of continued fractions; see `sql`."""
        return sql.returned_sql(cells, self._terms(theta) or sql.TERMS[-1])

    # -- given what is hidden, and the story -----------------------------------------------------

    def p_no_purchase_given(self, latent: Latent, silence: ArrayLike, horizon: ArrayLike) -> Array:
        """1 - lambda/(lambda+mu) (1 - e^-(lambda+mu) horizon) of the living."""
        del silence  # exponential gaps have no memory
        both = latent.rate + latent.dropout
        stays = 1 - latent.rate / both * -np.expm1(-both * np.asarray(horizon, float))
        return np.where(latent.alive, stays, 1.0)

    def sample_dropout(self, theta: Array, n: int, rng: np.random.Generator) -> Array:
        """mu ~ Gamma(s, beta)."""
        return rng.gamma(theta[2], 1 / theta[3], n)


def log_nbd(n: Array, shape: Array, rate: Array, time: Array) -> Array:
    """Return ln P(N = n), N ~ Poisson(lambda time), lambda ~ Gamma(shape, rate), n >= 1."""
    with np.errstate(divide="ignore"):
        values: Array = (
            log_rising(shape, n)
            - log_rising(1.0, n)
            - shape * np.log1p(time / rate)
            + n * (np.log(time) - np.log(rate + time))
        )
        return values
