"""Groups: their rate and dropout vary around the population's, and borrow strength from it.

For group g and j = rate_mean (in logs) or dropout (in logits; logs for Pareto/NBD)

    eta_jg ~ Normal(m_j, spread_j),   spread ~ HalfNormal(0.5) unless told otherwise,

with the shapes shared. Sampling moves in e_jg, partially centred (Papaspiliopoulos, Roberts and
Skold 2007): e ~ Normal(w (m - c), spread^w) and eta = m + spread^(1-w) (e - w (m - c)). w near 1
suits groups that their own data determine, w near 0 those that the population does; w is set
from how much data a group has. One vector u = (m, log spread, e).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from churnlab.errors import UsageError
from churnlab.inference.mode import Mode
from churnlab.inference.target import Target
from churnlab.priors import Prior, parse

if TYPE_CHECKING:
    from churnlab.summary import Cells

Array = NDArray[np.float64]

#: Spreads between groups: a factor of about 1.6 (one deviation) is common, 7 is very rare.
SPREADS = {"rate_spread": "HalfNormal(sigma=0.5)", "dropout_spread": "HalfNormal(sigma=0.5)"}
#: Rows of eta that vary by group: rate and dropout locations.
VARYING = (0, 2)
#: Spread from which the centring weights are reckoned; any value is right, this one is quick.
TYPICAL_SPREAD = 0.3


def split_priors(texts: dict[str, str] | None) -> tuple[dict[str, str], dict[str, str]]:
    """Separate the priors of spreads from the others."""
    texts = dict(texts or {})
    spreads = {name: texts.pop(name) for name in SPREADS if name in texts}
    return texts, spreads


class EtaTarget(Target):
    """A target whose coordinates give one eta per group; subclasses say how."""

    def __init__(self, cells: Cells, pooled: Target) -> None:
        texts = {name: prior.text for name, prior in pooled.named_priors()}
        super().__init__(cells, pooled.model, pooled.k, texts, time_scale=pooled.time_scale)
        self.groups = tuple(cells.groups)
        self._pooled = pooled

    def _group_codes(self, cells: Cells) -> NDArray[np.int64]:
        return np.ascontiguousarray(cells.group, dtype=np.int64)

    @property
    def population(self) -> Target:
        """The target without groups."""
        return self._pooled

    @abstractmethod
    def eta(self, u: Array) -> Array:
        """Coordinates (coordinate, ...) to eta (quantity, group, ...)."""

    def log_likelihoods(self, u: Array) -> Array:
        """Log-likelihood of many points, (draw, coordinate) -> (draw,)."""
        with np.errstate(all="ignore"):
            theta = np.moveaxis(self.map.theta(self.eta(np.asarray(u, float).T)), -1, 0)
        found = self.engine.values(np.ascontiguousarray(theta)) + self.data_constant
        self.evaluations += len(found)
        return np.where(np.isnan(found), -np.inf, found)

    def theta_days(self, u: Array) -> Array:
        """Model parameters in days, (draw, coordinate) -> (draw, group, parameter)."""
        theta = self.map.theta(self.eta(np.asarray(u, float).T))
        for i, name in enumerate(self.likelihood.parameters):
            if name in self.likelihood.time_parameters:
                theta[i] = theta[i] * self.time_scale
        return np.ascontiguousarray(np.moveaxis(theta, (0, 1, 2), (2, 1, 0)))

    def natural_by_group(self, u: Array) -> Array:
        """Natural quantities per day, (draw, coordinate) -> (quantity, group, draw)."""
        natural = self.map.natural(self.eta(np.asarray(u, float).T))
        for i, q in enumerate(self.map.quantities):
            if q.per_time:
                natural[i] = natural[i] / self.time_scale
        return natural


class GroupTarget(EtaTarget):
    """Log posterior of a population with groups.

    Parameters
    ----------
    cells
        Cells with several groups.
    pooled
        The same model without groups (its priors and time scale are used).
    mode
        The mode of `pooled`.
    spreads
        Prior texts of the spreads, by name.
    """

    why_not_laplace = "models with groups have a funnel that importance sampling cannot follow"

    def __init__(self, cells: Cells, pooled: Target, mode: Mode, spreads: dict[str, str]) -> None:
        super().__init__(cells, pooled)
        self.spread_priors = tuple(_spread_prior(n, spreads.get(n, t)) for n, t in SPREADS.items())
        self._mode = mode
        self._centre = mode.u[list(VARYING), None]
        self._weights = _centring(cells, mode, len(self.groups))

    @property
    def dimension(self) -> int:
        """Population, spreads, and one effect per group and quantity."""
        return 6 + 2 * len(self.groups)

    def start(self) -> tuple[Array, Array]:
        """Where sampling starts, and the scale of each coordinate."""
        spread = np.full(2, np.log(TYPICAL_SPREAD))
        point = np.concatenate([self._mode.u, spread, np.zeros(2 * len(self.groups))])
        width = np.sqrt(np.diag(np.linalg.pinv(-self._mode.hessian)))
        effects = TYPICAL_SPREAD**self._weights
        scale = np.concatenate([np.clip(width, 0.02, 0.5), [0.5, 0.5], effects.ravel()])
        return point, scale

    def eta(self, u: Array) -> Array:
        """Coordinates (coordinate, ...) to eta (quantity, group, ...)."""
        m, e, factor = self._parts(u)
        w, c = self._shaped(u)
        location = m[list(VARYING)][:, None]
        eta = np.repeat(m[:, None], len(self.groups), axis=1)
        eta[list(VARYING)] = location + factor ** (1 - w) * (e - w * (location - c))
        return eta

    def _parts(self, u: Array) -> tuple[Array, Array, Array]:
        """Population, effects (2, group, ...) and spreads (2, 1, ...)."""
        e = u[6:].reshape(2, len(self.groups), *u.shape[1:])
        return u[:4], e, np.exp(np.clip(u[4:6], -12, 6))[:, None]

    def _shaped(self, u: Array) -> tuple[Array, Array]:
        """Centring weights and centres, with axes for the draws."""
        more = (1,) * (u.ndim - 1)
        return self._weights.reshape(2, -1, *more), self._centre.reshape(2, 1, *more)

    def value_and_gradient(self, u: Array) -> tuple[float, Array]:
        """Log posterior and its gradient."""
        u = np.asarray(u, float)
        eta = self.eta(u)
        with np.errstate(all="ignore"):
            theta = self.map.theta(eta)
            if not np.isfinite(eta).all() or not (np.isfinite(theta).all() and (theta > 0).all()):
                return -np.inf, np.zeros_like(u)
            value, by_theta = self.engine.value_and_gradient(theta)
            self.evaluations += 1
            by_eta = self.map.pull_back(eta, theta, np.asarray(by_theta))
            prior, gradient = self.log_prior(u[:, None])
            total = float(value + self.data_constant + prior[0])
            gradient = gradient[:, 0] + self._to_u(u, by_eta)
        if not (np.isfinite(total) and np.isfinite(gradient).all()):
            return -np.inf, np.zeros_like(u)
        return total, gradient

    def _to_u(self, u: Array, by_eta: Array) -> Array:
        """Chain rule from eta (quantity, group) to u."""
        m, e, spread = self._parts(u)
        w, c = self._weights, self._centre
        delta = e - w * (m[list(VARYING)][:, None] - c)
        factor = spread ** (1 - w)
        local = by_eta[list(VARYING)]
        out = np.zeros_like(u)
        out[:4] = by_eta.sum(axis=1)
        out[list(VARYING)] -= (local * factor * w).sum(axis=1)
        out[4:6] = (local * factor * (1 - w) * delta).sum(axis=1)
        out[6:] = (local * factor).ravel()
        return out

    def log_prior(self, u: Array) -> tuple[Array, Array]:
        """Log prior density of u (coordinate, draw) and its gradient."""
        m, e, spread = self._parts(u)
        w, c = self._shaped(u)
        value, by_m = super().log_prior(m)
        gradient = np.zeros_like(u)
        gradient[:4] = by_m
        for j, prior in enumerate(self.spread_priors):
            s = spread[j, 0]
            value = value + prior.logpdf(s) + u[4 + j]
            gradient[4 + j] += prior.dlogpdf(s) * s + 1
        delta = e - w * (m[list(VARYING)][:, None] - c)
        scaled = delta / spread ** (2 * w)
        log_spread = np.log(spread)
        value = value + np.sum(-0.5 * delta * scaled - w * log_spread, axis=(0, 1))
        value = value - len(self.groups) * np.log(2 * np.pi)
        gradient[list(VARYING)] += (w * scaled).sum(axis=1)
        gradient[4:6] += (w * delta * scaled - w).sum(axis=1)
        gradient[6:] -= scaled.reshape(-1, *u.shape[1:])
        return value, gradient

    def stated_priors(self) -> list[tuple[str, Prior]]:
        """Priors of the population and of the spreads."""
        return [*self.named_priors(), *zip(SPREADS, self.spread_priors, strict=True)]

    def log_stated_prior(self, u: Array) -> Array:
        """Log density of those, (draw,); how groups differ given their spread is the model's."""
        pairs = zip(self.spread_priors, self.spreads(u).values(), strict=True)
        spreads = np.sum([prior.logpdf(value) for prior, value in pairs], axis=0)
        return super().log_stated_prior(u[:, :4]) + spreads

    def natural_days(self, u: Array) -> Array:
        """The population's natural quantities, rates per day."""
        return super().natural_days(np.asarray(u)[:, :4])

    def spreads(self, u: Array) -> dict[str, Array]:
        """Spread between groups of rate (log) and dropout (logit or log)."""
        return {name: np.exp(u[:, 4 + j]) for j, name in enumerate(SPREADS)}

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Population, spreads, then rate and dropout of each group."""
        varying = [self.map.names[i] for i in VARYING]
        return (*self.map.names, *SPREADS, *(f"{n}[{g}]" for n in varying for g in self.groups))

    def quantities(self, u: Array) -> Array:
        """What `parameter_names` lists, (draw, quantity)."""
        natural = self.natural_by_group(u)[list(VARYING)]
        by_group = natural.reshape(-1, natural.shape[-1]).T
        spreads = np.column_stack(list(self.spreads(u).values()))
        return np.column_stack([self.natural_days(u), spreads, by_group])

    def prior_draws(self, n: int, rng: np.random.Generator) -> Array:
        """Draws of u from the prior, (draw, coordinate)."""
        m = super().prior_draws(n, rng)
        spread = np.stack([prior.sample(n, rng) for prior in self.spread_priors])
        w, c = self._weights[:, :, None], self._centre[:, :, None]
        location = m.T[list(VARYING)][:, None]
        noise = rng.standard_normal((2, len(self.groups), n))
        e = w * (location - c) + spread[:, None] ** w * noise
        return np.column_stack([m, np.log(spread).T, e.reshape(-1, n).T])


def _spread_prior(name: str, text: str) -> Prior:
    prior = parse(text)
    if not prior.fits("positive"):
        raise UsageError(f"The prior of {name} must live above 0; got {text!r}.")
    return prior


def _centring(cells: Cells, mode: Mode, groups: int) -> Array:
    """Centring weight of each quantity and group, (2, group): near 1 where the data are plenty."""
    customers = np.bincount(cells.group, weights=cells.weight, minlength=groups)
    variance = np.diag(np.linalg.pinv(-mode.hessian))[list(VARYING)]
    own = np.maximum(variance, 0)[:, None] * customers.sum() / np.maximum(customers, 0.5)
    return TYPICAL_SPREAD**2 / (TYPICAL_SPREAD**2 + own)


class SeparateTarget(EtaTarget):
    """No pooling: every group has parameters of its own, u = (group, coordinate) flattened."""

    @property
    def dimension(self) -> int:
        """Coordinates of all groups."""
        return 4 * len(self.groups)

    def eta(self, u: Array) -> Array:
        """Coordinates (coordinate, ...) to eta (quantity, group, ...)."""
        return np.swapaxes(u.reshape(len(self.groups), 4, *u.shape[1:]), 0, 1).copy()

    def log_prior(self, u: Array) -> tuple[Array, Array]:
        """Sum of the groups' log priors (coordinate, draw), and its gradient."""
        parts = [super(SeparateTarget, self).log_prior(u[i : i + 4]) for i in range(0, len(u), 4)]
        return np.sum([v for v, _ in parts], axis=0), np.concatenate([g for _, g in parts])

    def log_stated_prior(self, u: Array) -> Array:
        """Log density of all groups' priors, (draw, coordinate) -> (draw,)."""
        parts = [super(SeparateTarget, self).log_stated_prior(u[:, i : i + 4])
                 for i in range(0, u.shape[1], 4)]  # fmt: skip
        return np.sum(parts, axis=0)

    def natural_days(self, u: Array) -> Array:
        """Natural quantities averaged over customers, (draw, quantity), rates per day."""
        customers = np.bincount(self.columns[0], self.columns[4], minlength=len(self.groups))
        return np.einsum("qgd,g->dq", self.natural_by_group(u), customers / customers.sum())

    def prior_draws(self, n: int, rng: np.random.Generator) -> Array:
        """Draws of u from the prior, (draw, coordinate)."""
        return np.column_stack([super(SeparateTarget, self).prior_draws(n, rng)
                                for _ in self.groups])  # fmt: skip
