"""The likelihoods of all groups side by side: one pass over the cells serves every group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churnlab.inference.structure import EtaTarget

Array = NDArray[np.float64]

#: Step of the differences of exact gradients.
STEP = 1e-4


class SideBySide:
    """Log-likelihood of each group as a function of its own eta; inner time, no constants."""

    def __init__(self, target: EtaTarget) -> None:
        self.map, self.engine = target.map, target.engine
        self.n_groups = len(target.groups)
        self.passes = 0

    def value_and_gradient(self, eta: Array) -> tuple[Array, Array]:
        """Return (group,) and its gradient (4, group) at eta (4, group); -inf outside."""
        with np.errstate(all="ignore"):
            theta, good = self._theta(eta)
            value, by_theta = self.engine.by_group(theta)
            gradient = self.map.pull_back(eta, theta, by_theta)
        self.passes += 2
        good &= np.isfinite(value) & np.isfinite(gradient).all(axis=0)
        return np.where(good, value, -np.inf), np.where(good, gradient, 0.0)

    def values(self, eta: Array) -> Array:
        """Return (particle, group) at eta (particle, 4, group)."""
        with np.errstate(all="ignore"):
            theta, good = self._theta(np.moveaxis(eta, 1, 0))
            found = self.engine.values_by_group(np.ascontiguousarray(np.moveaxis(theta, 0, 1)))
        self.passes += len(eta)
        return np.where(good & np.isfinite(found), found, -np.inf)

    def hessian(self, eta: Array) -> Array:
        """Return second derivatives (group, 4, 4) by differences of exact gradients."""
        columns = []
        for i in range(4):
            shift = np.zeros_like(eta)
            shift[i] = STEP
            high, low = (self.value_and_gradient(eta + sign * shift)[1] for sign in (1, -1))
            columns.append((high - low) / (2 * STEP))
        found = np.transpose(np.array(columns), (2, 0, 1))
        return np.asarray((found + np.swapaxes(found, 1, 2)) / 2)

    def _theta(self, eta: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Model parameters, 1 where they overflow, and where they do not."""
        theta = self.map.theta(eta)
        good = (np.isfinite(theta) & (theta > 0)).all(axis=0)
        return np.where(good, theta, 1.0), good
