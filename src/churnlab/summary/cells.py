"""Distinct rows of the data with weights: what a likelihood reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from churnlab.types import Array, Ints

POOLED = ("all",)
#: Whole numbers up to here are whole in a column of 64 bits.
_WHOLE: Final = 1 << 62


@dataclass(frozen=True)
class Cells:
    """Distinct (group, x, t_x, T), sorted by them, with the number of customers of each.

    x (cell,): Repeat purchase-days.
    t_x, T (cell,): Days from the first to the last purchase, and to the cutoff.
    weight (cell,): Customers.
    sum_log_gap (cell,): Sum over gaps of ln(days), the mean of the cell's customers; -inf where a
        gap is 0 days.
    group (cell,): Codes into `groups`.
    groups: ``("all",)`` when pooled.
    """

    x: Array
    t_x: Array
    T: Array
    weight: Array
    sum_log_gap: Array
    group: Ints
    groups: tuple[str, ...] = POOLED

    @property
    def n_customers(self) -> int:
        """Number of customers."""
        return round(float(self.weight.sum()))

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.x)

    @staticmethod
    def collapse(
        x: ArrayLike,
        t_x: ArrayLike,
        T: ArrayLike,
        *,
        sum_log_gap: ArrayLike | None = None,
        group: ArrayLike | None = None,
        groups: Sequence[str] = POOLED,
    ) -> tuple[Cells, Ints]:
        """Return the cells of customers, and the cell of each customer.

        x, t_x, T (customer,): As above.
        sum_log_gap (customer,): 0 where missing.
        group (customer,): Codes into `groups`.
        Returns cells : Cells.
        Returns inverse (customer,): ``cells.x[inverse]`` is `x`.
        """
        xs, ts, ages = (np.asarray(v, dtype=np.float64) for v in (x, t_x, T))
        n = len(xs)
        codes = np.zeros(n, np.int64) if group is None else np.asarray(group, dtype=np.int64)
        gaps = np.zeros(n) if sum_log_gap is None else np.asarray(sum_log_gap, dtype=np.float64)
        first, inverse = distinct_rows(codes, xs, ts, ages)
        weight = np.bincount(inverse).astype(np.float64)
        cells = Cells(
            x=xs[first],
            t_x=ts[first],
            T=ages[first],
            weight=weight,
            sum_log_gap=np.bincount(inverse, weights=gaps) / weight,
            group=codes[first],
            groups=tuple(groups),
        )
        return cells, inverse


def distinct_rows(*columns: ArrayLike) -> tuple[Ints, Ints]:
    """Return which rows of a table are its distinct ones, sorted, and which of them each row is.

    As ``np.unique(table, axis=0)``, which sorts a million rows ten times slower. Columns of small
    whole numbers, as most are, are joined into one; it is hashed, and only what is distinct sorted.

    columns (row,): The table, the first column the slowest in the order.
    Returns first (distinct,): A row of each kind: ``column[first]`` is the distinct table, sorted.
    Returns inverse (row,): ``column[first][inverse]`` is `column`.
    """
    table = [np.asarray(c) for c in columns]
    if (joined := _joined(table)) is not None:
        kind, distinct = pd.factorize(joined)
        order = np.argsort(distinct)
        first, rank = np.empty(len(order), np.int64), np.empty(len(order), np.int64)
        first[kind[::-1]] = np.arange(len(kind))[::-1]  # the last to be written is the first row
        rank[order] = np.arange(len(order))
        return first[order], rank[kind]
    order = np.lexsort(table[::-1])
    new = np.ones(order.size, dtype=bool)
    if order.size:
        new[1:] = np.any([v[1:] != v[:-1] for v in (c[order] for c in table)], axis=0)
    inverse = np.empty(order.size, dtype=np.int64)
    inverse[order] = np.cumsum(new) - 1
    return order[new], inverse


def _joined(table: list[NDArray[Any]]) -> Ints | None:
    """Return columns of whole numbers from 0 on as one that sorts like them; None where none is."""
    joined, size = np.zeros(len(table[0]), np.int64), 1
    for column in table:
        if not len(column) or not 0 <= column.min() <= (most := column.max()) < _WHOLE // size:
            return None
        whole = column.astype(np.int64)
        if (whole != column).any():
            return None
        size *= int(most) + 1
        joined = joined * (int(most) + 1) + whole
    return joined
