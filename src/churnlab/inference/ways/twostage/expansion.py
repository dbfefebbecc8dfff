"""Each group's log-likelihood as a quadratic, and what follows in closed form given phi.

First by its derivatives at the mode (`expand`), then by the mean and covariance of the group's
exact posterior given the population found (`match`): skewed likelihoods of small groups are met
where their mass is, not where their top is (the idea of expectation propagation, Minka 2001).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from churnlab.inference.ways.twostage.hierarchy import Hierarchy, shared_rows
from churnlab.inference.ways.twostage.search import Population, climb, shared_bend
from churnlab.inference.ways.twostage.side_by_side import SideBySide
from churnlab.types import Array


class Expansion(NamedTuple):
    """ln L_g(anchor + d) ~ value + slope d - d curvature d / 2; shared rows beside.

    With e = shared rows - `shared`: + by_shared e + e bend e / 2 + d cross e.
    """

    anchor: Array
    """(group, row)."""
    value: Array
    """Inner time without the data constant, (group,)."""
    slope: Array
    """(group, row)."""
    curvature: Array
    """(group, row, row), positive semi-definite."""
    cross: Array
    """(group, row, shared row)."""
    shared: Array
    """(shared row,)."""
    by_shared: Array
    """Summed over groups, (shared row,)."""
    bend: Array
    """Summed over groups, (shared row, shared row)."""


class Conditional(NamedTuple):
    """Gaussian approximation of each group's eta given phi, and its log normaliser."""

    away: Array
    """Mean less the population's m, (draw, group, row)."""
    root: Array
    """Factor of the covariance, root root^T, (draw, group, row, row)."""
    log_z: Array
    """ln Z_g(phi), without the log-likelihood at the anchor, (draw, group)."""


def expand(groups: SideBySide, target: Hierarchy, population: Population) -> Expansion:
    """Expand every group around its mode given the population."""
    start = np.repeat(population.m[:, None], groups.n_groups, axis=1)
    modes = climb(groups, target, population, start)
    rows, shared = list(target.varying), shared_rows(target)
    value, gradient = groups.value_and_gradient(modes.eta)
    roots, axes = np.linalg.eigh(-modes.hessian)
    # A likelihood that bends upwards is taken as flat: the population bounds the group.
    curvature = np.einsum("gij,gj,gkj->gik", axes, np.maximum(roots, 0.0), axes)
    return Expansion(
        anchor=modes.eta[rows].T,
        value=value,
        slope=gradient[rows].T,
        curvature=curvature,
        cross=modes.cross,
        shared=population.m[shared],
        by_shared=gradient[shared].sum(axis=1),
        bend=shared_bend(groups, modes.eta, shared),
    )


def match(
    expansion: Expansion, population: Population, rows: list[int], eta: Array, log_weight: Array
) -> Expansion:
    """Return the quadratic whose posterior given `population` has the particles' moments.

    population, rows: Where the particles were drawn, and the varying rows.
    eta: Particles (particle, row, group).
    log_weight: ln of likelihood x prior / proposal, less the present quadratic's ln Z, (particle,
        group).
    """
    total = logsumexp(log_weight, axis=0)
    weight = np.exp(log_weight - total)
    mean = np.einsum("pg,pvg->gv", weight, eta)
    away = np.swapaxes(eta, 1, 2) - mean
    covariance = np.einsum("pg,pgv,pgw->gvw", weight, away, away)
    precise = population.spread**-2
    roots, axes = np.linalg.eigh(np.linalg.inv(covariance) - np.diag(precise))
    curvature = np.einsum("gij,gj,gkj->gik", axes, np.maximum(roots, 0.0), axes)
    found = expansion._replace(
        anchor=mean, slope=precise * (mean - population.m[rows]), curvature=curvature
    )
    at = population.m[None, rows], population.spread[None], np.zeros((1, len(expansion.shared)))
    before, now = condition(expansion, *at).log_z[0], condition(found, *at).log_z[0]
    exact = expansion.value + before + total - np.log(len(log_weight))
    return found._replace(value=exact - now)


def condition(expansion: Expansion, m: Array, spread: Array, shared: Array) -> Conditional:
    """Every group given draws of phi.

    m, spread: Mean and spread of the varying rows, (draw, row).
    shared: Shared rows less `expansion.shared`, (draw, shared row).
    """
    d = m[:, None] - expansion.anchor
    pull = expansion.slope + np.einsum("gvr,dr->dgv", expansion.cross, shared)
    bent = np.einsum("gij,dgj->dgi", expansion.curvature, d)
    at_m = np.sum((pull - bent / 2) * d, axis=2)
    # Everything in units of the spreads, so that nothing cancels where one is nearly 0.
    scale = spread[:, None, :]
    pull = (pull - bent) * scale
    precision = expansion.curvature * scale[..., None] * scale[:, :, None]
    root = np.linalg.inv(np.linalg.cholesky(precision + np.eye(m.shape[1])))
    half = np.einsum("dgij,dgj->dgi", root, pull)
    log_z = at_m + 0.5 * np.sum(half**2, axis=2)
    log_z = log_z + np.log(np.diagonal(root, axis1=2, axis2=3)).sum(axis=2)
    root = np.swapaxes(root, 2, 3)
    away = np.einsum("dgij,dgj->dgi", root, half) * scale
    return Conditional(away, root * scale[..., None], log_z)
