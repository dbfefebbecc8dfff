"""Distinct rows and the way back, so that the work is done once per cell."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from churnlab.scoring.forms import Array


class DistinctRows:
    """Distinct combinations of a group code and columns.

    Attributes
    ----------
    group : array of int (cell,)
        Group code per cell.
    columns : tuple of array (cell,)
        The other columns per cell.
    inverse : array of int (row,)
        Cell of each row: ``per_cell[inverse]`` is per row.
    """

    def __init__(self, group: ArrayLike, *columns: ArrayLike) -> None:
        frame = pd.DataFrame(
            {i: np.asarray(c, np.float64) for i, c in enumerate((group, *columns))}
        )
        self.inverse: NDArray[np.int64] = np.zeros(0, np.int64)
        if len(frame):
            number = frame.groupby(list(frame.columns), sort=True).ngroup()
            self.inverse = np.asarray(number, np.int64)
        rows = frame.drop_duplicates().sort_values(list(frame.columns)).to_numpy()
        self.group: NDArray[np.int64] = rows[:, 0].astype(np.int64)
        self.columns: tuple[Array, ...] = tuple(
            np.ascontiguousarray(rows[:, i]) for i in range(1, rows.shape[1])
        )
