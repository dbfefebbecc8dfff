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

from churnlab.segments.grid.snapshot import N_CODES, Snapshot

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Position of "not a member on that day" in the joint tables.
ABSENT = N_CODES
WIDTH = N_CODES + 1


def counts_by_draw(snapshot: Snapshot, who: NDArray[np.bool_] | None = None) -> Ints:
    """Return the members per cell under each draw, shape (draw, 20); `who` selects members."""
    keep = slice(None) if who is None else who
    return np.stack(
        [
            np.bincount(snapshot.drawn.codes(d)[keep], minlength=N_CODES)
            for d in range(snapshot.drawn.n_draws)
        ]
    )


class Pairing:
    """The same customers on two days, matched by id.

    Parameters
    ----------
    before, after : Snapshot
        The earlier and the later day.

    Attributes
    ----------
    ids : array of str, shape (customer,)
        Everybody of either day.
    before_at, after_at : array of int
        Where each day's members stand in `ids`.
    """

    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        self.before, self.after = before, after
        at = pd.Index(before.ids).get_indexer(pd.Index(after.ids))
        new = at < 0
        self.ids = np.concatenate([before.ids, after.ids[new]])
        self.before_at = np.arange(before.n_members)
        self.after_at = np.where(new, before.n_members + np.cumsum(new) - 1, at)

    def codes(self, draw: int | None = None) -> tuple[Ints, Ints]:
        """Return everybody's cell before and after (`ABSENT` if not a member), point or by draw."""
        before = self.before.code if draw is None else self.before.drawn.codes(draw)
        after = self.after.code if draw is None else self.after.drawn.codes(draw)
        return self._spread(before, self.before_at), self._spread(after, self.after_at)

    def joint(self, draw: int | None = None, who: NDArray[np.bool_] | None = None) -> Ints:
        """Return the table of counts (21 before, 21 after), point or by draw."""
        before, after = self.codes(draw)
        key = WIDTH * before + after
        counts = np.bincount(key if who is None else key[who], minlength=WIDTH**2)
        return counts.reshape(WIDTH, WIDTH)

    def joint_by_draw(self, who: NDArray[np.bool_] | None = None) -> Ints:
        """Return the joint tables under each draw, shape (draw, 21, 21)."""
        n = max(self.before.drawn.n_draws, self.after.drawn.n_draws)
        return np.stack([self.joint(d, who) for d in range(n)])

    def _spread(self, code: NDArray[np.int8], at: Ints) -> Ints:
        out = np.full(len(self.ids), ABSENT, dtype=np.int64)
        out[at] = code
        return out


def resample(counts: Ints, replicates: int, rng: np.random.Generator) -> Ints:
    """Draw bootstrap tables: replicate i resamples the customers under draw i modulo draws.

    Parameters
    ----------
    counts : array of int, shape (draw, ...)
        One table per posterior draw, all with the same total.

    Returns
    -------
    array of int, shape (replicate, ...)
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

    Parameters
    ----------
    tables : array of int, shape (replicate, ...)
        From `resample`.
    statistic : callable
        Vectorised over the first axis: (replicate, ...) -> (replicate, value).
    """
    values = statistic(tables)
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail], axis=0)
    return low, high
