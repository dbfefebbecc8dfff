"""Intervals by customer bootstrap x posterior draws, from tables of counts.

Given a posterior draw everybody has a cell, and resampling n customers with replacement makes the
cells' counts multinomial with the observed shares. So the bootstrap needs the counts of each draw
only, never the customers again: exact, and free of N.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.events.ids import positions
from churnlab.segments.grid.snapshot import N_CODES, Snapshot
from churnlab.types import Array, Ints

#: Position of "not a member on that day" in the joint tables.
ABSENT = N_CODES
WIDTH = N_CODES + 1


def counts_by_draw(snapshot: Snapshot, who: NDArray[np.bool_] | None = None) -> Ints:
    """Return the members per cell under each draw, shape (draw, 20); `who` selects members."""
    table, kind = snapshot.drawn.kinds
    members = np.bincount(kind if who is None else kind[who], minlength=table.shape[1])
    return np.stack([_sums(cell, members, N_CODES) for cell in table])


def _sums(key: NDArray[np.integer], members: Ints, size: int) -> Ints:
    """Add up the members of kinds by their key."""
    return np.bincount(key, weights=members, minlength=size).astype(np.int64)


class Pairing:
    """The same customers on two days, matched by id.

    before, after: The earlier and the later day.
    n: Customers of either day: those of the earlier, then the new ones.
    before_at, after_at: Where each day's members stand among them.
    """

    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        self.before, self.after = before, after
        at = positions(after.ids, before.ids)
        new = at < 0
        self.n = before.n_members + int(new.sum())
        self._new = new
        self.before_at = np.arange(before.n_members)
        self.after_at = np.where(new, before.n_members + np.cumsum(new) - 1, at)

    @property
    def ids(self) -> NDArray[np.object_]:
        """Everybody's id, (customer,)."""
        ids = pd.concat([self.before.ids, self.after.ids[self._new]])
        return ids.to_numpy(dtype=object)

    @classmethod
    def of(cls, before: Snapshot, after: Snapshot) -> Pairing:
        """Return the pairing of two days, matched once for all tables of them."""
        if id(before) not in after.paired:
            after.paired[id(before)] = cls(before, after)
        found: Pairing = after.paired[id(before)]
        return found

    def codes(self) -> tuple[Ints, Ints]:
        """Return everybody's cell before and after; `ABSENT` if not a member."""
        before = self._spread(self.before.code, self.before_at, ABSENT)
        return before, self._spread(self.after.code, self.after_at, ABSENT)

    def joint(self) -> Ints:
        """Return the table of counts (21 before, 21 after)."""
        before, after = self.codes()
        return np.bincount(WIDTH * before + after, minlength=WIDTH**2).reshape(WIDTH, WIDTH)

    def joint_by_draw(self) -> Ints:
        """Return the joint tables under each draw, shape (draw, 21, 21)."""
        (was, kind_before), (now, kind_after) = self.before.drawn.kinds, self.after.drawn.kinds
        # who is absent is of one more kind, the last
        width = now.shape[1] + 1
        pair = width * self._spread(kind_before, self.before_at, was.shape[1])
        pair += self._spread(kind_after, self.after_at, width - 1)
        pairs, members = np.unique(pair, return_counts=True)
        before, after = np.divmod(pairs, width)
        draws = range(max(len(was), len(now)))
        keys = (
            WIDTH * np.append(was[d % len(was)], ABSENT)[before].astype(np.int64)
            + np.append(now[d % len(now)], ABSENT)[after]
            for d in draws
        )
        return np.stack([_sums(k, members, WIDTH**2).reshape(WIDTH, WIDTH) for k in keys])

    def _spread(self, values: NDArray[np.integer], at: Ints, absent: int) -> Ints:
        out = np.full(self.n, absent, dtype=np.int64)
        out[at] = values
        return out


def resample(counts: Ints, replicates: int, rng: np.random.Generator) -> Ints:
    """Draw bootstrap tables: replicate i resamples the customers under draw i modulo draws.

    counts (draw, ...): One table per posterior draw, all with the same total.
    Returns: array of int, shape (replicate, ...)
    """
    n_draws, shape = counts.shape[0], counts.shape[1:]
    flat = counts.reshape(n_draws, -1)
    total = int(flat[0].sum())
    if total == 0:
        return np.zeros((replicates, *shape), dtype=np.int64)
    shares = flat / total
    drawn = rng.multinomial(total, shares[np.arange(replicates) % n_draws])
    return drawn.reshape(replicates, *shape)


def interval(
    tables: Ints, statistic: Callable[[Ints], Array], level: float = 0.9
) -> tuple[Array, Array]:
    """Return the quantiles of a statistic over resampled tables.

    tables (replicate, ...): From `resample`.
    statistic: Vectorised over the first axis: (replicate, ...) -> (replicate, value).
    """
    values = statistic(tables)
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail], axis=0)
    return low, high
