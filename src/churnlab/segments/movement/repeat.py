"""First -> repeat (P14): how many first purchasers of each cell buy again."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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

    Returns: ``segment_code, n, n_repeat, share, repeat_rate, repeat_rate_q05, repeat_rate_q95,
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


def _is_repeat(code: NDArray[np.signedinteger]) -> NDArray[np.bool_]:
    repeat: NDArray[np.bool_] = np.isin(code % N_PURCHASE_STATES, (0, 2)) & (code != ABSENT)
    return repeat
