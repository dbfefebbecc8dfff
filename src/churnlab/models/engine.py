"""One set of cells, prepared once; many parameter values, evaluated in threads."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from churnlab.kernels.plan import WIDTH, Cells, blocks, sort_cells, split_groups
from churnlab.models import get
from churnlab.models.base import Likelihood
from churnlab.types import Array

#: Pieces of work per thread when many draws are evaluated: ends meet, and few calls are made.
PIECES = 4
#: Draws from which blocks of them are evaluated together (`many`); fewer are taken one by one.
MANY = 6


class Engine:
    """The weighted log-likelihood of one model over one set of cells.

    model: A `Likelihood` or its name (k = 1).
    group: Group of each cell, 0 .. G - 1 (all 0 when pooled; ``arange(n)`` with covariates).
    x, t_x, T: Repeat purchases and times, in the unit of theta's time parameters.
    weight: Customers per cell.
    threads: Threads to use; all cores if None. The result does not depend on it.

    Cells are sorted by (group, x, t_x, T) and cut into blocks of fixed size; block sums are added
    in block order.
    """

    def __init__(
        self,
        model: Likelihood | str,
        group: ArrayLike,
        x: ArrayLike,
        t_x: ArrayLike,
        T: ArrayLike,
        weight: ArrayLike,
        threads: int | None = None,
    ) -> None:
        self.model = get(model) if isinstance(model, str) else model
        self.threads = threads or os.cpu_count() or 1
        self._groups: list[slice] = []
        parts: list[Cells] = []
        for block in blocks(sort_cells(group, x, t_x, T, weight)):
            cells, groups = split_groups(block)
            parts.append(cells)
            self._groups.append(groups)
        self._kernels = self.model.kernels
        self._arguments = [self._kernels.arguments(cells) for cells in parts]

    def value_and_gradient(self, theta: ArrayLike) -> tuple[float, Array]:
        """Return the log-likelihood and its derivatives (parameter, group) at theta, same shape."""
        totals, gradient = self.by_group(theta)
        return float(totals.sum()), gradient

    def by_group(self, theta: ArrayLike) -> tuple[Array, Array]:
        """Return each group's log-likelihood (group,) and its derivatives (parameter, group)."""
        theta = np.asarray(theta, float)
        jobs = [(i, np.ascontiguousarray(theta[:, g])) for i, g in enumerate(self._groups)]
        loops = self._kernels
        parts = self._map(
            lambda job: loops.gradient(job[1], *self._arguments[job[0]], *loops.constants), jobs
        )
        totals, gradient = np.zeros(theta.shape[1]), np.zeros(theta.shape)
        for (value, slope), groups in zip(parts, self._groups, strict=True):
            totals[groups] += value
            gradient[:, groups] += slope
        return totals, gradient

    def value(self, theta: ArrayLike) -> float:
        """Return the log-likelihood at theta (parameter, group)."""
        return float(self.values(np.asarray(theta, float)[None])[0])

    def values(self, thetas: ArrayLike) -> Array:
        """Return the log-likelihood (draw,) at each of thetas (draw, parameter, group)."""
        return np.asarray(self.values_by_group(thetas).sum(axis=1))

    def values_by_group(self, thetas: ArrayLike) -> Array:
        """Return each group's log-likelihood (draw, group) at thetas (draw, parameter, group)."""
        thetas = np.asarray(thetas, float)
        if len(thetas) < MANY:
            found = [self.by_group(theta)[0] for theta in thetas]
            return np.array(found).reshape(len(thetas), thetas.shape[2])
        blocks = range(len(self._groups))
        rows = -(-len(thetas) // WIDTH)
        pieces = min(rows, PIECES * self.threads)
        if pieces < self.threads:
            return self._add(self._map(lambda i: self._block(i, thetas), list(blocks)), thetas)
        cuts = WIDTH * (np.arange(1, pieces) * rows // pieces)  # no two threads share a sum
        found = self._map(lambda part: self._add([self._block(i, part) for i in blocks], part),
                          np.split(thetas, cuts))  # fmt: skip
        return np.concatenate(found)

    def _block(self, i: int, thetas: Array) -> Array:
        """Return the log-likelihood of a block by its groups, (draw, group of the block)."""
        own = np.ascontiguousarray(thetas[:, :, self._groups[i]])
        return self._kernels.values(own, *self._arguments[i], *self._kernels.constants)

    def _add(self, parts: list[Array], thetas: Array) -> Array:
        """Sum blocks in their order."""
        totals = np.zeros((len(thetas), thetas.shape[2]))
        for value, groups in zip(parts, self._groups, strict=True):
            totals[:, groups] += value
        return totals

    def _map(self, function: Callable[[Any], Any], jobs: list[Any]) -> list[Any]:
        """Apply `function` to the jobs, in threads, in order."""
        if self.threads == 1 or len(jobs) == 1:
            return [function(job) for job in jobs]
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(function, jobs))


def value_and_gradient(
    model: Likelihood | str,
    theta: ArrayLike,
    group: ArrayLike,
    x: ArrayLike,
    t_x: ArrayLike,
    T: ArrayLike,
    weight: ArrayLike,
    threads: int | None = None,
) -> tuple[float, Array]:
    """Weighted log-likelihood and derivatives at theta (parameter, group); see `Engine`.

    For many values of theta make an `Engine` once: it keeps what depends on the cells only.
    """
    return Engine(model, group, x, t_x, T, weight, threads).value_and_gradient(theta)


def values(
    model: Likelihood | str,
    thetas: ArrayLike,
    group: ArrayLike,
    x: ArrayLike,
    t_x: ArrayLike,
    T: ArrayLike,
    weight: ArrayLike,
    threads: int | None = None,
) -> Array:
    """Weighted log-likelihood (draw,) at thetas (draw, parameter, group); see `Engine`."""
    return Engine(model, group, x, t_x, T, weight, threads).values(thetas)
