"""A proposal that follows skewed and bent posteriors: a triangular map of a split Student t.

In coordinates whitened by the curvature at the mode, z = A^-1 (u - m), long axis first,

    z_j = c_j(z_1..z_{j-1}) + s_j(z_1..z_{j-1}) * e_j,

with c_j quadratic (the bend of ridges such as (s, beta) of Pareto/NBD), log s_j linear, and e a
multivariate t whose scale differs left and right of 0 (Geweke 1989, split-t). The map is
triangular, so its density is exact and importance weights stay exact. It is started from gradients
around the mode and, if need be, refitted to weighted draws.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh
from scipy.special import chdtri, gammaln, ndtri

from churnlab.inference.targets.density import Density, Mode
from churnlab.types import Array

#: Degrees of freedom: heavier than Gaussian tails keep importance weights bounded.
DEGREES = 8.0
#: Sobol points may lie on 0; half of their resolution.
_INSIDE = 2.0**-31
#: Where along an axis (in standard deviations) the bend and the two scales are measured.
PROBE = 2.0
#: Effective draws per coefficient of a line that a refit needs, and how often weights are tempered
#: (to the power 1/2 each time) to have them.
LEAST_DRAWS, MOST_HALVINGS = 4, 12
#: Deviations from the mode to which a bend reaches at most.
FARTHEST = 1e3


@dataclass(frozen=True)
class Proposal:
    """A density on u that can be sampled and evaluated exactly."""

    centre: Array
    axes: Array
    """Columns span u: u = centre + axes @ z."""
    bends: tuple[Array, ...]
    """Coefficients of c_j on the features of z_1..z_{j-1}."""
    log_scales: tuple[Array, ...]
    """Coefficients of log s_j on (1, z_1..z_{j-1})."""
    splits: Array
    """(2, coordinate): scale left and right of 0."""
    degrees: float = DEGREES

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return `n` draws of u (draw, coordinate) and their log densities.

        They come from a scrambled Sobol sequence: each is a draw of the density, and together they
        fill it evenly, so that two seeds differ far less than by independent draws.
        """
        size = len(self.centre)
        even = _even(n, size + 1, rng)
        common = np.sqrt(self.degrees / chdtri(self.degrees, even[:, -1:]))
        e = common * self._split_normal(even[:, :-1])
        z = np.zeros((n, size))
        log_volume = np.full(n, np.linalg.slogdet(self.axes)[1])
        for j in range(size):
            centre, log_scale = self._conditional(z, j)
            z[:, j] = centre + np.exp(log_scale) * e[:, j]
            log_volume += log_scale
        return self.centre + z @ self.axes.T, self._log_density(e) - log_volume

    def log_density(self, u: Array) -> Array:
        """Log density of points (draw, coordinate)."""
        z = self.whitened(u)
        e = np.empty_like(z)
        log_volume = np.full(len(z), np.linalg.slogdet(self.axes)[1])
        for j in range(z.shape[1]):
            centre, log_scale = self._conditional(z, j)
            e[:, j] = (z[:, j] - centre) * np.exp(-log_scale)
            log_volume += log_scale
        values: Array = self._log_density(e) - log_volume
        return values

    def whitened(self, u: Array) -> Array:
        """Points (draw, coordinate) in deviations from the centre along the axes."""
        return np.asarray(np.linalg.solve(self.axes, (u - self.centre).T).T)

    def _split_normal(self, p: Array) -> Array:
        """Quantiles of normals whose scales differ left and right of 0."""
        left, right = self.splits
        below = left / (left + right)
        tail = np.where(p < below, p / below, (1.0 - p) / (1.0 - below))
        return np.asarray(ndtri(tail / 2) * np.where(p < below, left, -right))

    def _conditional(self, z: Array, j: int) -> tuple[Array, Array]:
        # A map fitted to few draws can blow up far out; what it proposes there has no weight.
        with np.errstate(over="ignore", invalid="ignore"):
            centre = np.nan_to_num(quadratic_features(z[:, :j]) @ self.bends[j], nan=0.0)
            log_scale = linear_features(z[:, :j]) @ self.log_scales[j]
        return np.clip(centre, -FARTHEST, FARTHEST), np.clip(log_scale, -10.0, 5.0)

    def _log_density(self, e: Array) -> Array:
        size, nu = e.shape[1], self.degrees
        standard = np.where(e >= 0, e / self.splits[1], e / self.splits[0])
        norm = gammaln((nu + size) / 2) - gammaln(nu / 2) - size / 2 * np.log(nu * np.pi)
        norm += np.sum(np.log(2 / self.splits.sum(axis=0)))
        values: Array = norm - (nu + size) / 2 * np.log1p(np.sum(standard**2, axis=1) / nu)
        return values


def _even(n: int, size: int, rng: np.random.Generator) -> Array:
    """Return `n` points of a scrambled Sobol sequence inside the unit cube, (point, coordinate)."""
    from scipy.stats import qmc  # heavy, and a plain import does not draw

    points = qmc.Sobol(size, rng=rng).random_base2(max(n - 1, 0).bit_length())[:n]
    return np.asarray(np.clip(points, _INSIDE, 1.0 - _INSIDE))


def quadratic_features(z: Array) -> Array:
    """1, z_i and z_i z_l for i <= l, as columns."""
    n, size = z.shape
    columns = [np.ones(n)] + [z[:, i] for i in range(size)]
    columns += [z[:, i] * z[:, k] for i in range(size) for k in range(i, size)]
    return np.column_stack(columns)


def linear_features(z: Array) -> Array:
    """1 and z_i, as columns."""
    return np.column_stack([np.ones(len(z)), z])


def from_mode(target: Density, mode: Mode) -> Proposal:
    """Proposal from the curvature, bent and split by looking `PROBE` deviations along each axis."""
    axes = whitening_axes(mode.hessian)
    size = len(mode.u)
    splits = np.ones((2, size))
    pulls = np.zeros((size, size))
    for i in range(size):
        pulls[i], splits[:, i] = _probe(target, mode, axes, i)
    bends = [_square_coefficients(pulls[:j, j]) for j in range(size)]
    flat = tuple(np.zeros(j + 1) for j in range(size))
    return Proposal(mode.u, axes, tuple(bends), flat, splits)


def whitening_axes(hessian: Array) -> Array:
    """Columns: principal axes of the curvature, one standard deviation long, longest first."""
    roots, vectors = eigh(-hessian)
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
    signs = np.sign(largest)  # an eigenvector's sign is arbitrary: fix it, or rounding picks one
    values: Array = vectors * signs / np.sqrt(np.maximum(roots, 1e-6))
    return values


def _probe(target: Density, mode: Mode, axes: Array, i: int) -> tuple[Array, Array]:
    """Pull on the other axes per squared step along axis i, and the scale on either side."""
    pulls, splits = np.zeros(len(mode.u)), np.ones(2)
    for side, sign in enumerate((-1.0, 1.0)):
        value, gradient = target.value_and_gradient(mode.u + sign * PROBE * axes[:, i])
        drop = mode.value - value
        if not np.isfinite(drop):
            return np.zeros(len(mode.u)), np.ones(2)
        splits[side] = np.clip(PROBE / np.sqrt(2 * max(drop, 1e-3)), 0.5, 2.5)
        pulls += (axes.T @ gradient) / (2 * PROBE**2)
    return np.clip(pulls, -0.5, 0.5), splits


def _square_coefficients(pulls: Array) -> Array:
    """Coefficients of `quadratic_features` that hold only the squares."""
    size = len(pulls)
    squares = [pulls[i] if i == k else 0.0 for i in range(size) for k in range(i, size)]
    return np.array([0.0] * (1 + size) + squares)


def refit(proposal: Proposal, u: Array, weights: Array) -> Proposal:
    """Fit the map to weighted draws: quadratic bends, linear log scales, left and right scales.

    Where a few draws outweigh all others there is nothing to fit a map to: the weights are
    tempered first, and the map moves part of the way. Without enough draws of any weight the
    proposal stays.
    """
    least = LEAST_DRAWS * (1 + u.shape[1])
    if np.count_nonzero(weights) < least:
        return proposal
    weights = _tempered(weights, least)
    z = proposal.whitened(u)
    keep = weights > 1e-3 / len(weights)
    z, weights = z[keep], weights[keep] / weights[keep].sum()
    bends, log_scales, splits = [], [], np.ones((2, z.shape[1]))
    for j in range(z.shape[1]):
        features = quadratic_features(z[:, :j])
        bend = _weighted_fit(features, z[:, j], weights)
        residual = z[:, j] - features @ bend
        logs = np.log(np.maximum(np.abs(residual), 1e-8))
        scale = _weighted_fit(linear_features(z[:, :j]), logs, weights)
        standard = residual * np.exp(-linear_features(z[:, :j]) @ scale)
        bend, splits[:, j] = _split(bend, scale, standard, weights)
        bends.append(bend)
        log_scales.append(scale)
    return replace(proposal, bends=tuple(bends), log_scales=tuple(log_scales), splits=splits)


def _tempered(weights: Array, least: float) -> Array:
    """Return weights to a power, as near to 1 as leaves `least` effective draws."""
    shares = weights / weights.max()
    for halvings in range(MOST_HALVINGS):
        tempered = np.where(weights > 0, shares ** (0.5**halvings), 0.0)
        tempered /= tempered.sum()
        if 1.0 / np.sum(tempered**2) >= least:
            break
    return tempered


def _weighted_fit(features: Array, y: Array, weights: Array) -> Array:
    """Weighted least squares with a whiff of ridge, worth two draws, on all but the constant."""
    effective = 1 / np.sum(weights**2)
    penalty = np.eye(features.shape[1]) * 2.0 / effective
    penalty[0, 0] = 0.0
    gram = features.T @ (weights[:, None] * features) + penalty
    return np.linalg.solve(gram, features.T @ (weights * y))


def _split(bend: Array, scale: Array, standard: Array, weights: Array) -> tuple[Array, Array]:
    """Scales left and right of the peak that give the residuals' variance and skewness.

    A split normal with scales (s1, s2) has mean sqrt(2/pi) (s2 - s1) about its peak and variance
    s1 s2 + (1 - 2/pi) (s2 - s1)^2; the peak is moved so that the mean stays where the regression
    put it.
    """
    mean = weights @ standard
    variance = weights @ (standard - mean) ** 2
    skewness = (weights @ (standard - mean) ** 3) / variance**1.5
    lean = np.clip(0.55 * skewness, -0.45, 0.45)
    half = np.sqrt(variance / (1 - lean**2 + 4 * (1 - 2 / np.pi) * lean**2))
    splits = half * np.array([1 - lean, 1 + lean])
    shift = mean - np.sqrt(2 / np.pi) * (splits[1] - splits[0])
    moved = bend.copy()
    moved[0] += shift * np.exp(scale[0])
    return moved, splits
