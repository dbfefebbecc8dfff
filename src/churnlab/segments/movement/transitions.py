"""Where customers of a cell go, by how long they have been silent in it.

States are functions of idle clocks, so a cell is not a Markov state: the rows are origin cell x
dwell band, each shrunk to the pooled row of its cell.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.segments.config import SegmentsConfig
from churnlab.segments.grid.snapshot import N_CODES, Snapshot
from churnlab.segments.movement.resampling import ABSENT, WIDTH, Pairing
from churnlab.segments.movement.shrinkage import shrink
from churnlab.vocabulary import ALL_CODES

#: Destination of those who are no member any more.
LEFT = "left"
_DESTINATIONS = (*ALL_CODES, LEFT)


def transition_table(before: Snapshot, after: Snapshot, config: SegmentsConfig) -> pd.DataFrame:
    """Return transition shares per origin cell and dwell band, shrunk, with 90% intervals.

    The dwell is counted from the last day on which one of the customer's clocks was reset or ran
    out (last purchase or visit, start of risk or inactivity, signup): ``state_since``.

    Returns: ``origin, dwell_band, destination, n_origin, n, share, probability, probability_q05,
        probability_q95``, for bands with at least one customer. The band ``all`` is the cell's own
        pooled row (not shrunk further).
    """
    counts = transition_counts(before, after, config.dwell_bands)
    bands = [*band_names(config.dwell_bands), "all"]
    parts = [
        _cell_rows(ALL_CODES[cell], bands, counts[cell], config.prior_strength)
        for cell in np.flatnonzero(counts.sum(axis=(1, 2)) > 0)
    ]
    return pd.concat(parts, ignore_index=True) if parts else _cell_rows("", [], counts[0, :0], 1.0)


def transition_counts(before: Snapshot, after: Snapshot, edges: Sequence[int]) -> NDArray[np.int64]:
    """Count customers by origin cell, dwell band and destination, shape (20, band, 21)."""
    pairing = Pairing.of(before, after)
    origin, destination = pairing.codes()
    here = origin != ABSENT
    days = dwell_days(before)
    band = np.zeros(len(origin), dtype=np.int64)
    band[pairing.before_at] = np.searchsorted(edges, days, side="left")
    n_bands = len(edges) + 1
    key = (origin[here] * n_bands + band[here]) * WIDTH + destination[here]
    counts = np.bincount(key, minlength=N_CODES * n_bands * WIDTH)
    return counts.reshape(N_CODES, n_bands, WIDTH)


def dwell_days(snapshot: Snapshot) -> NDArray[np.int64]:
    """Return days since each member's ``state_since``."""
    since = snapshot.membership["state_since"].to_numpy().astype("datetime64[D]")
    days = (np.datetime64(snapshot.as_of, "D") - since).astype(np.int64)
    return np.asarray(days)


def band_names(edges: Sequence[int]) -> list[str]:
    """Return names such as ``0-7``, ``8-30``, ``31+`` for upper edges 7, 30."""
    lower = [0, *[e + 1 for e in edges]]
    return [f"{a}-{b}" for a, b in zip(lower, edges, strict=False)] + [f"{lower[-1]}+"]


def _cell_rows(
    origin: str, bands: list[str], counts: NDArray[np.int64], strength: float
) -> pd.DataFrame:
    """Tidy rows of one origin cell; `counts` is (band, destination)."""
    everyone = counts.sum(axis=0, keepdims=True)
    pooled = _pooled(origin, everyone[0])
    rows = np.concatenate([counts, everyone]) if bands else counts
    shrunk = shrink(rows, strength, pooled)
    n_origin = rows.sum(axis=1)
    keep = n_origin > 0
    width = len(_DESTINATIONS)
    kept = int(keep.sum())
    return pd.DataFrame(
        {
            "origin": [origin] * (kept * width),
            "dwell_band": np.repeat(np.array(bands, dtype=object)[keep[: len(bands)]], width),
            "destination": list(_DESTINATIONS) * kept,
            "n_origin": np.repeat(n_origin[keep], width),
            "n": rows[keep].ravel(),
            "share": (rows[keep] / n_origin[keep, None]).ravel(),
            "probability": shrunk.mean[keep].ravel(),
            "probability_q05": shrunk.q05[keep].ravel(),
            "probability_q95": shrunk.q95[keep].ravel(),
        }
    )


def _pooled(origin: str, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Shares of the cell's pooled row, half a customer added where one can go at all.

    Purchases are not undone: a repeat customer stays one, a first purchaser never becomes none.
    """
    smoothed = counts + 0.5 * np.array([_possible(origin, to) for to in _DESTINATIONS])
    return np.asarray(smoothed / smoothed.sum())


def _possible(origin: str, destination: str) -> bool:
    if destination == LEFT or origin.startswith("none"):
        return True
    if origin.startswith("first"):
        return not destination.startswith("none")
    return destination.startswith("repeat")
