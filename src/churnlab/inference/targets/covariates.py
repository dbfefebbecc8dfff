"""Covariates on rate and dropout, on top of one population or of groups.

For customer profile p in group g, with z_p standardised,

    eta_p = eta_g + z_p @ effect      in the rows of rate_mean (log) and dropout (logit or log),

effect ~ Normal(0, 0.5) unless told otherwise: a standard deviation of a covariate rarely changes a
rate by more than a factor of 2.7. With `shrinkage` the scale of the effects is learnt, one per row:
effect = spread raw, raw ~ Normal(0, 1), spread ~ HalfNormal(0.5) (ridge, by its hierarchical form),
which suits many covariates of which few matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from churnlab.errors import UsageError
from churnlab.inference.targets.density import Mode
from churnlab.inference.targets.groups import GroupTarget, spread_prior
from churnlab.inference.targets.structure import EtaTarget
from churnlab.inference.targets.target import Target
from churnlab.priors import Prior, parse
from churnlab.types import Array, Ints

if TYPE_CHECKING:
    from churnlab.summary import Cells, Design


#: Rows of eta that covariates move, with the names of their effects.
ROWS = {0: "rate_effect", 2: "dropout_effect"}
EFFECT = "Normal(mu=0, sigma=0.5)"
SCALE = "HalfNormal(sigma=0.5)"
#: Elements (draw x profile x parameter) of individual parameters kept: 400 MB.
MOST_ELEMENTS = 50_000_000


def split_effect_priors(texts: dict[str, str] | None) -> tuple[dict[str, str], dict[str, str]]:
    """Separate the priors of effects and their scales from the others."""
    texts = dict(texts or {})
    names = [name + end for name in ROWS.values() for end in ("", "_scale")]
    return texts, {name: texts.pop(name) for name in names if name in texts}


class CovariateTarget(EtaTarget):
    """Log posterior with covariates; u = (u of the base, effects by row[, log scales]).

    cells: Cells by profile.
    design: Profiles: their group and standardised covariates.
    base: The target of the population, or of its groups.
    mode: The mode of the population without groups and covariates.
    texts: Priors of the effects (or of their scales), by name.
    shrinkage: Learn the scale of the effects.
    """

    def __init__(
        self,
        cells: Cells,
        design: Design,
        base: Target | GroupTarget,
        mode: Mode,
        texts: dict[str, str],
        shrinkage: bool = False,
    ) -> None:
        super().__init__(cells, base.population)
        self.base, self.design, self.shrinkage, self._mode = base, design, shrinkage, mode
        self.effect_priors = _effect_priors(texts, shrinkage)

    @property
    def n_effects(self) -> int:
        """Coefficients per row."""
        count: int = self.design.matrix.shape[1]
        return count

    @property
    def dimension(self) -> int:
        """Base, effects and, with shrinkage, their scales."""
        return self.base.dimension + 2 * self.n_effects + 2 * self.shrinkage

    def _split(self, u: Array) -> tuple[Array, Array, Array]:
        """Base coordinates, raw effects (row, effect, ...), scales (row, 1, ...)."""
        b, c = self.base.dimension, self.n_effects
        raw = u[b : b + 2 * c].reshape(2, c, *u.shape[1:])
        scale = np.ones((2, 1, *u.shape[1:]))
        if self.shrinkage:
            scale = np.exp(np.clip(u[b + 2 * c :], -12, 6))[:, None]
        return u[:b], raw, scale

    def effects(self, u: Array) -> Array:
        """Effects per standard deviation or level, (row, effect, draw), of u (draw, coordinate)."""
        _, raw, scale = self._split(np.asarray(u, float).T)
        return np.asarray(raw * scale)

    def eta(self, u: Array) -> Array:
        """Coordinates (coordinate, ...) to eta (quantity, profile, ...)."""
        own, raw, scale = self._split(u)
        return self._eta_of(own, raw * scale, self.design.group, self.design.matrix)

    def _eta_of(self, own: Array, effects: Array, group: Ints, matrix: Array) -> Array:
        by_group = (
            self.base.eta(own) if isinstance(self.base, EtaTarget) else own[: len(self.map), None]
        )
        eta = np.array(by_group[:, group])
        for row, effect in zip(ROWS, effects, strict=True):
            eta[row] += np.tensordot(matrix, effect, axes=1)
        return eta

    def days_of(self, u: Array, design: Design, rng: np.random.Generator) -> Array:
        """Model parameters in days of other profiles, (draw, profile, parameter).

        Groups that the fit has not seen are drawn from the population.

        Raises UsageError: A group that the fit does not know, where groups are not pooled.
        """
        own, raw, scale = self._split(np.asarray(u, float).T)
        known = {name: i for i, name in enumerate(self.design.groups)}
        code = np.array([known.get(name, -1) for name in design.groups])[design.group]
        if (code < 0).any() and not isinstance(self.base, GroupTarget):
            raise UsageError("The fit has no groups; make the summary without group columns.")
        eta = self._eta_of(own, raw * scale, np.maximum(code, 0), design.matrix)
        for name in sorted(set(design.groups) - set(known)):
            here = np.flatnonzero(np.array(design.groups, object)[design.group] == name)
            assert isinstance(self.base, GroupTarget)
            fresh = self.base.unseen_eta(np.asarray(u, float), rng)
            eta[:, here] += (fresh - self.base.eta(own)[:, 0])[:, None]
        return self.in_days(eta)

    def to_u(self, u: Array, by_eta: Array) -> Array:
        """Turn a gradient by eta (quantity, profile) into one by u."""
        own, raw, scale = self._split(u)
        groups = len(self.design.groups)
        by_group = np.stack([np.bincount(self.design.group, row, groups) for row in by_eta])
        first = by_group[:, 0]
        if isinstance(self.base, EtaTarget):
            first = self.base.to_u(own, by_group)
        by_effect = by_eta[list(ROWS)] @ self.design.matrix
        parts = [first, (by_effect * scale).ravel()]
        if self.shrinkage:
            parts.append(np.sum(by_effect * raw * scale, axis=1))
        return np.concatenate(parts)

    def log_prior(self, u: Array) -> tuple[Array, Array]:
        """Log prior density of u (coordinate, draw) and its gradient."""
        if not self.population.with_prior:
            return np.zeros(u.shape[1:]), np.zeros_like(u)
        own, raw, scale = self._split(u)
        value, by_own = self.base.log_prior(own)
        gradient = np.zeros_like(u)
        b, c = len(own), self.n_effects
        gradient[:b] = by_own
        for j, prior in enumerate(self.effect_priors):
            here = slice(b + j * c, b + (j + 1) * c)
            if not self.shrinkage:
                value = value + prior.logpdf(raw[j]).sum(axis=0)
                gradient[here] = prior.dlogpdf(raw[j])
                continue
            value = value - 0.5 * np.sum(raw[j] ** 2, axis=0) - 0.5 * c * np.log(2 * np.pi)
            gradient[here] = -raw[j]
            value = value + prior.logpdf(scale[j, 0]) + u[b + 2 * c + j]
            gradient[b + 2 * c + j] = prior.dlogpdf(scale[j, 0]) * scale[j, 0] + 1
        return value, gradient

    def start(self) -> tuple[Array, Array]:
        """Where sampling starts, and the scale of each coordinate."""
        if isinstance(self.base, EtaTarget):
            point, scale = self.base.start()
        else:
            point = self._mode.u
            width = np.sqrt(np.abs(np.diag(np.linalg.pinv(-self._mode.hessian))))
            scale = np.clip(width, 0.02, 0.5)
        c, more = 2 * self.n_effects, 2 * self.shrinkage
        narrow = np.full(c, 1.0 if self.shrinkage else float(np.median(scale[: len(self.map)])))
        point = np.concatenate([point, np.zeros(c), np.full(more, np.log(0.3))])
        return point, np.concatenate([scale, narrow, np.full(more, 0.5)])

    @property
    def effect_names(self) -> tuple[str, ...]:
        """``rate_effect[age]``, ... in the order of `effects`."""
        return tuple(f"{row}[{name}]" for row in ROWS.values() for name in self.design.names)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Those of the base, then the effects."""
        return (*self.base.parameter_names, *self.effect_names)

    def quantities(self, u: Array) -> Array:
        """What `parameter_names` lists, (draw, quantity)."""
        effects = self.effects(u)
        flat = effects.reshape(-1, effects.shape[-1]).T
        return np.column_stack([self.base.quantities(u[:, : self.base.dimension]), flat])

    def natural_days(self, u: Array) -> Array:
        """The population's natural quantities at mean covariates and reference levels."""
        return self.base.natural_days(np.asarray(u)[:, : self.base.dimension])

    def spreads(self, u: Array) -> dict[str, Array]:
        """Spreads between groups, and the scales of the effects where they are learnt."""
        found = self.base.spreads(u[:, : self.base.dimension])
        if self.shrinkage:
            scales = np.exp(u[:, -2:])
            found |= {f"{row}_scale": scales[:, j] for j, row in enumerate(ROWS.values())}
        return found

    def stated_priors(self) -> list[tuple[str, Prior]]:
        """Priors of the base and of the effects or their scales."""
        end = "_scale" if self.shrinkage else ""
        names = [name + end for name in ROWS.values()]
        return [*self.base.stated_priors(), *zip(names, self.effect_priors, strict=True)]

    def log_stated_prior(self, u: Array) -> Array:
        """Log density of the stated priors, (draw, coordinate) -> (draw,)."""
        own, raw, scale = self._split(np.asarray(u, float).T)
        total = self.base.log_stated_prior(own.T)
        for j, prior in enumerate(self.effect_priors):
            stated = prior.logpdf(scale[j]) if self.shrinkage else prior.logpdf(raw[j])
            total = total + stated.sum(axis=0)
        return total

    def prior_draws(self, n: int, rng: np.random.Generator) -> Array:
        """Draws of u from the prior, (draw, coordinate)."""
        parts = [self.base.prior_draws(n, rng)]
        drawn = [prior.sample(n * (1 if self.shrinkage else self.n_effects), rng)
                 for prior in self.effect_priors]  # fmt: skip
        if self.shrinkage:
            parts.append(rng.standard_normal((n, 2 * self.n_effects)))
            return np.column_stack([*parts, *(np.log(d) for d in drawn)])
        return np.column_stack([*parts, *(d.reshape(n, -1) for d in drawn)])


class CovariatesInGroups(CovariateTarget):
    """Covariates on top of partially pooled groups; their effects are the same in every group.

    For two-stage inference effects are rows that all groups share (`twostage.hierarchy`).
    """

    base: GroupTarget

    @property
    def varying(self) -> tuple[int, ...]:
        """Rows that differ by group."""
        return self.base.varying

    @property
    def spread_priors(self) -> tuple[Prior, ...]:
        """Priors of the spreads between groups."""
        return self.base.spread_priors

    @property
    def spread_names(self) -> tuple[str, ...]:
        """Names of the spreads."""
        return self.base.spread_names

    @property
    def n_rows(self) -> int:
        """Rows of eta, then the effects."""
        return len(self.map) + 2 * self.n_effects

    @property
    def row_names(self) -> tuple[str, ...]:
        """Natural quantities of the population, then the effects."""
        return (*self.base.row_names, *self.effect_names)

    def start_rows(self) -> Array:
        """The mode without groups, and no effects."""
        return np.concatenate([self.base.start_rows(), np.zeros(2 * self.n_effects)])

    def log_prior_of_rows(self, m: Array) -> tuple[Array, Array]:
        """Log prior of the population's eta and the effects (row, draw), and its gradient."""
        n = len(self.map)
        value, by_eta = self.base.log_prior_of_rows(m[:n])
        parts = [by_eta]
        for prior, effect in zip(self.effect_priors, np.split(m[n:], 2), strict=True):
            value = value + prior.logpdf(effect).sum(axis=0)
            parts.append(prior.dlogpdf(effect))
        return value, np.concatenate(parts)

    def row_quantities(self, m: Array) -> Array:
        """Natural quantities per day and effects, (draw, row) -> (draw, quantity)."""
        n = len(self.map)
        return np.column_stack([self.base.row_quantities(m[:, :n]), m[:, n:]])

    def coordinates_of(self, m: Array, log_spread: Array, eta: Array) -> Array:
        """Return u (draw, coordinate) of m (draw, row), log spreads and varying eta."""
        n = len(self.map)
        return np.column_stack([self.base.coordinates_of(m[:, :n], log_spread, eta), m[:, n:]])


def _effect_priors(texts: dict[str, str], shrinkage: bool) -> tuple[Prior, ...]:
    """Priors of the effects of rate and dropout, or of their scales."""
    end, other = ("_scale", "") if shrinkage else ("", "_scale")
    for name in ROWS.values():
        if name + other in texts:
            raise UsageError(
                f"model.priors.{name + other} has no place with model.shrinkage="
                f"{str(shrinkage).lower()}; state model.priors.{name + end} instead."
            )
    if shrinkage:
        names = [name + end for name in ROWS.values()]
        return tuple(spread_prior(name, texts.get(name, SCALE)) for name in names)
    priors = tuple(parse(texts.get(name, EFFECT)) for name in ROWS.values())
    for name, prior in zip(ROWS.values(), priors, strict=True):
        if not prior.fits("real"):
            raise UsageError(
                f"The prior of {name} must live on all numbers; {prior.text!r} lives on the "
                f"{prior.support} ones. The default is {EFFECT}."
            )
    return priors
