"""Modes of all groups, and the population that suits them: Newton and EM steps side by side."""

from typing import NamedTuple

import numpy as np

from churnlab.inference.targets.groups import TYPICAL_SPREAD
from churnlab.inference.ways.twostage.hierarchy import Hierarchy, shared_rows
from churnlab.inference.ways.twostage.side_by_side import STEP, SideBySide
from churnlab.types import Array

#: Spreads below this are not told from 0 by any particle set; they anchor proposals only.
LEAST_SPREAD = 0.05
EM_STEPS = 12
NEWTON_STEPS = 12
HALVINGS = 5
#: A mode is found when a Newton step would gain less than this.
SMALL_GAIN = 1e-4


class Population(NamedTuple):
    """A point of phi: the rows m that groups lie around, and the spread of each varying one."""

    m: Array
    spread: Array


class Modes(NamedTuple):
    """Where each group's posterior is highest, given a population."""

    eta: Array
    """(row, group); shared rows are the population's."""
    covariance: Array
    """Inverse curvature of the varying rows, (group, row, row)."""
    hessian: Array
    """Second derivatives of the log-likelihood by the varying rows, (group, row, row)."""
    cross: Array
    """Those by a varying and a shared row, (group, row, shared row)."""


def find_population(groups: SideBySide, target: Hierarchy) -> Population:
    """Empirical Bayes by EM from the pooled mode; shared rows move by Newton steps.

    Only an anchor for proposals and expansions, so it need not converge to the last digit.
    """
    rows, shared = list(target.varying), shared_rows(target)
    found = Population(target.start_rows(), np.full(len(rows), TYPICAL_SPREAD))
    eta = np.repeat(found.m[:, None], groups.n_groups, axis=1)
    for _ in range(EM_STEPS):
        modes = climb(groups, target, found, eta, steps=2)
        eta, before = modes.eta, found
        m = found.m.copy()
        m[rows] = eta[rows].mean(axis=1)
        own = np.diagonal(modes.covariance, axis1=1, axis2=2).T
        spread = np.sqrt(((eta[rows] - m[rows, None]) ** 2 + own).mean(axis=1))
        if shared:
            m[shared] += _shared_step(groups, target, found, modes)
            eta[shared] = m[shared, None]
        found = Population(m, np.maximum(spread, LEAST_SPREAD))
        if np.abs(found.m - before.m).max() < 1e-3 and np.allclose(
            found.spread, before.spread, rtol=0.02
        ):
            break
    return found


def climb(
    groups: SideBySide,
    target: Hierarchy,
    population: Population,
    eta: Array,
    steps: int = NEWTON_STEPS,
) -> Modes:
    """Maximise every group's log-likelihood plus log Normal(eta | population), from `eta`."""
    rows, shared = list(target.varying), shared_rows(target)
    eta = eta.copy()
    eta[shared] = population.m[shared, None]
    value, gradient = _posterior(groups, rows, population, eta)
    for step in range(steps + 1):
        bends = groups.bends(eta, rows)
        hessian = (bends[:, rows] + np.swapaxes(bends[:, rows], 1, 2)) / 2
        covariance = _inverse(np.diag(population.spread**-2) - hessian)
        move = np.einsum("gij,jg->ig", covariance, gradient)
        gain = np.einsum("ig,ig->g", move, gradient)
        if step == steps or gain.max() < SMALL_GAIN:
            break
        eta, value, gradient = _advance(groups, rows, population, eta, value, gradient, move)
    return Modes(eta, covariance, hessian, np.swapaxes(bends[:, shared], 1, 2))


def _advance(
    groups: SideBySide,
    rows: list[int],
    population: Population,
    eta: Array,
    value: Array,
    gradient: Array,
    move: Array,
) -> tuple[Array, Array, Array]:
    """Take the step, halved in the groups where it does not gain."""
    move = move / np.maximum(np.abs(move).max(axis=0), 1.0)
    waiting = np.ones(groups.n_groups, bool)
    eta, value, gradient = eta.copy(), value.copy(), gradient.copy()
    for _ in range(HALVINGS):
        trial = eta.copy()
        trial[rows] += np.where(waiting, move, 0.0)
        new_value, new_gradient = _posterior(groups, rows, population, trial)
        better = waiting & (new_value >= value - 1e-9 * np.abs(value))
        eta = np.where(better, trial, eta)
        value = np.where(better, new_value, value)
        gradient = np.where(better, new_gradient, gradient)
        waiting &= ~better
        if not waiting.any():
            break
        move = move / 2
    return eta, value, gradient


def _posterior(
    groups: SideBySide, rows: list[int], population: Population, eta: Array
) -> tuple[Array, Array]:
    """Each group's log posterior given the population, and its gradient by the varying rows."""
    value, gradient = groups.value_and_gradient(eta)
    z = (eta[rows] - population.m[rows, None]) / population.spread[:, None]
    return value - 0.5 * np.sum(z**2, axis=0), gradient[rows] - z / population.spread[:, None]


def _inverse(precision: Array) -> Array:
    """Inverse of |precision|: curvatures of the wrong sign count as their size."""
    roots, axes = np.linalg.eigh(np.where(np.isfinite(precision), precision, 0.0))
    values: Array = np.einsum("gij,gj,gkj->gik", axes, 1 / np.maximum(np.abs(roots), 1e-3), axes)
    return values


def shared_bend(groups: SideBySide, eta: Array, shared: list[int]) -> Array:
    """Return second derivatives by the shared rows, summed over groups."""
    found = groups.bends(eta, shared)[:, shared].sum(axis=0)
    return np.asarray((found + found.T) / 2)


def _shared_step(
    groups: SideBySide, target: Hierarchy, population: Population, modes: Modes
) -> Array:
    """Newton step of the shared rows with the groups following (Schur complement)."""
    shared = shared_rows(target)
    _, gradient = groups.value_and_gradient(modes.eta)
    follow = np.einsum("gij,gjk->gik", modes.covariance, modes.cross)
    curvature = -shared_bend(groups, modes.eta, shared)
    curvature -= np.einsum("gik,gij->kj", modes.cross, follow)
    slope, bend = _prior_of_shared(target, population.m, shared)
    curvature -= np.diag(bend)
    slope = slope + gradient[shared].sum(axis=1)
    roots, axes = np.linalg.eigh(curvature)
    step = axes @ ((axes.T @ slope) / np.maximum(np.abs(roots), 1.0))
    return np.clip(step, -0.5, 0.5)


def _prior_of_shared(target: Hierarchy, m: Array, shared: list[int]) -> tuple[Array, Array]:
    """Slope of the log prior by the shared rows, and its own second derivatives."""
    step = np.zeros(len(m))
    step[shared] = STEP
    at = np.stack([m, m + step, m - step], axis=1)
    slope, high, low = target.log_prior_of_rows(at)[1][shared].T
    return slope, np.minimum((high - low) / (2 * STEP), 0.0)
