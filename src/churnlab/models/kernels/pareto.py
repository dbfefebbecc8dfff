"""Kernel of Pareto/NBD."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from churnlab.models.kernels import compiled
from churnlab.models.kernels.plan import find_runs, sort_cells


def rules() -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return Gauss-Legendre nodes and weights on [0, 1]: (rule size, (node, weight), index)."""
    table = np.zeros((13, 2, 12))
    for n in (4, 6, 8, 12):
        z, w = np.polynomial.legendre.leggauss(n)
        table[n, 0, :n], table[n, 1, :n] = (z + 1) / 2, w / 2
    return table


RULES = rules()


def kernel(theta: Any, group: Any, x: Any, t_x: Any, T: Any, weight: Any) -> Any:
    """Return (value, gradient (parameter, group)) of the weighted log-likelihood."""
    cells = sort_cells(group, x, t_x, T, weight)
    totals, gradient = compiled.pareto_gradient(theta, find_runs(cells), cells.weight, RULES)
    return float(totals.sum()), gradient


def cell_log_likelihoods(thetas: Any, group: Any, x: Any, t_x: Any, T: Any) -> Any:
    """Return the log-likelihood of one customer of each cell under each draw, (draw, cell).

    `thetas` is (draw, parameter, group). A draw is a job: threads do not change a bit.
    """
    n = np.size(x)
    order = np.lexsort((T, t_x, x, group))
    group, x, t_x, T = (np.asarray(v)[order] for v in (group, x, t_x, T))
    runs = find_runs(sort_cells(group, x, t_x, T, np.ones(n)))
    out = np.empty((len(thetas), n))

    def one(draw: int) -> None:
        values = np.empty(n)
        compiled.pareto_cells(np.ascontiguousarray(thetas[draw]), runs, RULES, values)
        out[draw, order] = values

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, range(len(thetas))))
    return out
