"""The log posterior as a function of unconstrained numbers, on rescaled time.

Everything that searches or samples (`mode`, `laplace`, `nuts`) sees a `Target` and nothing of
models, units or groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from churnlab import models as likelihoods
from churnlab.models.engine import Engine
from churnlab.priors import Prior
from churnlab.types import Array

if TYPE_CHECKING:
    from churnlab.summary import Cells


#: Below this many cells a pass is shorter than handing it to a thread.
FEW_CELLS = 500


class Target:
    """Log posterior of one model on weighted cells.

    cells: Distinct (group, x, t_x, T) rows with weights, in days.
    model, k: Name of the model and Erlang shape.
    priors: Prior texts by natural quantity; defaults for the others.
    time_scale: Days per unit of inner time; default: the customers' mean age. Fixed by
        simulation-based calibration, where the prior must not look at the data.
    with_prior: False leaves the bare likelihood (for maximum likelihood).
    """

    def __init__(
        self,
        cells: Cells,
        model: str,
        k: int = 1,
        priors: dict[str, str] | None = None,
        *,
        time_scale: float | None = None,
        with_prior: bool = True,
    ) -> None:
        self.model, self.k = model, k
        self.likelihood = likelihoods.get(model, k)
        self.map = self.likelihood.map
        self.priors: tuple[Prior, ...] = self.likelihood.priors(priors)
        self.with_prior = with_prior
        self.groups: tuple[str, ...] = ("all",)
        self.time_scale = time_scale or default_time_scale(cells)
        self.columns = (
            self._group_codes(cells),
            np.ascontiguousarray(cells.x, dtype=np.float64),
            np.ascontiguousarray(cells.t_x / self.time_scale),
            np.ascontiguousarray(cells.T / self.time_scale),
            np.ascontiguousarray(cells.weight, dtype=np.float64),
        )
        threads = 1 if self.n_cells < FEW_CELLS else None
        self.engine = Engine(self.likelihood, *self.columns, threads=threads)
        self.n_customers = float(np.sum(cells.weight))
        self.data_constant = _data_constant(cells, k, self.time_scale)
        self.evaluations = 0

    def _group_codes(self, cells: Cells) -> NDArray[np.int64]:
        return np.zeros(len(cells.x), dtype=np.int64)

    def named_priors(self) -> list[tuple[str, Prior]]:
        """Natural quantities with their priors."""
        return list(zip(self.map.names, self.priors, strict=True))

    def stated_priors(self) -> list[tuple[str, Prior]]:
        """Every prior that a user can state, by the name of its quantity."""
        return self.named_priors()

    def log_stated_prior(self, u: Array) -> Array:
        """Log density of the stated priors in their own quantities, (draw, coordinate) -> (draw,).

        Without Jacobians: raising this density to a power is raising each stated prior to it.
        """
        natural = self.map.natural(np.asarray(u, float).T)
        return np.sum([p.logpdf(v) for p, v in zip(self.priors, natural, strict=True)], axis=0)

    @property
    def n_cells(self) -> int:
        """Number of distinct rows."""
        return len(self.columns[0])

    @property
    def purchases_per_time(self) -> float:
        """Repeat purchases per inner time over all customers; never 0."""
        _, x, _, T, weight = self.columns
        return float(max(np.sum(weight * x), 0.5) / max(np.sum(weight * T), 1e-9))

    @property
    def dimension(self) -> int:
        """Number of unconstrained coordinates."""
        return len(self.map.quantities)

    def value_and_gradient(self, u: Array) -> tuple[float, Array]:
        """Log posterior (log likelihood, without prior) and its gradient at `u`."""
        u = np.asarray(u, float)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            theta = self.map.theta(u)
            if not (np.isfinite(theta).all() and (theta > 0).all()):
                return -np.inf, np.zeros_like(u)
            value, by_theta = self.engine.value_and_gradient(theta[:, None])
            self.evaluations += 1
            gradient = self.map.pull_back(u, theta, np.asarray(by_theta)[:, 0])
            prior, by_u = self.log_prior(u[:, None])
            value = float(value + self.data_constant + prior[0])
            gradient = gradient + by_u[:, 0]
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            return -np.inf, np.zeros_like(u)
        return value, gradient

    def values(self, u: Array) -> Array:
        """Log posterior of many points, (draw, coordinate) -> (draw,)."""
        return self.log_likelihoods(u) + self.log_prior(np.asarray(u, float).T)[0]

    def log_likelihoods(self, u: Array) -> Array:
        """Log-likelihood (time in days) of many points, (draw, coordinate) -> (draw,)."""
        with np.errstate(over="ignore", under="ignore"):
            theta = self.map.theta(np.asarray(u, float).T).T[:, :, None]
        good = (np.isfinite(theta) & (theta > 0)).all(axis=(1, 2))
        out = np.full(len(theta), -np.inf)
        if good.any():
            found = self.engine.values(theta[good])
            out[good] = np.where(np.isnan(found), -np.inf, found) + self.data_constant
        self.evaluations += int(good.sum())
        return out

    def log_prior(self, u: Array) -> tuple[Array, Array]:
        """Log prior density of `u` (coordinate, ...), with the Jacobian, and its gradient."""
        if not self.with_prior:
            return np.zeros(u.shape[1:]), np.zeros_like(u)
        with np.errstate(all="ignore"):
            natural = self.map.natural(u)
            value, gradient = self.map.log_jacobian(u)
            for i, (q, prior) in enumerate(zip(self.map.quantities, self.priors, strict=True)):
                value = value + prior.logpdf(natural[i])
                slope = natural[i] * (1 - natural[i]) if q.support == "unit" else natural[i]
                gradient[i] += prior.dlogpdf(natural[i]) * slope
        return np.where(np.isnan(value), -np.inf, value), gradient

    def theta_days(self, u: Array) -> Array:
        """Model parameters with time in days: (draw, coordinate) -> (draw, group, parameter)."""
        theta = self.likelihood.in_unit(self.map.theta(np.asarray(u, float).T), self.time_scale)
        return np.ascontiguousarray(theta.T[:, None, :])

    def natural_days(self, u: Array) -> Array:
        """Natural quantities, rates per day: (draw, coordinate) -> (draw, quantity)."""
        natural = self.map.natural(np.asarray(u, float).T)
        for i, q in enumerate(self.map.quantities):
            if q.per_time:
                natural[i] = natural[i] / self.time_scale
        return np.ascontiguousarray(natural.T)

    def coordinates(self, theta_days: Array) -> Array:
        """Unconstrained coordinates of model parameters (parameter, ...) given in days."""
        theta = self.likelihood.in_unit(np.asarray(theta_days, float), 1 / self.time_scale)
        return self.map.from_theta(theta)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """What `quantities` holds: natural quantities, then the model's own parameters."""
        return (*self.map.names, *self.likelihood.parameters)

    def quantities(self, u: Array) -> Array:
        """Everything that is reported and diagnosed, (draw, coordinate) -> (draw, quantity)."""
        return np.column_stack([self.natural_days(u), self.theta_days(u)[:, 0]])

    @property
    def population(self) -> Target:
        """The population's part of the target: itself, without groups."""
        return self

    def spreads(self, u: Array) -> dict[str, Array]:
        """How far groups differ, by name (draw,); nothing without groups."""
        return {}

    def prior_draws(self, n: int, rng: np.random.Generator) -> Array:
        """Draws of `u` from the prior, (draw, coordinate)."""
        return self.map.eta(np.stack([prior.sample(n, rng) for prior in self.priors])).T


def default_time_scale(cells: Cells) -> float:
    """Mean age of the customers in days; 1 when all are new."""
    total = float(np.sum(cells.weight))
    mean_age = float(np.sum(cells.weight * cells.T)) / total if total > 0 else 0.0
    return mean_age if mean_age > 0 else 1.0


def _data_constant(cells: Cells, k: int, time_scale: float) -> float:
    """Sum of what the kernel leaves out, so that log-likelihoods are per day and include gaps.

    ``(k-1) sum(log gap) - x lnGamma(k)`` on inner time, and ``-x log(scale)`` for the unit.
    """
    log_scale = np.log(time_scale)
    total_x = float(np.sum(cells.weight * cells.x))
    constant = -total_x * log_scale
    if k > 1:
        log_gaps = float(np.sum(cells.weight * cells.sum_log_gap)) - total_x * log_scale
        constant += (k - 1) * log_gaps - total_x * float(gammaln(k))
    value: float = constant
    return value
