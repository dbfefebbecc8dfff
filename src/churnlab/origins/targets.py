"""What is forecast: no purchase in a window, of H days or of c own rhythms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from churnlab.origins.past import Past
from churnlab.types import Array, Ints

#: Personal windows stay within these days (docs/risk.md).
SHORTEST, LONGEST = 14, 182


@dataclass(frozen=True)
class Target:
    """A label: 1 when no purchase comes in the window.

    basis: fixed_days or personal_cycles.
    length: Days, or own rhythms.
    """

    basis: str
    length: float

    @property
    def label(self) -> str:
        """Name in tables: ``90d`` or ``2 cycles``."""
        if self.basis == "fixed_days":
            return f"{self.length:g}d"
        return f"{self.length:g} cycles"

    @property
    def reach_days(self) -> int:
        """Days that must be known after an origin for the label to be complete for everybody."""
        return int(self.length) if self.basis == "fixed_days" else LONGEST

    def windows(self, past: Past) -> Ints:
        """Return each customer's window in days, from what is known at the origin."""
        if self.basis == "fixed_days":
            return np.full(past.n, int(self.length), dtype=np.int64)
        days = np.ceil(np.clip(self.length * common_rhythm(past), SHORTEST, LONGEST))
        return days.astype(np.int64)


def targets(horizon_days: Sequence[int], cycles: Sequence[float]) -> list[Target]:
    """Return the labels of a split, fixed windows first."""
    fixed = [Target("fixed_days", float(h)) for h in dict.fromkeys(horizon_days)]
    return fixed + [Target("personal_cycles", float(c)) for c in dict.fromkeys(cycles)]


def common_rhythm(past: Past) -> Array:
    """Days between purchases by one rule for all candidates, so that all have the same labels.

    (t_x + g) / (x + 1), g the mean gap of all customers at the origin: the customer's own gaps and
    one typical gap. A model's own rhythm would give each model its own label. It is frozen at the
    last purchase, so that silence cannot move the goal posts.
    """
    repeats = past.x.sum()
    typical = past.t_x.sum() / repeats if repeats > 0 else past.T.mean()
    rhythm: Array = (past.t_x + max(typical, 1.0)) / (past.x + 1.0)
    return rhythm
