"""Everybody's place in the grid on one day, by the mean risk and by every posterior draw."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.segments.grid.states import (
    ALL_VISIT_STATES,
    N_PURCHASE_STATES,
    NO_PURCHASE,
    UNKNOWN,
    Codes,
    cells,
)
from churnlab.vocabulary import ALL_CODES, PURCHASE_STATES

N_CODES = len(ALL_CODES)


class DrawnStates(NamedTuple):
    """States of distinct rows of data under each posterior draw, and whose row is whose.

    Purchase and visit fits are separate posteriors, so draw d of one meets draw d of the other.
    """

    purchase: Codes
    """(draw, purchase row)."""
    purchase_row: NDArray[np.int64]
    """(member,) row of `purchase`, -1 without a purchase."""
    visit: Codes
    """(draw, visit row)."""
    visit_row: NDArray[np.int64]
    """(member,) row of `visit`, -1 where the visit state is unknown."""

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return max(self.purchase.shape[0], self.visit.shape[0])

    def codes(self, draw: int) -> Codes:
        """Return everybody's cell under one draw, shape (member,)."""
        purchase = _take(self.purchase, draw, self.purchase_row, NO_PURCHASE)
        visit = _take(self.visit, draw, self.visit_row, UNKNOWN)
        return cells(purchase, visit)

    def probabilities(self) -> NDArray[np.float64]:
        """Return P(cell) per member, shape (member, 20): the two axes' posteriors multiplied."""
        bought = _frequencies(self.purchase, N_PURCHASE_STATES, NO_PURCHASE)[self.purchase_row]
        visits = _frequencies(self.visit, len(ALL_VISIT_STATES), UNKNOWN)[self.visit_row]
        return (visits[:, :, None] * bought[:, None, :]).reshape(len(bought), N_CODES)


@dataclass(frozen=True)
class Snapshot:
    """The grid on one day.

    Parameters
    ----------
    as_of : date
        The day, complete.
    membership : DataFrame
        One row per member, sorted by ``customer_id``; see docs/segments.md for the columns.
    code : ndarray of int8, shape (member,)
        Cell by the dates (mean risk), position in `vocabulary.ALL_CODES`.
    drawn : DrawnStates
        Cells under every posterior draw.
    notes : tuple of str
        What had to be decided on the way, for example purchasers missing from the members table.
    """

    as_of: dt.date
    membership: pd.DataFrame
    code: Codes
    drawn: DrawnStates
    notes: tuple[str, ...] = field(default=())

    @property
    def n_members(self) -> int:
        """Number of members on the day."""
        return len(self.code)

    @property
    def ids(self) -> NDArray[np.object_]:
        """Members' ids, sorted."""
        return self.membership["customer_id"].to_numpy(dtype=object)


def _take(states: Codes, draw: int, row: NDArray[np.int64], missing: int) -> Codes:
    if states.shape[1] == 0:
        return np.full(len(row), missing, dtype=np.int8)
    drawn = states[draw % states.shape[0]][row]
    return np.where(row < 0, np.int8(missing), drawn)


def _frequencies(states: Codes, n_states: int, missing: int) -> NDArray[np.float64]:
    """Share of draws per state, (row + 1, state); the last row, index -1, is surely `missing`."""
    out = np.zeros((states.shape[1] + 1, n_states))
    for state in range(n_states):
        if states.shape[1]:
            out[:-1, state] = (states == state).mean(axis=0)
    out[-1, missing] = 1.0
    return out


def state_columns(code: Codes) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Return purchase and visit states as text for cells."""
    purchase = np.array(PURCHASE_STATES, dtype=object)[code % N_PURCHASE_STATES]
    return purchase, np.array(ALL_VISIT_STATES, dtype=object)[code // N_PURCHASE_STATES]
