"""The state rule: late by the own rhythm. It cuts no risk and learns nothing."""

from __future__ import annotations

from dataclasses import dataclass

from churnlab.errors import UsageError
from churnlab.posterior.settings import LATE, Lateness
from churnlab.rules.costs import Costs
from churnlab.rules.types import Threshold
from churnlab.vocabulary import OVERDUE


@dataclass(kw_only=True)
class OverdueRule(Costs):
    """At risk once `quantile` of those who come back within `window_cycles` rhythms are back.

    The state needs no costs; where they are stated, they choose who is worth a message.

    Attributes
    ----------
    name : str
        Name in the registry.
    quantile : float
        Share of the customers like this one who have come back, of those who do.
    window_cycles : float
        Window in own rhythms within which they come back.
    first_value : float, optional
        Quantile for first purchasers; default: the same as for repeat buyers.
    """

    name: str = OVERDUE
    quantile: float = LATE.value
    window_cycles: float = Lateness.window_cycles
    first_value: float | None = None

    def __post_init__(self) -> None:
        """Check quantiles and window."""
        super().__post_init__()
        Lateness(window_cycles=self.window_cycles)
        for name in ("quantile", "first_value"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise UsageError(f"{name} must lie strictly between 0 and 1; got {value}.")

    def threshold(self) -> Threshold:
        """Return the state as a cut on lateness."""
        return Threshold(
            self.quantile,
            self.quantile if self.first_value is None else self.first_value,
            OVERDUE,
            self.name,
            window_cycles=self.window_cycles,
        )
