"""Targets whose coordinates give every group (or covariate profile) parameters of its own.

A subclass says how coordinates u become eta, the unconstrained parameters of each group, and how a
gradient by eta goes back to u; likelihood, priors and units are shared.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from churnlab.inference.targets.target import Target
from churnlab.types import Array

if TYPE_CHECKING:
    from churnlab.summary import Cells


class EtaTarget(Target):
    """A target with one eta per group.

    cells: Cells with several groups.
    pooled: The same model without groups: its priors and time scale are used.
    """

    def __init__(self, cells: Cells, pooled: Target) -> None:
        texts = {name: prior.text for name, prior in pooled.named_priors()}
        super().__init__(cells, pooled.model, pooled.k, texts, time_scale=pooled.time_scale)
        self.groups = tuple(cells.groups)
        self._pooled = pooled

    def _group_codes(self, cells: Cells) -> NDArray[np.int64]:
        return np.ascontiguousarray(cells.group, dtype=np.int64)

    @property
    def population(self) -> Target:
        """The target without groups."""
        return self._pooled

    @abstractmethod
    def eta(self, u: Array) -> Array:
        """Coordinates (coordinate, ...) to eta (quantity, group, ...)."""

    @abstractmethod
    def to_u(self, u: Array, by_eta: Array) -> Array:
        """Turn a gradient by eta (quantity, group) at u into one by u."""

    @abstractmethod
    def start(self) -> tuple[Array, Array]:
        """Where sampling starts, and the scale of each coordinate."""

    def value_and_gradient(self, u: Array) -> tuple[float, Array]:
        """Log posterior and its gradient."""
        u = np.asarray(u, float)
        with np.errstate(all="ignore"):
            eta = self.eta(u)
            theta = self.map.theta(eta)
            if not np.isfinite(eta).all() or not (np.isfinite(theta).all() and (theta > 0).all()):
                return -np.inf, np.zeros_like(u)
            value, by_theta = self.engine.value_and_gradient(theta)
            self.evaluations += 1
            by_eta = self.map.pull_back(eta, theta, by_theta)
            prior, gradient = self.log_prior(u[:, None])
            total = float(value + self.data_constant + prior[0])
            gradient = gradient[:, 0] + self.to_u(u, by_eta)
        if not (np.isfinite(total) and np.isfinite(gradient).all()):
            return -np.inf, np.zeros_like(u)
        return total, gradient

    def log_likelihoods(self, u: Array) -> Array:
        """Log-likelihood of many points, (draw, coordinate) -> (draw,)."""
        with np.errstate(all="ignore"):
            theta = np.moveaxis(self.map.theta(self.eta(np.asarray(u, float).T)), -1, 0)
        good = (np.isfinite(theta) & (theta > 0)).all(axis=(1, 2))
        out = np.full(len(theta), -np.inf)
        if good.any():
            found = self.engine.values(np.ascontiguousarray(theta[good]))
            out[good] = np.where(np.isnan(found), -np.inf, found) + self.data_constant
        self.evaluations += int(good.sum())
        return out

    def theta_days(self, u: Array) -> Array:
        """Model parameters in days, (draw, coordinate) -> (draw, group, parameter)."""
        return self.in_days(self.eta(np.asarray(u, float).T))

    def in_days(self, eta: Array) -> Array:
        """Model parameters in days of eta (quantity, group, draw) -> (draw, group, parameter)."""
        theta = self.likelihood.in_unit(self.map.theta(eta), self.time_scale)
        return np.ascontiguousarray(np.moveaxis(theta, (0, 1, 2), (2, 1, 0)))

    def natural_by_group(self, u: Array) -> Array:
        """Natural quantities per day, (draw, coordinate) -> (quantity, group, draw)."""
        natural = self.map.natural(self.eta(np.asarray(u, float).T))
        for i, q in enumerate(self.map.quantities):
            if q.per_time:
                natural[i] = natural[i] / self.time_scale
        return natural


class SeparateTarget(EtaTarget):
    """No pooling: every group has parameters of its own, u = (group, coordinate) flattened."""

    @property
    def dimension(self) -> int:
        """Coordinates of all groups."""
        return len(self.map) * len(self.groups)

    def eta(self, u: Array) -> Array:
        """Coordinates (coordinate, ...) to eta (quantity, group, ...)."""
        return np.swapaxes(u.reshape(len(self.groups), len(self.map), *u.shape[1:]), 0, 1).copy()

    def to_u(self, u: Array, by_eta: Array) -> Array:
        """Turn a gradient by eta into one by u."""
        return by_eta.T.ravel()

    def start(self) -> tuple[Array, Array]:
        """Every group at the middle of the priors."""
        middle = super().prior_draws(101, np.random.default_rng(0))
        return np.tile(np.median(middle, axis=0), len(self.groups)), np.ones(self.dimension)

    def log_prior(self, u: Array) -> tuple[Array, Array]:
        """Sum of the groups' log priors (coordinate, draw), and its gradient."""
        n = len(self.map)
        parts = [super(SeparateTarget, self).log_prior(u[i : i + n]) for i in range(0, len(u), n)]
        return np.sum([v for v, _ in parts], axis=0), np.concatenate([g for _, g in parts])

    def log_stated_prior(self, u: Array) -> Array:
        """Log density of all groups' priors, (draw, coordinate) -> (draw,)."""
        n = len(self.map)
        parts = [super(SeparateTarget, self).log_stated_prior(u[:, i : i + n])
                 for i in range(0, u.shape[1], n)]  # fmt: skip
        return np.sum(parts, axis=0)

    def natural_days(self, u: Array) -> Array:
        """Natural quantities averaged over customers, (draw, quantity), rates per day."""
        customers = np.bincount(self.columns[0], self.columns[4], minlength=len(self.groups))
        values: Array = np.einsum(
            "qgd,g->dq", self.natural_by_group(u), customers / customers.sum()
        )
        return values

    def prior_draws(self, n: int, rng: np.random.Generator) -> Array:
        """Draws of u from the prior, (draw, coordinate)."""
        return np.column_stack([super(SeparateTarget, self).prior_draws(n, rng)
                                for _ in self.groups])  # fmt: skip
