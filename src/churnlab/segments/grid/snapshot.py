"""Everybody's place in the grid on one day, by the mean risk and by every posterior draw."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

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
from churnlab.vocabulary import ALL_CODES

N_CODES = len(ALL_CODES)


@dataclass(frozen=True)
class DrawnStates:
    """States of distinct rows of data under each posterior draw, and whose row is whose.

    Purchase and visit fits are separate posteriors, so draw d of one meets draw d of the other.

    purchase, visit (draw, row): States of each axis.
    purchase_row, visit_row (member,): Row of `purchase` and of `visit`; -1: no purchase, visit
        state unknown.
    """

    purchase: Codes
    purchase_row: NDArray[np.int64]
    visit: Codes
    visit_row: NDArray[np.int64]

    @classmethod
    def collapse(
        cls,
        purchase: Codes,
        purchase_row: NDArray[np.int64],
        visit: Codes,
        visit_row: NDArray[np.int64],
    ) -> DrawnStates:
        """Keep each sequence of states once: most rows have one state under every draw."""
        bought, of_purchase = _distinct_columns(purchase)
        seen, of_visit = _distinct_columns(visit)
        # an index of -1 stays -1
        return cls(bought, of_purchase[purchase_row], seen, of_visit[visit_row])

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return int(max(self.purchase.shape[0], self.visit.shape[0]))

    @cached_property
    def kinds(self) -> tuple[Codes, NDArray[np.int64]]:
        """Cells of each kind of member under every draw, (draw, kind), and who is which (member,).

        A kind is a pair of rows, so tables of everybody are sums over kinds.
        """
        width = self.visit.shape[1] + 1
        pair = (self.purchase_row + 1) * width + self.visit_row + 1
        pairs, kind = np.unique(pair, return_inverse=True)
        purchase, visit = np.divmod(pairs, width)
        draws = np.arange(self.n_draws)
        return (
            cells(
                _take(self.purchase, draws, purchase - 1, NO_PURCHASE),
                _take(self.visit, draws, visit - 1, UNKNOWN),
            ),
            kind.astype(np.int64),
        )

    def codes(self, draw: int) -> Codes:
        """Return everybody's cell under one draw, shape (member,)."""
        table, kind = self.kinds
        return np.asarray(table[draw % self.n_draws][kind])

    def by_axis(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return P(purchase state) and P(visit state) per member, (member, 5) and (member, 4)."""
        return (
            _frequencies(self.purchase, N_PURCHASE_STATES, NO_PURCHASE)[self.purchase_row],
            _frequencies(self.visit, len(ALL_VISIT_STATES), UNKNOWN)[self.visit_row],
        )

    def probabilities(self) -> NDArray[np.float64]:
        """Return P(cell) per member, shape (member, 20): the two axes' posteriors multiplied."""
        bought, visits = self.by_axis()
        return (visits[:, :, None] * bought[:, None, :]).reshape(len(bought), N_CODES)


@dataclass(frozen=True)
class Snapshot:
    """The grid on one day.

    as_of: The day, complete.
    membership: One row per member, sorted by ``customer_id``; see docs/segments.md for the columns.
    code (member,): Cell by the dates (mean risk), position in `vocabulary.ALL_CODES`.
    drawn: Cells under every posterior draw.
    notes: What had to be decided on the way, for example purchasers missing from the members table.
    """

    as_of: dt.date
    membership: pd.DataFrame
    code: Codes
    drawn: DrawnStates
    notes: tuple[str, ...] = field(default=())
    paired: dict[int, Any] = field(default_factory=dict, repr=False, compare=False)
    """Pairings with earlier days, by the earlier snapshot's id (see `movement.resampling`)."""

    @property
    def n_members(self) -> int:
        """Number of members on the day."""
        return len(self.code)

    @property
    def ids(self) -> pd.Series[str]:
        """Members' ids, sorted."""
        return self.membership["customer_id"]


def _take(states: Codes, draws: NDArray[np.int64], row: NDArray[np.int64], missing: int) -> Codes:
    """Return the states of rows under draws, (draw, row); `missing` at row -1."""
    if states.shape[1] == 0:
        return np.full((len(draws), len(row)), missing, dtype=np.int8)
    return np.where(row < 0, np.int8(missing), states[draws % states.shape[0]][:, row])


def _distinct_columns(states: Codes) -> tuple[Codes, NDArray[np.int64]]:
    """Return the distinct columns, (draw, kind), and the kind of each column, -1 appended.

    Most have one state under every draw: only the others are sorted as sequences.
    """
    moving = np.flatnonzero((states != states[0]).any(axis=0))
    sequences = np.ascontiguousarray(states[:, moving].T)
    of = np.unique(sequences.view(np.dtype((np.void, len(states)))).ravel(), return_inverse=True)[1]
    key = states[0].astype(np.int64)
    key[moving] = N_CODES + of
    _, first, kind = np.unique(key, return_index=True, return_inverse=True)
    return np.ascontiguousarray(states[:, first]), np.append(kind, -1)


def _frequencies(states: Codes, n_states: int, missing: int) -> NDArray[np.float64]:
    """Share of draws per state, (row + 1, state); the last row, index -1, is surely `missing`."""
    out = np.zeros((states.shape[1] + 1, n_states))
    for state in range(n_states):
        if states.shape[1]:
            out[:-1, state] = (states == state).mean(axis=0)
    out[-1, missing] = 1.0
    return out
