"""GGom/NBD: Pareto/NBD with lifetimes that age, hazard eta e^(b u), eta ~ Gamma(s, beta).

Source: Bemmaor and Glady (2012). Their beta is ours times b, a number; ours is a time, so that
b -> 0 is Pareto/NBD with the same r, alpha, s and beta. With P(u) = (alpha+u)^-(r+x) S(u), S and
the hazard s h as in `lifetime`,

    L = Gamma(r+x) alpha^r / Gamma(r) [ P(T) + s I ],   I = integral_{t_x}^{T} P(u) h(u) du.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churnlab.kernels.plan import Cells, find_runs
from churnlab.kernels.special import legendre
from churnlab.models.base import Kernels, Likelihood
from churnlab.models.gompertz import lifetime
from churnlab.models.gompertz.dropout import AgeingDropout
from churnlab.models.parametrisation import Dropout
from churnlab.models.pareto.death import CUT
from churnlab.models.pareto.formula import ParetoNbd, log_nbd
from churnlab.models.story import Latent
from churnlab.types import Array

if TYPE_CHECKING:
    from churnlab.models.silence import Process


class GGomNbd(ParetoNbd):
    """GGom/NBD; parameters r, alpha (purchases) and s, beta, b (death, ageing)."""

    name: ClassVar[str] = "ggom_nbd"
    lifetimes_age: ClassVar[bool] = True
    parameters: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta", "b")
    time_powers: ClassVar[tuple[int, ...]] = (0, 1, 0, 1, -1)
    dropout: ClassVar[Dropout] = AgeingDropout()
    #: Not SIMD, and an exponential more in each node.
    cost: ClassVar[float] = 30.0
    #: Ages enter through e^(b u): sums over nodes would need their own rule per draw and cell.
    in_sql: ClassVar[bool] = False
    lifetimes_fitter: ClassVar[str | None] = None

    @property
    def kernels(self) -> Kernels:
        """The fused loops; see `kernel`."""
        from churnlab.models.gompertz.kernel import gompertz_gradient, gompertz_values
        from churnlab.models.pareto.kernel import RULES

        def arguments(cells: Cells) -> tuple[NDArray[Any], ...]:
            return (*find_runs(cells), cells.weight, RULES)

        return Kernels(arguments, gompertz_gradient, gompertz_values)

    def process(self, theta: Array, x: ArrayLike, oldest: float) -> Callable[[float], Process]:
        """By a table of the probability of death before the next purchase; see `silence`."""
        from churnlab.models.gompertz.silence import GompertzProcess

        theta = np.ascontiguousarray(theta)
        return lambda some: GompertzProcess(self, theta, some, oldest)

    cell_log_likelihoods = Likelihood.cell_log_likelihoods
    score_sql, returned_sql = Likelihood.score_sql, Likelihood.returned_sql
    no_sql, terms_sql = Likelihood.no_sql, Likelihood.terms_sql

    def _lived(self, theta: Array, t: Array) -> Array:
        return lifetime.log_growth(theta[3], theta[4], t)

    def _hazard(self, theta: Array, t: Array) -> Array:
        return lifetime.hazard(theta[3], theta[4], t)

    def _decay(self, theta: Array, x: Array, start: Array, length: Array) -> Array:
        return lifetime.log_decay(theta, x, start, length)

    def _log_death(self, theta: Array, x: Array, start: Array, length: Array) -> Array:
        return lifetime.log_death_integral(theta, x, start, length)

    def quadrature_error(self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike) -> Array:
        """Estimate of the error of `log_likelihood`: its change with half the panels."""
        x, t_x, T = (np.asarray(v, float) for v in (x, t_x, T))
        alive = -self._decay(theta, x, t_x, T - t_x)
        half = lifetime.PANELS // 2
        fine, coarse = (
            np.logaddexp(alive, lifetime.log_death_integral(theta, x, t_x, T - t_x, panels))
            for panels in (lifetime.PANELS, half)
        )
        return np.abs(fine - coarse)

    def expected_purchases(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, horizon: ArrayLike
    ) -> Array:
        """E[purchases in (T, T + horizon] | data].

        A (r+x)/(alpha+T) times the time to live, the integral of S(T+u)/S(T) over the horizon.
        """
        r, alpha, s, *_ = theta
        x, T, horizon = (np.asarray(v, float) for v in (x, T, horizon))
        born = self._lived(theta, T)
        time: Any = 0.0
        for after, weight in zip(*lifetime.rule(theta, 0.0, T, horizon), strict=True):
            time = time + weight * np.exp(-s * (self._lived(theta, T + after) - born))
        return np.asarray(self.p_alive(theta, x, t_x, T) * (r + x) / (alpha + T) * time)

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

        For n >= 1, with S and h from T on: A [NB(n; horizon) S(horizon) + integral_0^horizon
        NB(n; tau) s h(tau) S(tau) dtau], alive to the end or dead at tau.
        """
        r, alpha, s, *_ = theta
        n, x, T, horizon = (np.asarray(v, float) for v in (n, x, T, horizon))
        some, born = np.maximum(n, 1.0), self._lived(theta, T)

        def survives(after: Array) -> Array:
            return np.asarray(-s * (self._lived(theta, T + after) - born))

        total: Any = np.exp(log_nbd(some, r + x, alpha + T, horizon) + survives(horizon))
        for after, weight in zip(*lifetime.rule(theta, 0.0, T, horizon), strict=True):
            death = s * self._hazard(theta, T + after) * weight
            total = total + death * np.exp(log_nbd(some, r + x, alpha + T, after) + survives(after))
        value = self.p_alive(theta, x, t_x, T) * total
        return np.where(n > 0, value, self.p_no_purchase(theta, x, t_x, T, horizon))

    # -- draws ---------------------------------------------------------------------------------

    def sample_latent(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, rng: np.random.Generator
    ) -> Latent:
        """Exact draws: lambda ~ Gamma(r+x, alpha+end), eta ~ Gamma(s [+ 1 if dead], beta + e(end)).

        `dropout` is the rate at T, eta e^(b T); the end is T, or the death by `sample_death`.
        """
        probability = self.p_alive(theta, x, t_x, T)
        x, t_x, T, r, alpha, s, beta, b, probability = (
            np.array(v, float) for v in np.broadcast_arrays(x, t_x, T, *theta, probability)
        )
        theta = np.stack([r, alpha, s, beta, b])
        alive = rng.random(probability.shape) < probability
        end = lifetime.sample_death(theta, x, t_x, T, ~alive, rng)
        rate = rng.gamma(r + x) / (alpha + end)
        aged = np.exp(np.minimum(b * (T - end), 700.0))
        dropout = rng.gamma(np.where(alive, s, s + 1.0)) * self._hazard(theta, end) * aged
        return Latent(rate, dropout, alive, b)

    def sample_alive(
        self, theta: Array, x: ArrayLike, t_x: ArrayLike, T: ArrayLike, rng: np.random.Generator
    ) -> Latent:
        """Exact draws given alive: those of `sample_latent` without the dead."""
        x, T, r, alpha, s, beta, b = np.broadcast_arrays(x, T, *theta)
        rate = rng.gamma(r + x) / (alpha + T)
        dropout = rng.gamma(s) * lifetime.hazard(beta, b, T)
        return Latent(rate, dropout, np.ones(rate.shape, bool), b)

    # -- given what is hidden, and the story -----------------------------------------------------

    def p_no_purchase_given(self, latent: Latent, silence: ArrayLike, horizon: ArrayLike) -> Array:
        """1 - integral_0^horizon lambda e^(-lambda u) S(u) du of the living, S from T on."""
        del silence  # exponential gaps have no memory
        rate, dropout = np.asarray(latent.rate), np.asarray(latent.dropout)
        ageing = np.asarray(latent.ageing)
        dies = np.log1p(CUT * ageing / dropout) / ageing
        reach = np.minimum(np.minimum(horizon, CUT / rate), dies)
        buys: Any = 0.0
        for node, weight in zip(*legendre(24, 3), strict=True):
            u = node * reach
            lived = rate * u + dropout * np.expm1(ageing * u) / ageing
            buys = buys + weight * reach * rate * np.exp(-lived)
        return np.where(latent.alive, 1.0 - buys, 1.0)

    def ageing(self, theta: Array) -> Array:
        """b."""
        return np.asarray(theta[4])
