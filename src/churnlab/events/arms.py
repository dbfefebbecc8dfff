"""Arms of a treatment: who gets a message and who is held out, by a hash of the id alone."""

from __future__ import annotations

import hashlib

TREAT, HOLDOUT = "treat", "holdout"
ARMS = (TREAT, HOLDOUT)


def unit_interval(customer_id: str, salt: str) -> float:
    """Map an id to [0, 1) by SHA-256: the same on every day and machine."""
    digest = hashlib.sha256(f"{salt}:{customer_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2.0**64


def arm_of(customer_id: str, holdout_share: float, salt: str) -> str:
    """Return the standing arm: raising the share keeps everyone who was in the holdout in it."""
    return HOLDOUT if unit_interval(customer_id, salt) < holdout_share else TREAT
