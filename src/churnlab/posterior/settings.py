"""What a user may choose about risk, and the limits that the definitions fix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from churnlab.errors import UsageError, nearest
from churnlab.vocabulary import RISK_BASES

#: A personal window stays between these many days (DOMAIN section 3).
SHORTEST_WINDOW_DAYS: Final = 14
LONGEST_WINDOW_DAYS: Final = 182
#: A risk that does not stay above the threshold within ten years never does.
LAST_DAY: Final = 3652
#: Stands for "never" where days are counted; dates show `churnlab.vocabulary.FAR_DATE`.
NEVER: Final = -1


@dataclass(kw_only=True)
class RiskConfig:
    """The definition of risk, and how far ahead forecasts look.

    Parameters
    ----------
    basis : str
        `p_alive` (risk = 1 - P(alive)), `personal_cycles` (no purchase within `cycles` own
        rhythms, at least 14 and at most 182 days) or `fixed_days` (none within `horizon_days`).
    horizon_days : int
        Window of `fixed_days` and of expected purchases, in days.
    cycles : float
        Window of `personal_cycles`, in own rhythms.
    due_window_days : int
        `due_date` asks when the next purchase comes, given that it comes within so many days.
    """

    basis: str = "p_alive"
    horizon_days: int = 90
    cycles: float = 2.0
    due_window_days: int = 365

    def __post_init__(self) -> None:
        """Refuse unknown bases and windows that are not positive."""
        if self.basis not in RISK_BASES:
            raise UsageError(
                f"risk.basis {self.basis!r} is not known; expected one of {', '.join(RISK_BASES)}."
                + nearest(self.basis, RISK_BASES)
            )
        for name in ("horizon_days", "due_window_days"):
            value = getattr(self, name)
            if value != int(value) or value < 1:
                raise UsageError(f"risk.{name} must be a whole number of days >= 1; got {value}.")
        if not self.cycles > 0:
            raise UsageError(f"risk.cycles must be positive; got {self.cycles}.")


def check_threshold(value: float, name: str = "threshold") -> float:
    """Return a threshold as a float, refusing values outside (0, 1)."""
    if not 0 < float(value) < 1:
        raise UsageError(f"{name} must lie strictly between 0 and 1; got {value}.")
    return float(value)
