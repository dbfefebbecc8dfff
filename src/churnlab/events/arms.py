"""Arms of a treatment: who gets a message and who is held out, by a hash of the id alone."""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

TREAT, HOLDOUT = "treat", "holdout"
ARMS = (TREAT, HOLDOUT)
#: Ids that are Python's at a time.
_CHUNK: Final = 1 << 16


def unit_interval(customer_id: str, salt: str) -> float:
    """Map an id to [0, 1) by SHA-256: the same on every day and machine."""
    digest = hashlib.sha256(f"{salt}:{customer_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2.0**64


def arm_of(customer_id: str, holdout_share: float, salt: str) -> str:
    """Return the standing arm: raising the share keeps everyone who was in the holdout in it."""
    return HOLDOUT if unit_interval(customer_id, salt) < holdout_share else TREAT


def held_out(ids: pd.Series[str], holdout_share: float, salt: str) -> NDArray[np.bool_]:
    """Return who is in the holdout by `arm_of`, (row,): millions of ids at a time."""
    begun = hashlib.sha256(f"{salt}:".encode())

    def word(customer_id: str) -> bytes:
        whole = begun.copy()
        whole.update(customer_id.encode())
        return whole.digest()[:8]

    parts = (ids.iloc[i : i + _CHUNK].to_list() for i in range(0, len(ids), _CHUNK))
    words = b"".join(word(customer_id) for part in parts for customer_id in part)
    return np.frombuffer(words, ">u8").astype(np.float64) / 2.0**64 < holdout_share
