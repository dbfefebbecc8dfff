"""Groups: their rate and dropout vary around the population's, and borrow strength from it.

For group g and each varying row j of eta (rate_mean and rate_shape in logs, dropout in logits or
logs, its concentration or shape in logs)

    eta_jg ~ Normal(m_j, spread_j),   spread_j ~ HalfNormal unless told otherwise.

``locations``: the locations of rate and dropout vary, the shapes are shared. ``all``: the shapes
(how much customers of a group differ) vary too. Sampling moves in e_jg, partially centred
(Papaspiliopoulos, Roberts and Skold 2007): e ~ Normal(w (m - c), spread^w) and
eta = m + spread^(1-w) (e - w (m - c)). w near 1 suits groups that their own data determine, w near
0 those that the population does; w is set from how much data a group has. One vector
u = (m, log spread, e).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from churnlab.errors import UsageError
from churnlab.inference.targets.density import Mode
from churnlab.inference.targets.structure import EtaTarget
from churnlab.inference.targets.target import Target
from churnlab.models.parametrisation import SPREADS, varying_rows
from churnlab.priors import Prior, parse
from churnlab.types import Array

if TYPE_CHECKING:
    from churnlab.summary import Cells


#: Spread from which the centring weights are reckoned; any value is right, this one is quick.
TYPICAL_SPREAD = 0.3


def split_priors(texts: dict[str, str] | None) -> tuple[dict[str, str], dict[str, str]]:
    """Separate the priors of spreads from the others."""
    texts = dict(texts or {})
    spreads = {name: texts.pop(name) for name, _ in SPREADS.values() if name in texts}
    return texts, spreads


def spread_priors(rows: tuple[int, ...], texts: dict[str, str]) -> tuple[Prior, ...]:
    """Priors of the spreads of some rows, the defaults replaced by `texts` where given.

    Raises UsageError: A prior that is not on the positive numbers, or of a spread that the choice
        does not have.
    """
    known = [SPREADS[row][0] for row in rows]
    for name in texts:
        if name not in known:
            raise UsageError(
                f"These groups have no {name}: only {', '.join(known)} vary. Take "
                "model.group_effects=all to let the shapes vary too."
            )
    return tuple(spread_prior(n, texts.get(n, t)) for n, t in (SPREADS[row] for row in rows))


class GroupTarget(EtaTarget):
    """Log posterior of a population with groups.

    cells: Cells with several groups.
    pooled: The same model without groups (its priors and time scale are used).
    mode: The mode of `pooled`.
    spreads: Prior texts of the spreads, by name.
    effects: ``locations`` or ``all``.
    """

    def __init__(
        self,
        cells: Cells,
        pooled: Target,
        mode: Mode,
        spreads: dict[str, str],
        effects: str = "locations",
    ) -> None:
        super().__init__(cells, pooled)
        self.varying = varying_rows(effects, len(self.map))
        self.spread_priors = spread_priors(self.varying, spreads)
        self._mode = mode
        self._centre = mode.u[list(self.varying), None]
        self._weights = _centring(cells, mode, len(self.groups))[list(self.varying)]

    @property
    def n_rows(self) -> int:
        """Rows of eta."""
        return len(self.map)

    @property
    def row_names(self) -> tuple[str, ...]:
        """Natural quantities of the population."""
        return self.map.names

    def start_rows(self) -> Array:
        """The mode without groups."""
        return self._mode.u.copy()

    def log_prior_of_rows(self, m: Array) -> tuple[Array, Array]:
        """Log prior of the population's eta (row, draw) and its gradient."""
        return self.population.log_prior(m)

    def row_quantities(self, m: Array) -> Array:
        """Natural quantities per day, (draw, row) -> (draw, quantity)."""
        return self.natural_days(m)

    @property
    def n_varying(self) -> int:
        """Number of rows that vary by group."""
        return len(self.varying)

    @property
    def dimension(self) -> int:
        """Population, spreads, and one effect per group and varying row."""
        return len(self.map) + self.n_varying * (1 + len(self.groups))

    def start(self) -> tuple[Array, Array]:
        """Where sampling starts, and the scale of each coordinate."""
        v = self.n_varying
        spread = np.full(v, np.log(TYPICAL_SPREAD))
        point = np.concatenate([self._mode.u, spread, np.zeros(v * len(self.groups))])
        width = np.sqrt(np.abs(np.diag(np.linalg.pinv(-self._mode.hessian))))
        effects = TYPICAL_SPREAD**self._weights
        scale = np.concatenate([np.clip(width, 0.02, 0.5), np.full(v, 0.5), effects.ravel()])
        return point, scale

    def eta(self, u: Array) -> Array:
        """Coordinates (coordinate, ...) to eta (quantity, group, ...)."""
        m, e, spread = self._parts(u)
        w, c = self._shaped(u)
        rows = list(self.varying)
        location = m[rows][:, None]
        eta = np.repeat(m[:, None], len(self.groups), axis=1)
        eta[rows] = location + spread ** (1 - w) * (e - w * (location - c))
        return eta

    def coordinates_of(self, m: Array, log_spread: Array, eta: Array) -> Array:
        """Return u (draw, coordinate) of m (draw, row), log spreads (draw, row) and varying eta.

        eta: (draw, varying row, group).
        """
        w, c = self._weights, self._centre
        location = m[:, list(self.varying), None]
        spread = np.exp(log_spread)[:, :, None]
        e = (eta - location) / spread ** (1 - w) + w * (location - c)
        return np.column_stack([m, log_spread, e.reshape(len(m), -1)])

    def _parts(self, u: Array) -> tuple[Array, Array, Array]:
        """Population, effects (row, group, ...) and spreads (row, 1, ...)."""
        n, v = len(self.map), self.n_varying
        e = u[n + v :].reshape(v, len(self.groups), *u.shape[1:])
        return u[:n], e, np.exp(np.clip(u[n : n + v], -12, 6))[:, None]

    def _shaped(self, u: Array) -> tuple[Array, Array]:
        """Centring weights and centres, with axes for the draws."""
        more = (1,) * (u.ndim - 1)
        v = self.n_varying
        return self._weights.reshape(v, -1, *more), self._centre.reshape(v, 1, *more)

    def to_u(self, u: Array, by_eta: Array) -> Array:
        """Chain rule from eta (quantity, group) to u."""
        m, e, spread = self._parts(u)
        w, c, rows = self._weights, self._centre, list(self.varying)
        n, v = len(self.map), self.n_varying
        delta = e - w * (m[rows][:, None] - c)
        factor = spread ** (1 - w)
        local = by_eta[rows]
        out = np.zeros_like(u)
        out[:n] = by_eta.sum(axis=1)
        out[rows] -= (local * factor * w).sum(axis=1)
        out[n : n + v] = (local * factor * (1 - w) * delta).sum(axis=1)
        out[n + v :] = (local * factor).ravel()
        return out

    def log_prior(self, u: Array) -> tuple[Array, Array]:
        """Log prior density of u (coordinate, draw) and its gradient."""
        m, e, spread = self._parts(u)
        w, c = self._shaped(u)
        n, v, rows = len(self.map), self.n_varying, list(self.varying)
        value, by_m = super().log_prior(m)
        gradient = np.zeros_like(u)
        gradient[:n] = by_m
        for j, prior in enumerate(self.spread_priors):
            s = spread[j, 0]
            value = value + prior.logpdf(s) + u[n + j]
            gradient[n + j] += prior.dlogpdf(s) * s + 1
        delta = e - w * (m[rows][:, None] - c)
        scaled = delta / spread ** (2 * w)
        value = value + np.sum(-0.5 * delta * scaled - w * np.log(spread), axis=(0, 1))
        value = value - 0.5 * v * len(self.groups) * np.log(2 * np.pi)
        gradient[rows] += (w * scaled).sum(axis=1)
        gradient[n : n + v] += (w * delta * scaled - w).sum(axis=1)
        gradient[n + v :] -= scaled.reshape(-1, *u.shape[1:])
        return value, gradient

    def stated_priors(self) -> list[tuple[str, Prior]]:
        """Priors of the population and of the spreads."""
        return [*self.named_priors(), *zip(self.spread_names, self.spread_priors, strict=True)]

    def log_stated_prior(self, u: Array) -> Array:
        """Log density of those, (draw,); how groups differ given their spread is the model's."""
        pairs = zip(self.spread_priors, self.spreads(u).values(), strict=True)
        spreads = np.sum([prior.logpdf(value) for prior, value in pairs], axis=0)
        values: Array = super().log_stated_prior(u[:, : len(self.map)]) + spreads
        return values

    def natural_days(self, u: Array) -> Array:
        """The population's natural quantities, rates per day."""
        return super().natural_days(np.asarray(u)[:, : len(self.map)])

    @property
    def spread_names(self) -> tuple[str, ...]:
        """Names of the spreads."""
        return tuple(SPREADS[row][0] for row in self.varying)

    def spreads(self, u: Array) -> dict[str, Array]:
        """Spread between groups of each varying row, by name (draw,)."""
        return {name: np.exp(u[:, len(self.map) + j]) for j, name in enumerate(self.spread_names)}

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Population, spreads, then the varying quantities of each group."""
        varying = [self.map.names[i] for i in self.varying]
        by_group = (f"{n}[{g}]" for n in varying for g in self.groups)
        return (*self.map.names, *self.spread_names, *by_group)

    def quantities(self, u: Array) -> Array:
        """What `parameter_names` lists, (draw, quantity)."""
        natural = self.natural_by_group(u)[list(self.varying)]
        by_group = natural.reshape(-1, natural.shape[-1]).T
        spreads = np.column_stack(list(self.spreads(u).values()))
        return np.column_stack([self.natural_days(u), spreads, by_group])

    def unseen_eta(self, u: Array, rng: np.random.Generator) -> Array:
        """Parameters of a group that no data speak of, (quantity, draw)."""
        n, v = len(self.map), self.n_varying
        eta = np.array(u[:, :n].T)
        eta[list(self.varying)] += np.exp(u[:, n : n + v].T) * rng.standard_normal((v, len(u)))
        return eta

    def unseen_days(self, u: Array, rng: np.random.Generator) -> Array:
        """The same in days, as model parameters (draw, parameter)."""
        return self.in_days(self.unseen_eta(u, rng)[:, None])[:, 0]

    def prior_draws(self, n: int, rng: np.random.Generator) -> Array:
        """Draws of u from the prior, (draw, coordinate)."""
        m = super().prior_draws(n, rng)
        spread = np.stack([prior.sample(n, rng) for prior in self.spread_priors], axis=1)
        noise = rng.standard_normal((n, self.n_varying, len(self.groups)))
        eta = m[:, list(self.varying), None] + spread[:, :, None] * noise
        return self.coordinates_of(m, np.log(spread), eta)


def spread_prior(name: str, text: str) -> Prior:
    """Return the prior of a spread.

    Raises UsageError: A prior that is not on the positive numbers.
    """
    prior = parse(text)
    if not prior.fits("positive"):
        raise UsageError(f"The prior of {name} must live above 0; got {text!r}.")
    return prior


def _centring(cells: Cells, mode: Mode, groups: int) -> Array:
    """Centring weight of each row and group, (row, group): near 1 where the data are plenty."""
    customers = np.bincount(cells.group, weights=cells.weight, minlength=groups)
    variance = np.diag(np.linalg.pinv(-mode.hessian))
    own = np.maximum(variance, 0)[:, None] * customers.sum() / np.maximum(customers, 0.5)
    return TYPICAL_SPREAD**2 / (TYPICAL_SPREAD**2 + own)
