"""Modes of all groups, and the population that suits them: Newton and EM steps side by side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from churnlab.inference.groups import TYPICAL_SPREAD, GroupTarget
from churnlab.inference.mode import Mode
from churnlab.inference.twostage.side_by_side import SideBySide

Array = NDArray[np.float64]

#: Spreads below this are not told from 0 by any particle set; they anchor proposals only.
LEAST_SPREAD = 0.05
EM_STEPS = 12
NEWTON_STEPS = 12
HALVINGS = 5
#: A mode is found when a Newton step would gain less than this.
SMALL_GAIN = 1e-4


class Population(NamedTuple):
    """A point of phi: the mean eta (4,) and the spread of each varying row (row,)."""

    m: Array
    spread: Array


class Modes(NamedTuple):
    """Where each group's posterior is highest, given a population."""

    eta: Array
    """(4, group); shared rows are the population's."""
    covariance: Array
    """Inverse curvature of the varying rows, (group, row, row)."""
    hessian: Array
    """Second derivatives of the log-likelihood, (group, 4, 4)."""


def find_population(groups: SideBySide, target: GroupTarget, mode: Mode) -> Population:
    """Empirical Bayes by EM from the pooled mode; shared rows move by Newton steps.

    Only an anchor for proposals and expansions, so it need not converge to the last digit.
    """
    rows, shared = list(target.varying), shared_rows(target)
    found = Population(mode.u.copy(), np.full(len(rows), TYPICAL_SPREAD))
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


def shared_rows(target: GroupTarget) -> list[int]:
    """Rows of eta that all groups share."""
    return [row for row in range(4) if row not in target.varying]


def climb(
    groups: SideBySide,
    target: GroupTarget,
    population: Population,
    eta: Array,
    steps: int = NEWTON_STEPS,
) -> Modes:
    """Maximise every group's log-likelihood plus log Normal(eta | population), from `eta`."""
    rows = list(target.varying)
    eta = eta.copy()
    eta[shared_rows(target)] = population.m[shared_rows(target), None]
    value, gradient = _posterior(groups, rows, population, eta)
    for step in range(steps + 1):
        hessian = groups.hessian(eta)
        covariance = _inverse(_precision(hessian, rows, population))
        move = np.einsum("gij,jg->ig", covariance, gradient)
        gain = np.einsum("ig,ig->g", move, gradient)
        if step == steps or gain.max() < SMALL_GAIN:
            break
        eta, value, gradient = _advance(groups, rows, population, eta, value, gradient, move)
    return Modes(eta, covariance, hessian)


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


def _precision(hessian: Array, rows: list[int], population: Population) -> Array:
    """Negative second derivatives of each group's log posterior, (group, row, row)."""
    return -hessian[:, rows][:, :, rows] + np.diag(population.spread**-2)


def _inverse(precision: Array) -> Array:
    """Inverse of |precision|: curvatures of the wrong sign count as their size."""
    roots, axes = np.linalg.eigh(np.where(np.isfinite(precision), precision, 0.0))
    return np.einsum("gij,gj,gkj->gik", axes, 1 / np.maximum(np.abs(roots), 1e-3), axes)


def _shared_step(
    groups: SideBySide, target: GroupTarget, population: Population, modes: Modes
) -> Array:
    """Newton step of the shared rows with the groups following (Schur complement)."""
    rows, shared = list(target.varying), shared_rows(target)
    _, gradient = groups.value_and_gradient(modes.eta)
    cross = -modes.hessian[:, rows][:, :, shared]
    follow = np.einsum("gij,gjk->gik", modes.covariance, cross)
    curvature = -modes.hessian[:, shared][:, :, shared].sum(axis=0)
    curvature -= np.einsum("gik,gij->kj", cross, follow)
    slope = gradient[shared].sum(axis=1)
    slope += target.population.log_prior(population.m[:, None])[1][shared, 0]
    roots, axes = np.linalg.eigh(curvature)
    step = axes @ ((axes.T @ slope) / np.maximum(np.abs(roots), 1.0))
    return np.clip(step, -0.5, 0.5)
