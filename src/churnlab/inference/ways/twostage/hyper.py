"""The population's posterior with every group integrated out in closed form.

Spreads move in v with s = c PhiInv((1 + Phi(v)) / 2), c set by the prior: under a half-normal
prior v is standard normal, so a spread that the data cannot tell from 0 has a Gaussian tail, where
ln s would have an exponential one that importance sampling cannot follow.
"""

import numpy as np
from scipy.special import ndtr, ndtri

from churnlab.inference.ways.twostage.expansion import Conditional, Expansion, condition
from churnlab.inference.ways.twostage.hierarchy import Hierarchy, shared_rows
from churnlab.inference.ways.twostage.search import Population
from churnlab.types import Array

#: Median of a half-normal variable in units of its sigma.
HALF_NORMAL_MEDIAN = 0.6744897501960817
#: |v| up to which a spread is a number: 1e-15 to 8 times c.
FARTHEST = 8.0


class Folded:
    """The map between a spread and its coordinate v; `scale` is c."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def spread(self, v: Array) -> Array:
        """Spread at v."""
        v = np.clip(v, -FARTHEST, FARTHEST)
        near = np.sqrt(np.pi / 2) * ndtr(v)  # where (1 + Phi) / 2 would round to 1/2
        return np.asarray(self.scale * np.where(v < -5, near, -ndtri(ndtr(-v) / 2)))

    def coordinate(self, spread: Array | float) -> Array:
        """Inverse of `spread`."""
        return np.asarray(ndtri(2 * ndtr(np.asarray(spread) / self.scale) - 1))

    def log_slope(self, v: Array) -> tuple[Array, Array]:
        """Return ln ds/dv and its derivative."""
        z = self.spread(v) / self.scale
        value = np.log(self.scale / 2) + (z**2 - v**2) / 2
        return value, z * np.exp(value) / self.scale - v


class HyperTarget:
    """Log posterior of u = (m, v of each spread): a `Density` for `mode` and `laplace`."""

    def __init__(self, target: Hierarchy, expansion: Expansion) -> None:
        self.target, self.expansion = target, expansion
        self.rows, self.shared = list(target.varying), shared_rows(target)
        self.n_rows, self.n_customers = target.n_rows, target.n_customers
        rng = np.random.default_rng(0)
        medians = [np.median(prior.sample(4001, rng)) for prior in target.spread_priors]
        self.folded = [Folded(float(m) / HALF_NORMAL_MEDIAN) for m in medians]

    @property
    def n_cells(self) -> int:
        """One: an evaluation passes over no cells."""
        return 1

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """What `quantities` holds."""
        return (*self.target.row_names, *self.target.spread_names)

    def quantities(self, u: Array) -> Array:
        """What is reported of the rows, and the spreads, (draw, quantity)."""
        return np.column_stack([self.target.row_quantities(u[:, : self.n_rows]), self.spreads(u)])

    def spreads(self, u: Array) -> Array:
        """Spreads (draw, row)."""
        n = self.n_rows
        return np.column_stack([f.spread(u[:, n + j]) for j, f in enumerate(self.folded)])

    def start(self, population: Population) -> Array:
        """Coordinates of a population."""
        v = [f.coordinate(s) for f, s in zip(self.folded, population.spread, strict=True)]
        return np.concatenate([population.m, v])

    def conditional(self, u: Array) -> Conditional:
        """Every group given draws of phi, (draw, coordinate)."""
        return condition(self.expansion, u[:, self.rows], self.spreads(u), self._away(u))

    def _away(self, u: Array) -> Array:
        return np.asarray(u[:, self.shared] - self.expansion.shared)

    def value_and_gradient(self, u: Array) -> tuple[float, Array]:
        """Log posterior and its gradient (by Fisher's identity: means under the conditional)."""
        u = np.asarray(u, float)[None]
        spread, e = self.spreads(u)[0], self._away(u)[0]
        with np.errstate(all="ignore"):
            prior, gradient = self.log_prior(u.T)
            given = self.conditional(u)
        gradient = gradient[:, 0]
        away = given.away[0]
        variance = np.sum(given.root[0] ** 2, axis=2)
        gradient[self.rows] += (away / spread**2).sum(axis=0)
        by_log = ((away**2 + variance) / spread**2 - 1).sum(axis=0)
        for j, f in enumerate(self.folded):
            at = self.n_rows + j
            slope = np.exp(f.log_slope(u[0, at : at + 1])[0][0]) / spread[j]
            gradient[at] += by_log[j] * slope
        step = u[0, self.rows] + away - self.expansion.anchor
        gradient[self.shared] += self.expansion.by_shared + self.expansion.bend @ e
        gradient[self.shared] += np.einsum("gv,gvr->r", step, self.expansion.cross)
        total = float(given.log_z.sum() + prior[0] + self.of_shared(u)[0])
        if not (np.isfinite(total) and np.isfinite(gradient).all()):
            return -np.inf, np.zeros(u.shape[1])
        return total, gradient

    def of_shared(self, u: Array) -> Array:
        """The expansion's terms in the shared rows alone, (draw,)."""
        e = self._away(u)
        return np.asarray(
            e @ self.expansion.by_shared + 0.5 * np.sum(e @ self.expansion.bend * e, 1)
        )

    def values(self, u: Array) -> Array:
        """Log posterior of many points, (draw, coordinate) -> (draw,)."""
        u = np.asarray(u, float)
        with np.errstate(all="ignore"):
            found = self.log_prior(u.T)[0] + self.of_shared(u)
            found = found + self.conditional(u).log_z.sum(axis=1)
        return np.where(np.isfinite(found), found, -np.inf)

    def log_prior(self, u: Array) -> tuple[Array, Array]:
        """Log prior of u (coordinate, draw) with its Jacobian, and its gradient."""
        n = self.n_rows
        value, by_m = self.target.log_prior_of_rows(u[:n])
        gradient = np.zeros_like(u)
        gradient[:n] = by_m
        for j, (prior, f) in enumerate(zip(self.target.spread_priors, self.folded, strict=True)):
            v = u[n + j]
            spread, (log_slope, d_log_slope) = f.spread(v), f.log_slope(v)
            value = value + prior.logpdf(spread) + log_slope
            gradient[n + j] = prior.dlogpdf(spread) * np.exp(log_slope) + d_log_slope
        return value, gradient
