"""Draws of every group given phi, with their exact likelihoods."""

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, logsumexp

from churnlab.inference.ways.twostage.expansion import Conditional
from churnlab.inference.ways.twostage.hyper import HyperTarget
from churnlab.inference.ways.twostage.side_by_side import SideBySide
from churnlab.types import Array

#: Degrees of freedom of the draws of a group. Heavy tails where draws are cheap; where they are
#: not, groups are large and near Gaussian, and heavy tails alone would double the draws needed:
#: what they cost adds up over groups.
HEAVY, LIGHT, LIGHTEST = 8.0, 25.0, 100.0
#: Elements (draw x particle x parameter x group) evaluated at a time.
CHUNK = 2_000_000


class Drawn(NamedTuple):
    """One particle per phi and group, and the estimated ln Z less its Gaussian approximation."""

    eta: Array
    """(draw, row, group)."""
    log_correction: Array
    """(draw, group)."""


class Particles:
    """Estimates the groups' integrals at given phi.

    groups, hyper: The groups' likelihoods, and the population's posterior with their expansion.
    pairs: Mirrored pairs of particles per phi and group.
    degrees: Degrees of freedom of the particles' t distribution.
    """

    def __init__(
        self, groups: SideBySide, hyper: HyperTarget, pairs: int, degrees: float = LIGHT
    ) -> None:
        self.groups, self.hyper, self.pairs, self.degrees = groups, hyper, pairs, degrees

    def draw(self, u: Array, rng: np.random.Generator) -> Drawn:
        """Estimate at phi (draw, coordinate), and pick one particle of each group by its weight."""
        found = [_pick(*self.ratios(part, rng), rng) for part in self._parts(u)]
        return Drawn(*(np.concatenate(v) for v in zip(*found, strict=True)))

    def noise(self, u: Array, rng: np.random.Generator) -> float:
        """Variance that the estimates add to ln weight with one pair; needs two pairs or more."""
        ratio = np.concatenate([self.ratios(part, rng)[1] for part in self._parts(u)])
        relative = np.exp(ratio - logsumexp(ratio, axis=1, keepdims=True)) * ratio.shape[1]
        by_pair = (relative[:, : self.pairs] + relative[:, self.pairs :]) / 2
        return float(by_pair.var(axis=1, ddof=1).mean(axis=0).sum())

    def _parts(self, u: Array) -> list[Array]:
        step = max(1, CHUNK // (self.pairs * 8 * self.groups.width))
        return [u[i : i + step] for i in range(0, len(u), step)]

    def ratios(self, u: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Particles of every group given phi, and ln [L p(eta | phi) / (q Z)], Z the Gaussian one.

        Returns: (draw, particle, row, group).
        Returns: (draw, particle, group); the mean of its exponential is 1 where the expansion is
            exact.
        """
        hyper, given = self.hyper, self.hyper.conditional(u)
        away, log_q = student(given, self.pairs, self.degrees, rng)
        m, spread = u[:, hyper.rows], hyper.spreads(u)
        z, scaled = m[:, None, None] + away, away / spread[:, None, None]
        log_p = -0.5 * np.sum(scaled**2, axis=3) - np.log(spread).sum(axis=1)[:, None, None]
        log_p = log_p - 0.5 * m.shape[1] * np.log(2 * np.pi)
        # What the shared rows add is known only in sum; each group bears an equal part of it.
        share = hyper.of_shared(u) / self.groups.n_groups
        log_z = given.log_z[:, None] + share[:, None, None] + hyper.expansion.value
        eta = np.swapaxes(z, 2, 3)
        return eta, self._likelihoods(u, eta) + log_p - log_q - log_z

    def _likelihoods(self, u: Array, eta: Array) -> Array:
        """Exact log-likelihoods (draw, particle, group)."""
        draws, each, _, n_groups = eta.shape
        n_rows = self.hyper.n_rows
        whole = np.empty((draws, each, n_rows, n_groups))
        whole[:, :, self.hyper.rows] = eta
        whole[:, :, self.hyper.shared] = u[:, None, self.hyper.shared, None]
        return self.groups.values(whole.reshape(-1, n_rows, n_groups)).reshape(
            draws, each, n_groups
        )


def student(
    given: Conditional, pairs: int, degrees: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Multivariate t draws from each conditional, less m; and their log densities.

    Returns: (draw, particle, group, row).
    Returns: (draw, particle, group).

    Particle i + pairs mirrors particle i at the mean: the odd part of what the expansion misses
    cancels in the sum of their weights.
    """
    draws, n_groups, size = given.away.shape
    normal = rng.standard_normal((draws, pairs, n_groups, size))
    radius = np.sqrt(degrees / rng.chisquare(degrees, (draws, pairs, n_groups)))
    half = normal * radius[..., None]
    standard = np.concatenate([half, -half], axis=1)
    away = given.away[:, None] + np.einsum("dgij,dkgj->dkgi", given.root, standard)
    volume = np.linalg.slogdet(given.root)[1]
    return away, _log_student(standard, degrees) - volume[:, None]


def student_density(given: Conditional, draw: int, away: Array, degrees: float) -> Array:
    """Log density under one draw's conditionals of points less its m.

    away: (particle, group, row).
    Returns: array, shape (particle, group)
    """
    root = given.root[draw]
    standard = np.einsum("gij,pgj->pgi", np.linalg.inv(root), away - given.away[draw])
    return np.asarray(_log_student(standard, degrees) - np.linalg.slogdet(root)[1])


def _log_student(standard: Array, degrees: float) -> Array:
    """Log density of the standard multivariate t; the last axis holds its coordinates."""
    size = standard.shape[-1]
    norm = gammaln((degrees + size) / 2) - gammaln(degrees / 2) - size / 2 * np.log(np.pi * degrees)
    bend = np.log1p(np.sum(standard**2, axis=-1) / degrees)
    return np.asarray(norm - (degrees + size) / 2 * bend)


def _pick(eta: Array, ratio: Array, rng: np.random.Generator) -> Drawn:
    """Choose one of the particles (draw, particle, row, group) by its ratio."""
    total = logsumexp(ratio, axis=1)  # -inf where phi is so far out that no particle is possible
    share = np.exp(ratio - np.where(np.isfinite(total), total, 0.0)[:, None])
    cumulated = np.cumsum(share, axis=1)
    level = rng.random(total.shape)[:, None] * cumulated[:, -1:]
    chosen = np.minimum((cumulated < level).sum(axis=1), ratio.shape[1] - 1)
    picked = np.take_along_axis(eta, chosen[:, None, None], axis=1)[:, 0]
    return Drawn(picked, total - np.log(eta.shape[1]))
