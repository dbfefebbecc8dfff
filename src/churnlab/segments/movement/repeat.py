"""First -> repeat (P14): how many first purchasers of each cell buy again."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.metrics import Difference, paired_difference
from churnlab.segments.grid.snapshot import Snapshot
from churnlab.segments.grid.states import N_PURCHASE_STATES
from churnlab.segments.movement.resampling import ABSENT, Pairing
from churnlab.segments.movement.shrinkage import shrink
from churnlab.vocabulary import ALL_CODES

_FIRST = [i for i, code in enumerate(ALL_CODES) if code.startswith("first_")]


def repeat_table(before: Snapshot, after: Snapshot, strength: float | None = None) -> pd.DataFrame:
    """Return the share of first purchasers in each cell who have bought again by `after`.

    Rates are shrunk to the pooled rate of all first purchasers; the strength of the pull is the
    one under which the counts are most probable, unless given.

    Returns
    -------
    DataFrame
        ``segment_code, n, n_repeat, share, repeat_rate, repeat_rate_q05, repeat_rate_q95,
        strength, days``: `days` is the follow-up.
    """
    origin, destination = Pairing.of(before, after).codes()
    repeat = _is_repeat(destination)
    n = np.array([(origin == i).sum() for i in _FIRST])
    k = np.array([(repeat & (origin == i)).sum() for i in _FIRST])
    rates = repeat_rates(n, k, strength)
    days = (after.as_of - before.as_of).days
    frame = pd.DataFrame({"segment_code": [ALL_CODES[i] for i in _FIRST]})
    frame = frame.assign(**rates, days=days)
    return frame.loc[frame["n"] > 0].reset_index(drop=True)


def repeat_rates(
    n: np.ndarray, n_repeat: np.ndarray, strength: float | None = None
) -> dict[str, np.ndarray | float]:
    """Return shrunk repeat rates of cells with `n` first purchasers of whom `n_repeat` repeated."""
    counts = np.stack([n_repeat, n - n_repeat], axis=1)
    shrunk = shrink(counts, strength)
    return {
        "n": n,
        "n_repeat": n_repeat,
        "share": n_repeat / np.maximum(n, 1),
        "repeat_rate": shrunk.mean[:, 0],
        "repeat_rate_q05": shrunk.q05[:, 0],
        "repeat_rate_q95": shrunk.q95[:, 0],
        "strength": shrunk.strength,
    }


def compare_repeat_rates(
    past: pd.DataFrame, held_out: pd.DataFrame, rng: np.random.Generator
) -> Difference:
    """Return the held-out log score of shrunk rates minus that of unpooled ones.

    Both learn the repeat rate of each cell on `past`; the unpooled rate is smoothed by half a
    customer on either side. Scores are losses (-log probability of what came): below 0 means that
    shrinking helps.

    Parameters
    ----------
    past, held_out : DataFrame
        ``customer_id, segment_code, repeated`` (bool); see `first_purchasers`.
    """
    cells = sorted(set(past["segment_code"]) | set(held_out["segment_code"]))
    by_cell = past.groupby("segment_code")["repeated"].agg(["size", "sum"]).reindex(cells).fillna(0)
    n, k = (by_cell[c].to_numpy(dtype=np.int64) for c in ("size", "sum"))
    shrunk = np.asarray(repeat_rates(n, k)["repeat_rate"])
    smoothed = (k + 0.5) / (n + 1)
    cell = np.searchsorted(cells, held_out["segment_code"].to_numpy(dtype=object))
    repeated = held_out["repeated"].to_numpy(dtype=bool)

    def loss(rate: np.ndarray) -> np.ndarray:
        return np.asarray(-np.log(np.where(repeated, rate[cell], 1 - rate[cell])))

    return paired_difference(loss(shrunk), loss(smoothed), held_out["customer_id"], rng)


def first_purchasers(before: Snapshot, after: Snapshot) -> pd.DataFrame:
    """Return ``customer_id, segment_code, repeated`` of all first purchasers at `before`."""
    pairing = Pairing.of(before, after)
    origin, destination = pairing.codes()
    first = np.isin(origin, _FIRST)
    return pd.DataFrame(
        {
            "customer_id": pairing.ids[first],
            "segment_code": np.array([*ALL_CODES, ""], dtype=object)[origin[first]],
            "repeated": _is_repeat(destination)[first],
        }
    )


def _is_repeat(code: NDArray[np.signedinteger]) -> NDArray[np.bool_]:
    repeat: NDArray[np.bool_] = np.isin(code % N_PURCHASE_STATES, (0, 2)) & (code != ABSENT)
    return repeat
