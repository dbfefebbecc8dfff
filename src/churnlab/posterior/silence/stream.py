"""Work over cells in pieces: runs of equal (group, x) in threads, chunks of rows within a run.

Every row's result is a function of its own x, t_x, T and the draws, so neither the order of rows,
nor the size of chunks, nor the number of threads can change it. Memory is O(chunk x draws).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from churnlab.models.draws import PopulationDraws
from churnlab.models.silence import Process
from churnlab.types import Array, Ints

Maker = Callable[[float], Process]

#: Elements (row x draw) of one temporary matrix: a megabyte, so that it stays in cache.
CHUNK_ELEMENTS = 1 << 17
#: So few of them are done in the caller's thread sooner than others are started.
SMALL_ELEMENTS = 1 << 20
#: Numbers of purchases x draws whose tables are held at once; each takes some 30 doubles.
TABLE_ELEMENTS = 1 << 18


class Cells(Protocol):
    """What is needed of `churnlab.summary.Cells`: distinct rows, days."""

    @property
    def group(self) -> Ints:
        """Codes into the groups, (row,)."""

    @property
    def x(self) -> Array:
        """Repeat purchases, (row,)."""

    @property
    def t_x(self) -> Array:
        """First to last purchase, (row,)."""

    @property
    def T(self) -> Array:  # noqa: N802 (the field's own symbol)
        """First purchase to the cutoff, (row,)."""


class Rows(NamedTuple):
    """Rows of customers or cells: group codes, x, t_x, T, each of shape (row,)."""

    group: Ints
    x: Array
    t_x: Array
    T: Array

    def at(self, where: Ints | NDArray[np.bool_]) -> Rows:
        """Return the rows at some places."""
        return Rows(self.group[where], self.x[where], self.t_x[where], self.T[where])


@dataclass(frozen=True)
class Keys:
    """Distinct (group, x, t_x): dates and rhythms depend on nothing else."""

    group: Ints
    x: Array
    t_x: Array
    of: Ints
    """Key of each row."""


def rows_of(cells: Cells, draws: PopulationDraws | None = None) -> Rows:
    """Return the four columns of cells as arrays of the right types.

    cells: `churnlab.summary.Cells`, or `Rows`.
    draws: With them, group codes are those of the *draws'* groups: matched by name where the cells
        have names, so that a summary made on another day may have groups in another order.
    Raises UsageError: A group of the cells that the draws do not know, and no population to draw it
        from.
    """
    group = np.asarray(cells.group, np.int64)
    names = getattr(cells, "groups", None)
    if draws is not None and names is not None and names != draws.groups:
        group = draws.codes_of(names)[group]
    return Rows(group, *(np.asarray(v, np.float64) for v in (cells.x, cells.t_x, cells.T)))


def keys_of(rows: Rows) -> Keys:
    """Return the distinct (group, x, t_x) of rows and each row's key."""
    order = np.lexsort((rows.t_x, rows.x, rows.group))
    new = np.ones(len(order), bool)
    new[1:] = np.any([np.diff(v[order]) != 0 for v in (rows.group, rows.x, rows.t_x)], axis=0)
    of = np.empty(len(order), np.int64)
    of[order] = np.cumsum(new) - 1
    first = order[new]
    return Keys(rows.group[first], rows.x[first], rows.t_x[first], of)


def runs(group: Ints, x: Array, *within: Array) -> list[Ints]:
    """Return the positions of each run of equal (group, x), in that order, sorted by `within`."""
    if not len(x):
        return []
    order = np.lexsort((*within[::-1], x, group))
    change = np.flatnonzero((np.diff(group[order]) != 0) | (np.diff(x[order]) != 0)) + 1
    return list(np.split(order, change))


def chunks(n: int, n_draws: int, elements: int | None = None) -> Iterator[slice]:
    """Cut n rows into slices of at most `elements` row x draw values."""
    step = max(1, (elements or CHUNK_ELEMENTS) // max(n_draws, 1))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def for_each_run(
    draws: PopulationDraws,
    group: Ints,
    x: Array,
    oldest: float,
    work: Callable[[Process, Ints], None],
    *,
    age: Array | None = None,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Call ``work(process, positions)`` for every run of equal (group, x), in threads.

    group, x: Shape (row,).
    oldest: Largest age in days that the work will ask for.
    age: T, (row,), where positions shall come in its order: what depends on the age alone is then
        shared by the rows of a chunk.
    work: Writes its results at `positions` of arrays of its own. NumPy releases the interpreter's
        lock within each operation, so threads share the cores.
    """
    pieces = runs(group, x, *(() if age is None else (age,)))
    done, total = 0, max(len(x), 1)
    workers = threads or min(os.cpu_count() or 1, 16)
    with ThreadPoolExecutor(workers) as pool:
        small = len(x) * draws.n_draws <= SMALL_ELEMENTS
        each: Callable[..., Iterable[int]] = map if small else pool.map
        for batch in _batches(pieces, draws.n_draws):
            makers = _makers(draws, group, x, batch, oldest)

            def one(positions: Ints, makers: dict[int, Maker] = makers) -> int:
                first = positions[0]
                work(makers[int(group[first])](float(x[first])), positions)
                return len(positions)

            for size in each(one, sorted(batch, key=len, reverse=True)):
                done += size
                if progress is not None:
                    progress(done / total)


def _batches(pieces: list[Ints], n_draws: int) -> Iterator[list[Ints]]:
    """Cut the runs into batches whose tables (Pareto/NBD) take no more than about 64 MB."""
    step = max(8, TABLE_ELEMENTS // max(n_draws, 1))
    for start in range(0, len(pieces), step):
        yield pieces[start : start + step]


def _makers(
    draws: PopulationDraws, group: Ints, x: Array, batch: list[Ints], oldest: float
) -> dict[int, Maker]:
    """Return for each group of the batch a function of x that makes the process."""
    leads = np.array([piece[0] for piece in batch])
    codes = group[leads]
    return {
        int(code): draws.likelihood.process(
            draws.of_group(int(code)).T, x[leads[codes == code]], oldest
        )
        for code in np.unique(codes)
    }
