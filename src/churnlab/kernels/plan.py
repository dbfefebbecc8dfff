"""The order of work over the cells: blocks of rows, and for Pareto/NBD runs with shared times.

Made once for a set of cells and used for every parameter value.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from churnlab.types import Array

Index = NDArray[np.int64]

#: Cells in a block of work; blocks are summed in a fixed order, whatever the number of threads.
BLOCK = 16_384
#: Draws that are evaluated side by side (`many`): enough to fill vector instructions, few enough
#: for the tables of a run to stay in cache.
WIDTH = 32


class Runs(NamedTuple):
    """Cells of equal (group, x), with the distinct times among their t_x and T."""

    group: Index
    x: Array
    #: Run j holds cells first_cell[j] .. first_cell[j + 1] and times likewise.
    first_cell: Index
    first_time: Index
    times: Array
    #: Positions of each cell's t_x and T in `times`.
    i_start: Index
    i_end: Index


class Cells(NamedTuple):
    """Cells as the kernels take them: contiguous, sorted by (group, x, t_x, T)."""

    group: Index
    x: Array
    t_x: Array
    T: Array
    weight: Array


def sort_cells(group: Any, x: Any, t_x: Any, T: Any, weight: Any) -> Cells:
    """Return the cells as contiguous arrays in (group, x, t_x, T) order."""
    g = np.ascontiguousarray(group, np.int64)
    a, b, c, w = (np.ascontiguousarray(v, float) for v in (x, t_x, T, weight))
    order = np.lexsort((c, b, a, g))
    if np.array_equal(order, np.arange(order.size)):
        return Cells(g, a, b, c, w)
    return Cells(g[order], a[order], b[order], c[order], w[order])


def find_runs(cells: Cells) -> Runs:
    """Return the runs of sorted `cells`."""
    n = cells.x.size
    change = np.flatnonzero((np.diff(cells.group) != 0) | (np.diff(cells.x) != 0)) + 1
    first_cell = np.concatenate([[0], change, [n]]).astype(np.int64)
    run = np.repeat(np.arange(first_cell.size - 1), np.diff(first_cell))
    both = np.concatenate([cells.t_x, cells.T])
    owner = np.concatenate([run, run])
    order = np.lexsort((both, owner))
    fresh = np.ones(2 * n, bool)
    fresh[1:] = (np.diff(both[order]) != 0) | (np.diff(owner[order]) != 0)
    place = np.empty(2 * n, np.int64)
    place[order] = np.cumsum(fresh) - 1
    times = both[order][fresh]
    first_time = np.searchsorted(owner[order][fresh], np.arange(first_cell.size)).astype(np.int64)
    lead = first_cell[:-1]
    return Runs(
        cells.group[lead], cells.x[lead], first_cell, first_time, times, place[:n], place[n:]
    )


def blocks(cells: Cells) -> list[Cells]:
    """Cut the cells into blocks of `BLOCK` rows."""
    edges = [*range(0, cells.x.size, BLOCK), cells.x.size]
    return [
        Cells(cells.group[i:j], cells.x[i:j], cells.t_x[i:j], cells.T[i:j], cells.weight[i:j])
        for i, j in pairwise(edges)
    ]


def split_groups(cells: Cells) -> tuple[Cells, slice]:
    """Renumber a block's groups from 0; the slice picks them out of theta's last axis."""
    first, last = int(cells.group[0]), int(cells.group[-1])
    return cells._replace(group=cells.group - first), slice(first, last + 1)
