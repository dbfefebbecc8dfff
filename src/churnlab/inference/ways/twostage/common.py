"""Particles that all draws of the population share, for groups that their own data determine.

Such a group's particles need not follow phi. K of them are drawn once per group, from a mixture of
its conditionals at several phi, and their exact likelihoods are taken once; then

    Z_g(phi) ~ 1/K sum_k L_g(eta_k) p(eta_k | phi) / q_g(eta_k)

serves every phi: the groups' own posteriors, reweighted (Hogg, Myers and Bovy 2010, ApJ 725, 2166;
Lunn, Barrett, Sweeting and Thompson 2013, JRSS C 62, 551). The cost is K passes over the cells,
however many phi are drawn. The estimates at different phi share their noise, so weights alone do
not show it: a jackknife over batches of particles measures what it does to the population's
means, and counts it against the effective draws.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from churnlab.inference.ways.proposal import Proposal
from churnlab.inference.ways.psis import effective_sizes, smooth
from churnlab.inference.ways.twostage.hyper import HyperTarget
from churnlab.inference.ways.twostage.particles import LIGHT, student, student_density
from churnlab.inference.ways.twostage.side_by_side import SideBySide
from churnlab.types import Array

#: Draws of phi whose conditionals the particles of a group are drawn from.
COMPONENTS = 32
#: Mirrored pairs of particles of each, and those added where they do not suffice; batches of the
#: jackknife, a divisor of both.
PAIRS, MORE_PAIRS, BATCHES = 32, 64, 8
#: Variance of an estimated ln weight from which it says nothing.
UNKNOWN = 1.0
#: Draws of phi that are held against all particles of a group at a time.
CHUNK = 128


class Pool(NamedTuple):
    """Particles of every group, in batches of equal make."""

    eta: Array
    """(group, row, particle)."""
    log_ratio: Array
    """ln likelihood - ln proposal, (group, particle)."""


class Weighed(NamedTuple):
    """Draws of phi with their weights."""

    phi: Array
    """(draw, coordinate)."""
    weights: Array
    k_hat: float
    without: Array
    """ln weight without each batch of particles, less ln weight, (draw, batch)."""


class Picked(NamedTuple):
    """A particle of every group for every draw of phi."""

    eta: Array
    """(draw, row, group)."""
    effective: Array
    """Effective number of particles behind them, (group,)."""


def draw_pool(
    groups: SideBySide, hyper: HyperTarget, phi: Array, rng: np.random.Generator, pairs: int = PAIRS
) -> Pool:
    """Draw the particles of every group; `phi` (draw, coordinate) says where groups may lie."""
    some = phi[np.linspace(0, len(phi) - 1, COMPONENTS).round().astype(int)]
    given = hyper.conditional(some)
    away, _ = student(given, pairs, LIGHT, rng)
    centre = some[:, hyper.rows]
    eta = centre[:, None, None] + away  # (component, particle, group, row)
    pair = np.arange(2 * pairs) % pairs
    order = np.argsort(pair % BATCHES, kind="stable")  # mirrored pairs stay in one batch
    by_batch = np.moveaxis(eta[:, order], 1, 0).reshape(BATCHES, -1, *eta.shape[2:])
    flat = by_batch.reshape(-1, *eta.shape[2:])  # (particle, group, row)
    log_q = logsumexp(
        [
            student_density(given, j, flat - centre[j], LIGHT) for j in range(COMPONENTS)
        ],
        axis=0,
    ) - np.log(COMPONENTS)  # fmt: skip
    step = max(1, 2_000_000 // (8 * groups.width))
    rows_first = np.swapaxes(flat, 1, 2)
    log_l = np.concatenate(
        [groups.values(rows_first[i : i + step]) for i in range(0, len(flat), step)]
    )
    return Pool(np.transpose(flat, (1, 2, 0)).copy(), (log_l - log_q).T.copy())


def together(one: Pool, other: Pool) -> Pool:
    """Return both pools' particles, batch by batch; both must come from the same `phi`."""

    def joined(a: Array, b: Array) -> Array:
        split = [v.reshape(*v.shape[:-1], BATCHES, -1) for v in (a, b)]
        return np.concatenate(split, axis=-1).reshape(*a.shape[:-1], -1)

    return Pool(joined(one.eta, other.eta), joined(one.log_ratio, other.log_ratio))


def weigh(
    pool: Pool, hyper: HyperTarget, proposal: Proposal, size: int, rng: np.random.Generator
) -> Weighed:
    """Propose phi and weigh it with every group's estimated integral."""
    phi, log_q = proposal.sample(size, rng)
    parts = _by_group(pool, hyper, phi, _integral)
    log_z = np.sum([z for z, _ in parts], axis=0)
    without = np.sum([w for _, w in parts], axis=0)
    ratios = hyper.log_prior(phi.T)[0] + log_z - log_q
    smoothed = smooth(np.where(np.isfinite(ratios), ratios, -np.inf))
    return Weighed(phi, np.exp(smoothed.log_weights), float(smoothed.k_hat), without)


def share_unknown(pool: Pool, hyper: HyperTarget, phi: Array) -> float:
    """Share of draws `phi` at which the pool does not know the groups' integrals.

    Where a spread is near 0 hardly a particle lies where the population is; the estimates there
    are too low more often than not, and weights alone would not show what is lost. Unknown: the
    variance of the product's logarithm exceeds `UNKNOWN`.
    """
    parts = _by_group(pool, hyper, phi, _integral)
    without = np.sum([w for _, w in parts], axis=0)
    variance = (BATCHES - 1) * without.var(axis=1)
    return float(np.mean(~(variance < UNKNOWN)))


def sizes(
    found: Weighed, quantities: Array, counts: NDArray[np.int64], picked: Picked
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Effective draws of means, and of tails: each of the population's quantities, and by group.

    found: Weighted draws.
    quantities: The population's quantities, (draw, quantity).
    counts: How often each draw was kept.
    picked: The groups' particles of the kept draws.
    """
    bulk, tail = effective_sizes(quantities, counts / counts.sum())
    noise = _noise(found, quantities)
    distinct = counts.sum() ** 2 / np.sum(counts.astype(float) ** 2)
    by_group = 1 / (1 / distinct + 1 / picked.effective)
    return (1 / (1 / bulk + noise), by_group), (1 / (1 / tail + noise), by_group)


def _noise(found: Weighed, quantities: Array) -> Array:
    """Variance that the shared particles add to each posterior mean, in posterior variances."""
    used = found.weights > 0
    log_weights = np.log(found.weights[used])[:, None] + found.without[used]
    shifted = softmax(log_weights, axis=0).T @ quantities[used]  # (batch, quantity)
    noise = (BATCHES - 1) * shifted.var(axis=0)
    mean = found.weights @ quantities
    variance = found.weights[used] @ (quantities[used] - mean) ** 2
    return np.asarray(noise / np.maximum(variance, np.finfo(float).tiny))


def pick(pool: Pool, hyper: HyperTarget, phi: Array, rng: np.random.Generator) -> Picked:
    """Choose a particle of every group for every draw of phi, by its weight there."""
    levels = rng.random((len(pool.eta), len(phi)))
    chosen = _by_group(pool, hyper, phi, _choose, levels)
    eta = np.stack([pool.eta[g][:, rows] for g, (rows, _) in enumerate(chosen)], axis=2)
    return Picked(np.swapaxes(eta, 0, 1), np.array([size for _, size in chosen]))


def worst_k_hat(pool: Pool, hyper: HyperTarget, phi: Array) -> float:
    """Largest k-hat over groups of their particles' weights at one phi (coordinate,)."""
    found = _by_group(pool, hyper, phi[None], lambda logs, _: smooth(next(iter(logs))[0]).k_hat)
    return float(max(found))


def _by_group[T](
    pool: Pool,
    hyper: HyperTarget,
    phi: Array,
    what: Callable[[Iterable[Array], Array], T],
    levels: Array | None = None,
) -> list[T]:
    """Call ``what(log weights by chunk of draws (draw, particle), levels)`` for every group."""
    m, spread = phi[:, hyper.rows], hyper.spreads(phi)
    centre = m.mean(axis=0)  # nothing cancels where a spread is small
    precision, lean = spread**-2, (m - centre) / spread**2
    constant = -0.5 * np.sum((m - centre) * lean, axis=1) - np.log(spread).sum(axis=1)
    constant -= 0.5 * m.shape[1] * np.log(2 * np.pi)
    coefficients = np.column_stack([-0.5 * precision, lean, constant])

    def one(g: int) -> T:
        e = pool.eta[g] - centre[:, None]
        features = np.concatenate([e**2, e, np.ones((1, e.shape[1]))])
        chunks = (
            coefficients[i : i + CHUNK] @ features + pool.log_ratio[g]
            for i in range(0, len(phi), CHUNK)
        )
        return what(chunks, np.empty(0) if levels is None else levels[g])

    with np.errstate(all="ignore"), ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(one, range(len(pool.eta))))


def _integral(chunks: Iterable[Array], _: Array) -> tuple[Array, Array]:
    """ln Z of each draw, and what ln Z changes by without each batch."""
    log_z, without = [], []
    for logs in chunks:
        top = logs.max(axis=1, keepdims=True)
        top = np.where(np.isfinite(top), top, 0.0)
        sums = np.exp(logs - top).reshape(len(logs), BATCHES, -1).sum(axis=2)
        total = sums.sum(axis=1)
        log_z.append(top[:, 0] + np.log(total) - np.log(logs.shape[1]))
        share = sums / np.where(total > 0, total, 1.0)[:, None]
        without.append(np.log(np.maximum(1 - share, 1e-12)))
    return np.concatenate(log_z), np.concatenate(without)


def _choose(chunks: Iterable[Array], levels: Array) -> tuple[NDArray[np.int64], float]:
    """Particle of each draw, and the effective number of particles over all draws."""
    rows: list[NDArray[np.int64]] = []
    total: Array | float = 0.0
    for logs in chunks:
        weights = softmax(logs, axis=1)
        total = total + weights.sum(axis=0)
        cumulated = np.cumsum(weights, axis=1)
        level = levels[len(rows) * CHUNK :][: len(logs), None] * cumulated[:, -1:]
        rows.append(np.minimum((cumulated < level).sum(axis=1), logs.shape[1] - 1))
    marginal = np.asarray(total) / np.sum(total)
    return np.concatenate(rows), float(1 / np.sum(marginal**2))
