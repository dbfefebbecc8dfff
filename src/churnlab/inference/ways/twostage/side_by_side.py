"""The likelihoods of all groups side by side: one pass over the cells serves every group."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from churnlab.inference.targets.covariates import ROWS, CovariateTarget
from churnlab.inference.targets.structure import EtaTarget
from churnlab.types import Array

#: Step of the differences of exact gradients.
STEP = 1e-4


class SideBySide:
    """Log-likelihood of each group as a function of its own rows; inner time, no constants.

    n_groups, n_rows: Shape of what every method takes: rows x groups, here those of eta.
    width: Parameter sets that one evaluation is made of.
    passes: Passes over the cells so far.
    """

    def __init__(self, target: EtaTarget) -> None:
        self.map, self.engine = target.map, target.engine
        self.n_rows = len(self.map)
        self.n_groups = self.width = len(target.groups)
        self.passes = 0

    def value_and_gradient(self, eta: Array) -> tuple[Array, Array]:
        """Return (group,) and its gradient (row, group) at eta (row, group); -inf outside."""
        with np.errstate(all="ignore"):
            theta, good = self._theta(eta)
            value, by_theta = self.engine.by_group(theta)
            gradient = self.map.pull_back(eta, theta, by_theta)
        self.passes += 2
        good &= np.isfinite(value) & np.isfinite(gradient).all(axis=0)
        return np.where(good, value, -np.inf), np.where(good, gradient, 0.0)

    def values(self, eta: Array) -> Array:
        """Return (particle, group) at eta (particle, row, group)."""
        with np.errstate(all="ignore"):
            theta, good = self._theta(np.moveaxis(eta, 1, 0))
            found = self.engine.values_by_group(np.ascontiguousarray(np.moveaxis(theta, 0, 1)))
        self.passes += len(eta)
        return np.where(good & np.isfinite(found), found, -np.inf)

    def bends(self, eta: Array, rows: Sequence[int]) -> Array:
        """Return second derivatives by any row and some `rows`, (group, row, one of rows).

        Differences of exact gradients.
        """
        columns = []
        for row in rows:
            shift = np.zeros_like(eta)
            shift[row] = STEP
            high, low = (self.value_and_gradient(eta + sign * shift)[1] for sign in (1, -1))
            columns.append((high - low) / (2 * STEP))
        found = np.array(columns).reshape(len(columns), *eta.shape)
        return np.transpose(found, (2, 1, 0))

    def _theta(self, eta: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Model parameters, 1 where they overflow, and where they do not."""
        theta = self.map.theta(eta)
        good = (np.isfinite(theta) & (theta > 0)).all(axis=0)
        return np.where(good, theta, 1.0), good


class ProfilesSideBySide(SideBySide):
    """The same where customers of a group differ by covariates.

    Rows are those of eta and the effects on rate and dropout; the latter are the same in all
    groups, and those of the first are read.
    """

    def __init__(self, target: CovariateTarget) -> None:
        super().__init__(target)
        self.design = target.design
        self.n_groups = len(self.design.groups)
        self.n_rows = len(self.map) + len(ROWS) * target.n_effects
        profiles = np.arange(self.width)
        of_group = (np.ones(self.width), (self.design.group, profiles))
        self._sum = csr_array(of_group, shape=(self.n_groups, self.width))

    def value_and_gradient(self, eta: Array) -> tuple[Array, Array]:
        """Return (group,) and its gradient (row, group) at eta (row, group); -inf outside."""
        value, by_eta = super().value_and_gradient(self._by_profile(eta[None])[0])
        by_effect = [self._sum @ (by_eta[row][:, None] * self.design.matrix) for row in ROWS]
        return self._sum @ value, np.concatenate([self._sum @ by_eta.T, *by_effect], axis=1).T

    def values(self, eta: Array) -> Array:
        """Return (particle, group) at eta (particle, row, group)."""
        return np.asarray((self._sum @ super().values(self._by_profile(eta)).T).T)

    def _by_profile(self, eta: Array) -> Array:
        """Rows of each group to eta of each profile, (particle, row, profile)."""
        n = len(self.map)
        found = eta[:, :n, self.design.group]
        effects = np.split(eta[:, n:, 0], len(ROWS), axis=1)
        for row, effect in zip(ROWS, effects, strict=True):
            found[:, row] += effect @ self.design.matrix.T
        return found


def side_by_side(target: EtaTarget) -> SideBySide:
    """Return the likelihoods of a target's groups."""
    if isinstance(target, CovariateTarget):
        return ProfilesSideBySide(target)
    return SideBySide(target)
