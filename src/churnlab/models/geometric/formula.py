"""What the models with a dropout toss after purchases share: BG/NBD, MBG/NBD and Erlang-k kin.

Story: while alive a customer buys with Erlang(k, lambda) gaps, lambda ~ Gamma(r, alpha); after a
purchase she drops out with probability p ~ Beta(a, b). In the BG models the first toss comes after
the first *repeat* purchase, in the MBG models (`toss_at_first`) after the very first purchase.

With u = T - t_x the silence, R = r + k x and the survivor function of the gap in progress

    S(u) = sum_{j<k} u^j / j! Gamma(R + j) / (alpha + t_x + u)^(R + j),

alive and dead customers have likelihoods in the ratio S(u)/S(0) : q, q = a / (b' + x), b' = b
(MBG) or b - 1 (BG, x >= 1; nobody is dead at x = 0). Sources: Fader, Hardie and Lee (2005);
Batislam, Denizel and Filiztekin (2007); Platzer and Reutterer (2016); Reutterer, Platzer and
Schroeder (2021).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, expit, gammaincc, gammaln

from churnlab.kernels.special import log_beta_shift, log_rising
from churnlab.models.base import Kernels, Likelihood
from churnlab.models.geometric import sql
from churnlab.models.geometric.dropout import BetaDropout
from churnlab.models.geometric.dropout_mean import GAUSS_LIMITS, gauss_mean, logit_mean
from churnlab.models.geometric.renewals import erlang_one_minus_pgf
from churnlab.models.parametrisation import Dropout
from churnlab.models.sql import Fragment
from churnlab.models.story import Latent
from churnlab.types import Array

if TYPE_CHECKING:
    from churnlab.models.silence import Process


class GeometricDropout(Likelihood):
    """A model with Gamma rates, Erlang-k gaps and a Beta dropout probability per purchase."""

    parameters: ClassVar[tuple[str, ...]] = ("r", "alpha", "a", "b")
    time_powers: ClassVar[tuple[int, ...]] = (0, 1, 0, 0)
    dropout: ClassVar[Dropout] = BetaDropout()
    drops_at_purchases: ClassVar[bool] = True
    in_sql: ClassVar[bool] = True

    @property
    def kernels(self) -> Kernels:
        """The fused loops; see `kernel` and `many`."""
        from churnlab.models.geometric.kernel import geometric_gradient  # numba is loaded late
        from churnlab.models.geometric.many import geometric_values

        constants = (self.k, int(self.toss_at_first))
        return Kernels(tuple, geometric_gradient, geometric_values, constants)

    def process(self, theta: Array, x: ArrayLike, oldest: float) -> Callable[[float], Process]:
        """Closed forms; see `silence`."""
        from churnlab.models.geometric.silence import GeometricProcess

        theta = np.ascontiguousarray(theta)
        return lambda some: GeometricProcess(self, theta, some, oldest)

    # -- likelihood ----------------------------------------------------------------------------

    def log_likelihood(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, sum_log_gap: ArrayLike = 0.0
    ) -> Array:
        """Log-likelihood per customer.

        ln L = ln Gamma(R)/Gamma(r) + r ln alpha - R ln(alpha + t_x) + ln B(a, b+m)/B(a, b)
        + ln[S(u)/S(0) + q] + (k-1) sum(ln gap) - x ln Gamma(k), m the number of tosses survived
        for certain when alive: x (BG) or x + 1 (MBG).
        """
        r, alpha, a, b = theta
        x, t_x, T = _floats(x, t_x, T)
        k = self.k
        value = log_rising(r, k * x) - r * np.log1p(t_x / alpha) - k * x * np.log(alpha + t_x)
        value = value + log_beta_shift(a, b, 0, x + self.toss_at_first)
        value = value + np.logaddexp(
            self._log_survivor(theta, x, t_x, T - t_x), self._log_q(theta, x)
        )
        if k > 1:
            value = value + (k - 1) * np.asarray(sum_log_gap, float) - x * gammaln(k)
        return np.asarray(value)

    def _log_survivor(self, theta: Array, x: Array, t_x: Array, u: Array) -> Array:
        """Return ln S(u)/S(0), at most 0."""
        r, alpha = theta[0], theta[1]
        value = -(r + self.k * x) * np.log1p(u / (alpha + t_x))
        if self.k == 1:
            return np.asarray(value)
        values: Array = value + np.log(sum(self._stages(theta, x, t_x, u)))
        return values

    def _stages(self, theta: Array, x: Array, t_x: Array, u: Array) -> list[Array]:
        """Return the k terms of S(u), relative to the first: weights of the gap's stages passed."""
        shape = theta[0] + self.k * x
        z = u / (theta[1] + t_x + u)
        terms = [np.ones(np.broadcast_shapes(np.shape(shape), np.shape(z)))]
        for j in range(1, self.k):
            terms.append(terms[-1] * z * (shape + j - 1) / j)
        return terms

    def _log_q(self, theta: Array, x: Array) -> Array:
        """Return ln q, the dead-to-alive ratio at u = 0; -inf where dropout is impossible yet."""
        a, b = theta[2], theta[3]
        if self.toss_at_first:
            values: Array = np.log(a) - np.log(b + x)
            return values
        later = np.maximum(x, 1.0)
        return np.where(x > 0, np.log(a) - np.log(b + later - 1.0), -np.inf)

    # -- probabilities -------------------------------------------------------------------------

    def p_alive(self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Array:
        """P(alive at T | data) = 1 / (1 + q S(0)/S(u)); 1 at x = 0 in the BG models."""
        x, t_x, T = _floats(x, t_x, T)
        return np.asarray(expit(self._log_survivor(theta, x, t_x, T - t_x) - self._log_q(theta, x)))

    def p_no_purchase(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Array:
        """P(no purchase in (T, T + horizon] | data) = (1 - A) + A S(u + horizon)/S(u)."""
        x, t_x, T, horizon = _floats(x, t_x, T, horizon)
        now = self._log_survivor(theta, x, t_x, T - t_x)
        later = self._log_survivor(theta, x, t_x, T - t_x + horizon)
        odds = now - self._log_q(theta, x)
        return np.asarray(expit(-odds) + expit(odds) * np.exp(later - now))

    def expected_purchases(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Array:
        """E[purchases in (T, T + horizon] | data] = A E[(1 - (1 - p)^N) / p].

        N counts the purchases of a customer who never drops out; given alive, p ~ Beta(a, b + m).
        Gauss' rule of 16 nodes over p unless the horizon exceeds the customer's age: see
        `dropout_mean`; `_one_minus_pgf` has the inner expectation.
        """
        x, t_x, T, horizon = _floats(x, t_x, T, horizon)
        reach = horizon / (theta[1] + T)
        if np.all(reach <= GAUSS_LIMITS[0][1]):
            mean = self._mean_purchases(theta, x, t_x, T, horizon, GAUSS_LIMITS[0][0])
        else:
            parts = np.broadcast_arrays(reach, *theta, x, t_x, T, horizon)
            mean = self._by_reach(*(np.ravel(v) for v in parts)).reshape(parts[0].shape)
        return np.asarray(self.p_alive(theta, x, t_x, T) * mean)

    def _by_reach(self, reach: Array, *parts: Array) -> Array:
        """Return E[(1 - (1-p)^N) / p | alive], each element by the rule that its reach asks for."""
        result, below = np.empty(reach.shape), -np.inf
        for nodes, limit in (*GAUSS_LIMITS, (0, np.inf)):
            here = np.flatnonzero((reach > below) & (reach <= limit))
            if here.size:
                r, alpha, a, b, x, t_x, T, horizon = (v[here] for v in parts)
                theta = np.stack([r, alpha, a, b])
                result[here] = self._mean_purchases(theta, x, t_x, T, horizon, nodes)
            below = limit
        return result

    def _mean_purchases(
        self, theta: Array, x: Array, t_x: Array, T: Array, horizon: Array, nodes: int
    ) -> Array:
        """Return E[(1 - (1-p)^N) / p | alive] by Gauss' rule of `nodes`, or in logit p if 0."""

        def f(p: Array) -> Array:
            p = np.maximum(p, 1e-300)
            return self._one_minus_pgf(theta, x, t_x, T, horizon, p) / p

        if nodes:
            return gauss_mean(f, theta[2], theta[3], x + self.toss_at_first, nodes)
        return logit_mean(f, theta[2], theta[3] + x + self.toss_at_first, f(np.zeros(x.shape)))

    def _one_minus_pgf(
        self, theta: Array, x: Array, t_x: Array, T: Array, horizon: Array, p: Array
    ) -> Array:
        """Return E[1 - (1 - p)^N | alive], N the purchases in the horizon without dropout.

        k = 1: 1 - ((alpha + T) / (alpha + T + p horizon))^(r + x).
        """
        if self.k == 1:
            values: Array = -np.expm1(-(theta[0] + x) * np.log1p(p * horizon / (theta[1] + T)))
            return values
        shape, ratio = theta[0] + self.k * x, horizon / (theta[1] + T)
        return erlang_one_minus_pgf(shape, ratio, p, self._stages(theta, x, t_x, T - t_x))

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

        For n >= 1, with b* = b + m and N without dropout: alive to the end, or dropped out at the
        n-th, A [B(a, b*+n)/B(a, b*) P(N = n) + B(a+1, b*+n-1)/B(a, b*) P(N >= n)].
        At n = 0 it is `p_no_purchase`.
        """
        n, x, t_x, T, horizon = _floats(n, x, t_x, T, horizon)
        a, b = theta[2], theta[3] + x + self.toss_at_first
        some = np.maximum(n, 1.0)
        reach = self._at_least(theta, some, x, t_x, T, horizon)
        beyond = self._at_least(theta, some + 1.0, x, t_x, T, horizon)
        stays = np.exp(log_beta_shift(a, b, 0, some))
        drops = np.exp(log_beta_shift(a, b, 1, some - 1.0))
        value = self.p_alive(theta, x, t_x, T) * (
            stays * np.maximum(reach - beyond, 0.0) + drops * reach
        )
        return np.where(n > 0, value, self.p_no_purchase(theta, x, t_x, T, horizon))

    def _at_least(
        self, theta: Array, n: Array, x: Array, t_x: Array, T: Array, horizon: Array
    ) -> Array:
        """Return P(N >= n | alive), N without dropout, a mixture over the stages passed.

        Given j stages passed, lambda ~ Gamma(R + j, alpha + T) and N >= n exactly when a negative
        binomial count of stages reaches k n - j: a regularised incomplete beta function.
        """
        z = horizon / (theta[1] + T + horizon)
        stages = self._stages(theta, x, t_x, T - t_x)
        shape = theta[0] + self.k * x
        terms = (w * betainc(self.k * n - j, shape + j, z) for j, w in enumerate(stages))
        return np.asarray(sum(terms) / sum(stages))

    def _slope_by_last(self, theta: Array, x: Array, t_x: Array, T: Array, alive: Array) -> Array:
        """-(1-A) (r+x)/(alpha+t_x)."""
        return np.asarray(-(1.0 - alive) * (theta[0] + x) / (theta[1] + t_x))

    # -- draws ---------------------------------------------------------------------------------

    def sample_latent(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, rng: np.random.Generator
    ) -> Latent:
        """Exact draws: alive lambda ~ Gamma(R + j, alpha + T), p ~ Beta(a, b + m), j the stages
        passed; dead lambda ~ Gamma(R, alpha + t_x), p ~ Beta(a + 1, b + m - 1).
        """
        x, t_x, T = _floats(x, t_x, T)
        probability = self.p_alive(theta, x, t_x, T)
        x, t_x, T, r, alpha, a, b, probability = np.broadcast_arrays(x, t_x, T, *theta, probability)
        alive = rng.random(probability.shape) < probability
        passed = self._sample_stage(np.stack([r, alpha]), x, t_x, T - t_x, rng)
        shape = r + self.k * x + np.where(alive, passed, 0.0)
        rate = rng.gamma(shape) / (alpha + np.where(alive, T, t_x)) / self.k
        tosses = x + self.toss_at_first
        survived = np.where(alive, b + tosses, np.maximum(b + tosses - 1.0, b))
        dropout = rng.beta(np.where(alive, a, a + 1.0), survived)
        return Latent(rate, dropout, alive)

    def sample_alive(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, rng: np.random.Generator
    ) -> Latent:
        """Exact draws given alive: those of `sample_latent` without the dead."""
        x, t_x, T, r, alpha, a, b = np.broadcast_arrays(*_floats(x, t_x, T), *theta)
        passed = self._sample_stage(np.stack([r, alpha]), x, t_x, T - t_x, rng)
        rate = rng.gamma(r + self.k * x + passed) / (alpha + T) / self.k
        dropout = rng.beta(a, b + x + self.toss_at_first)
        return Latent(rate, dropout, np.ones(rate.shape, bool))

    def _sample_stage(
        self, theta: Array, x: Array, t_x: Array, u: Array, rng: np.random.Generator
    ) -> Array:
        """Draw the number of stages of the present gap that have passed, given alive."""
        if self.k == 1:
            return np.zeros(x.shape)
        total = np.cumsum(self._stages(theta, x, t_x, u), axis=0)
        values: Array = (rng.random(x.shape) * total[-1] >= total[:-1]).sum(axis=0).astype(float)
        return values

    # -- production --------------------------------------------------------------------------------

    def no_sql(self, theta: Array, *, windowed: bool) -> str | None:
        """Erlang gaps under a window: the state is not a matter of today's risk."""
        if self.k > 1 and windowed:
            return (
                "its risk falls before it rises, so the state needs the date; use at_risk_date or "
                "`churnlab score`."
            )
        return super().no_sql(theta, windowed=windowed)

    def score_sql(self, theta: Array, *, windowed: bool) -> Fragment:
        """Closed forms; see `sql`."""
        del theta
        return sql.score_sql(self.toss_at_first, self.k, windowed=windowed)

    def returned_sql(self, theta: Array, cells: str) -> Fragment:
        """Closed forms; see `sql`."""
        del theta
        return sql.returned_sql(self.toss_at_first, self.k, cells)

    # -- given what is hidden, and the story -----------------------------------------------------

    def p_no_purchase_given(self, latent: Latent, silence: ArrayLike, horizon: ArrayLike) -> Array:
        """P(gap > silence + horizon | gap > silence) of the living."""
        stages = np.asarray(latent.rate) * self.k
        silence, horizon = _floats(silence, horizon)
        with np.errstate(divide="ignore", invalid="ignore"):  # underflow far out
            late = np.log(gammaincc(self.k, stages * (silence + horizon)))
            stays = np.exp(late - np.log(gammaincc(self.k, stages * silence)))
        return np.where(latent.alive, stays, 1.0)

    def sample_dropout(self, theta: Array, n: int, rng: np.random.Generator) -> Array:
        """p ~ Beta(a, b)."""
        return rng.beta(theta[2], theta[3], n)


def _floats(*values: ArrayLike) -> list[Array]:
    """Return the arguments as float arrays."""
    return [np.asarray(v, float) for v in values]
