"""The log posterior of the Gamma-Gamma model, on a rescaled currency."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import digamma

from churnlab.kernels.special import log_rising
from churnlab.models import gamma_gamma
from churnlab.priors import SPEND_QUANTITIES, Coordinates, Prior, stated_priors
from churnlab.types import Array, Ints

if TYPE_CHECKING:
    from churnlab.summary.spend import SpendCells


class SpendTarget:
    """Log posterior over u = log(amount_mean, amount_shape, amount_concentration).

    Terms that depend on the number of amounts alone are summed over distinct numbers, so that a
    pass costs one logarithm per cell (`kernels.amounts`).

    cells: Distinct (n, mean) with weights, in the currency.
    each: The density of each amount, or that of each customer's mean
        (`gamma_gamma.log_likelihood`).
    priors: Prior texts by natural quantity; defaults for the others.
    scale: Currency per inner unit; default: the geometric mean of the customers' means.
    with_prior: False leaves the bare likelihood.
    """

    map = Coordinates(SPEND_QUANTITIES)

    def __init__(
        self,
        cells: SpendCells,
        *,
        each: bool,
        priors: dict[str, str] | None = None,
        scale: float | None = None,
        with_prior: bool = True,
    ) -> None:
        self.priors: tuple[Prior, ...] = stated_priors("gamma_gamma", SPEND_QUANTITIES, priors)
        self.with_prior = with_prior
        weight, mean = cells.weight, cells.mean
        self.n_customers = float(weight.sum())
        log_scale = float(weight @ np.log(mean)) / self.n_customers if scale is None else 0.0
        self.scale = float(np.exp(log_scale)) if scale is None else scale
        self.n, self.weight = cells.n, weight
        self.total = cells.n * mean / self.scale
        self.sizes, code = np.unique(cells.n, return_inverse=True)
        self.per_size = np.bincount(code, weight)
        self.counted = float(self.per_size @ self.sizes)
        self._largest = float(self.total.max(initial=0.0))
        self._own = _Own(cells, each, self.scale)
        #: ln |d amounts / d scaled amounts|: log-likelihoods are those of the currency.
        counted = self.counted if each else self.n_customers
        self.data_constant = -counted * float(np.log(self.scale))
        self.evaluations = 0

    @property
    def n_cells(self) -> int:
        """Distinct rows."""
        return len(self.n)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Natural quantities, then the model's own parameters."""
        return (*self.map.names, *gamma_gamma.PARAMETERS)

    def starts(self) -> Array:
        """Starts for the mode: even and uneven amounts, like and unlike customers."""
        return np.log([(1.0, 3.0, 3.0), (1.2, 1.0, 1.0), (1.0, 10.0, 10.0)])

    def theta(self, u: Array) -> Array:
        """Parameters (p, q, gamma) on the inner scale, of u (coordinate, ...)."""
        mean, shape, concentration = np.exp(u)
        return np.stack([shape, 1.0 + concentration, mean * concentration / shape])

    def value_and_gradient(self, u: Array) -> tuple[float, Array]:
        """Log posterior and its gradient."""
        u = np.asarray(u, float)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            p, q, gamma = self.theta(u)
            sums = self._sums(np.array([gamma]))
            value = float(self._log_likelihood(np.array([[p], [q], [gamma]]), sums)[0])
            by_p, by_q, by_gamma = self._slopes(p, q, gamma, sums[0])
            prior, gradient = self.log_prior(u[:, None])
        self.evaluations += 1
        # gamma = mean c / p and q = 1 + c
        grown = gamma * by_gamma
        gradient = gradient[:, 0] + np.array([grown, p * by_p - grown, (q - 1) * by_q + grown])
        value += float(prior[0])
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            return -np.inf, np.zeros_like(u)
        return value, gradient

    def _sums(self, gamma: Array) -> Array:
        """Return the sums of `kernels.amounts` for each gamma, (draw, 4); NaN where none exist."""
        from churnlab.kernels import amounts  # compiled, loaded when first needed

        out = np.full((len(gamma), 4), np.nan)
        exist = np.flatnonzero(np.isfinite(self._largest / gamma))
        threads = os.cpu_count() or 1

        def work(some: Ints) -> None:
            found = np.empty((len(some), 4))
            amounts.sums(gamma[some], self.n, self.total, self.weight, found)
            out[some] = found

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, np.array_split(exist, min(threads, max(len(exist), 1)))))
        return out

    def _slopes(self, p: float, q: float, gamma: float, sums: Array) -> tuple[float, float, float]:
        """Return the derivatives of `_log_likelihood` with respect to p, q and gamma."""
        log, counted_log, share, counted_share = sums
        grown = digamma(q + p * self.sizes)
        by_p = (self.per_size * self.sizes) @ (grown - np.log(gamma)) - counted_log
        by_q = self.per_size @ (grown - digamma(q)) - log
        by_gamma = self.n_customers * q / gamma - q * share - p * counted_share
        return float(by_p + self._own.slope(p)), float(by_q), float(by_gamma)

    def values(self, u: Array) -> Array:
        """Log posterior of many points, (draw, coordinate) -> (draw,)."""
        u = np.asarray(u, float)
        return self.log_likelihoods(u) + self.log_prior(u.T)[0]

    def log_likelihoods(self, u: Array) -> Array:
        """Log-likelihood (in the currency) of many points, (draw, coordinate) -> (draw,)."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            theta = self.theta(np.asarray(u, float).T)
            found = self._log_likelihood(theta, self._sums(theta[2]))
        self.evaluations += len(u)
        return np.where(np.isnan(found), -np.inf, found)

    def _log_likelihood(self, theta: Array, sums: Array) -> Array:
        """Sum over customers; theta (parameter, draw), their `_sums` -> (draw,)."""
        p, q, gamma = theta
        by_size = log_rising(q[:, None], p[:, None] * self.sizes) @ self.per_size
        grown = q * sums[:, 0] + p * (sums[:, 1] + self.counted * np.log(gamma))
        return np.asarray(by_size - grown + self._own.value(p) + self.data_constant)

    def log_prior(self, u: Array) -> tuple[Array, Array]:
        """Log prior density of u (coordinate, ...), with the Jacobian, and its gradient."""
        if not self.with_prior:
            return np.zeros(u.shape[1:]), np.zeros_like(u)
        natural = np.exp(u)
        value, gradient = self.map.log_jacobian(u)
        for i, prior in enumerate(self.priors):
            value = value + prior.logpdf(natural[i])
            gradient[i] += prior.dlogpdf(natural[i]) * natural[i]
        return np.where(np.isnan(value), -np.inf, value), gradient

    def natural(self, u: Array) -> Array:
        """Natural quantities in the currency, (draw, coordinate) -> (draw, quantity)."""
        values: Array = np.exp(np.asarray(u, float)) * np.array([self.scale, 1.0, 1.0])
        return values

    def theta_money(self, u: Array) -> Array:
        """(p, q, gamma) in the currency, (draw, coordinate) -> (draw, parameter)."""
        theta = self.theta(np.asarray(u, float).T)
        theta[2] *= self.scale
        return np.ascontiguousarray(theta.T)

    def quantities(self, u: Array) -> Array:
        """Everything that is reported and diagnosed, (draw, coordinate) -> (draw, quantity)."""
        return np.column_stack([self.natural(u), self.theta_money(u)])

    def prior_draws(self, n: int, rng: np.random.Generator) -> Array:
        """Draws of u from the prior, (draw, coordinate)."""
        return np.log(np.stack([prior.sample(n, rng) for prior in self.priors])).T


class _Own:
    """The factors of the likelihood that hold p alone, in sums over distinct numbers of amounts."""

    def __init__(self, cells: SpendCells, each: bool, scale: float) -> None:
        log_mean = np.log(cells.mean / scale)
        sum_log = cells.sum_log - cells.n * np.log(scale)
        # each amount is a mean of one, as often as there are amounts
        counts, logs, weight = (
            (np.ones_like(cells.n), sum_log / cells.n, cells.weight * cells.n)
            if each
            else (cells.n, log_mean, cells.weight)
        )
        self.sizes, code = np.unique(counts, return_inverse=True)
        self.per_size = np.bincount(code, weight)
        self.logs = np.bincount(code, weight * logs) / self.per_size

    def value(self, p: Array) -> Array:
        """Log of the factors, (draw,) -> (draw,)."""
        means = np.exp(self.logs)
        return gamma_gamma.own_part(p[:, None], self.sizes, means, None) @ self.per_size

    def slope(self, p: float) -> float:
        """Derivative with respect to p."""
        slopes = gamma_gamma.own_slope(p, self.sizes, np.exp(self.logs), None)
        return float(self.per_size @ slopes)
