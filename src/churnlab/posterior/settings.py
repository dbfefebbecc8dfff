"""What a user may choose about risk, and the limits that the definitions fix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np

from churnlab.errors import UsageError, one_of
from churnlab.types import Array
from churnlab.vocabulary import RISK_BASES

#: A personal window stays between these many days (docs/risk.md).
SHORTEST_WINDOW_DAYS: Final = 14
LONGEST_WINDOW_DAYS: Final = 182
#: A risk that does not stay above the threshold within ten years never does.
LAST_DAY: Final = 3652
#: Nobody is late before this many own rhythms have passed, nor before this day after the purchase:
#: where customers drop out fast (Pareto/NBD), those who come back do so early, and a quantile of
#: theirs alone would call a silence late that is shorter than the customer's usual gap.
LEAST_CYCLES: Final = 1.0
EARLIEST_LATE_DAY: Final = 2
#: Of the annual discount rate.
DAYS_PER_YEAR: Final = 365.0
#: Stands for "never" where days are counted; dates show `churnlab.vocabulary.FAR_DATE`.
NEVER: Final = -1


#: Quantiles of the next purchase: median and 80% interval.
QUANTILES: Final = (0.5, 0.1, 0.9)


def _ordered(levels: Sequence[float]) -> bool:
    """Say whether levels are median, low and high end inside (0, 1)."""
    if len(levels) != len(QUANTILES):
        return False
    middle, low, high = levels
    return bool(0 < low < middle < high < 1)


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
    due_levels : list of float, optional
        Levels of the model's law behind `due_date`, `due_q10`, `due_q90`; default: learnt from
        earlier gaps where the history is twice that long, else [0.5, 0.1, 0.9].

    Raises
    ------
    UsageError
        An unknown basis; windows that are not positive.

    Examples
    --------
    >>> import churnlab as cl
    >>> cl.RiskConfig(basis="fixed_days", horizon_days=30).windowed_basis
    'fixed_days'
    """

    basis: str = "p_alive"
    horizon_days: int = 90
    cycles: float = 2.0
    due_window_days: int = 365
    due_levels: Any = None

    def __post_init__(self) -> None:
        """Refuse unknown bases and windows that are not positive."""
        one_of("risk.basis", self.basis, RISK_BASES)
        for name in ("horizon_days", "due_window_days"):
            value = getattr(self, name)
            if value != int(value) or value < 1:
                raise UsageError(f"risk.{name} must be a whole number of days >= 1; got {value!r}.")
        if not self.cycles > 0:
            raise UsageError(f"risk.cycles must be positive; got {self.cycles}.")
        if self.due_levels is not None and not _ordered(self.due_levels):
            raise UsageError(
                "risk.due_levels must be the levels of median, low and high end, such as "
                f"[0.5, 0.1, 0.9]; got {self.due_levels}."
            )

    @property
    def levels(self) -> tuple[float, ...]:
        """Levels of `due_date`, `due_q10`, `due_q90`."""
        return QUANTILES if self.due_levels is None else tuple(self.due_levels)

    @property
    def windowed_basis(self) -> str:
        """The basis that outcomes can check: its own, or own rhythms instead of P(alive)."""
        return "personal_cycles" if self.basis == "p_alive" else self.basis


@dataclass(frozen=True, kw_only=True)
class Lateness:
    """A silence measured by the own rhythm: who would come back and has not.

    Of the customers like this one who come back within `window_cycles` own rhythms, the share
    that has come back by now. It rises with silence from 0 to 1 and needs neither an identified
    dropout nor an outcome, since it looks only at those who come back (docs/risk.md).

    window_cycles: Window in own rhythms; the rhythm is the one of the last purchase.
    least_cycles: Nobody counts as due before so many own rhythms; 0 for the bare share.
    """

    window_cycles: float = 6.0
    least_cycles: float = LEAST_CYCLES

    def __post_init__(self) -> None:
        """Refuse a window that ends before anybody can be late."""
        if not 0 <= self.least_cycles < self.window_cycles < float("inf"):
            raise UsageError(
                f"window_cycles must be greater than {self.least_cycles:g} own rhythm, from which "
                f"on somebody can be late; got {self.window_cycles}."
            )

    def shortest(self, window: Array) -> Array:
        """Return the shortest silence, days, that is late under windows of `window_cycles`."""
        if self.least_cycles == 0:
            return np.zeros_like(window)
        rhythm = np.asarray(window) / self.window_cycles
        return np.maximum(self.least_cycles * rhythm, EARLIEST_LATE_DAY)


#: What a state is cut on.
Measure = RiskConfig | Lateness


class StateCut(NamedTuple):
    """From where on a purchaser is at risk: a measure of the silence and a cut on it."""

    measure: Measure
    value: float
    first_value: float
    """Of customers with one purchase."""


#: The default state: four of five who come back have come back by now.
LATE: Final = StateCut(Lateness(), 0.8, 0.8)


@dataclass(kw_only=True)
class ValueConfig:
    """What a customer is still worth: residual value.

    Parameters
    ----------
    horizon_days : int
        Purchases of so many days after `as_of` count.
    discount_rate : float
        Annual: a purchase t days ahead is worth (1 + discount_rate)^(-t / 365) of one today.
    margin_rate : float
        Margin per unit of amount; 1 makes the value a revenue.
    per_purchase : float, optional
        Margin of one purchase, the same for everybody; used instead of the amounts (and needed
        where there are none).
    priors : mapping
        Priors of the spend model as text, by name: amount_mean (in units of the customers'
        geometric mean), amount_shape, amount_concentration.

    Raises
    ------
    UsageError
        A horizon outside 1 to 3652 days; a rate or a margin that no money can have.

    Examples
    --------
    >>> import churnlab as cl
    >>> value = cl.ValueConfig(discount_rate=0.1, margin_rate=0.4)
    """

    horizon_days: int = 365
    discount_rate: float = 0.1
    margin_rate: float = 1.0
    per_purchase: float | None = None
    priors: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse values that no money can have."""
        if self.horizon_days != int(self.horizon_days) or not 1 <= self.horizon_days <= LAST_DAY:
            raise UsageError(
                f"value.horizon_days must be a whole number of days from 1 to {LAST_DAY}; "
                f"got {self.horizon_days}."
            )
        if not 0 <= self.discount_rate < float("inf"):
            raise UsageError(
                f"value.discount_rate must be 0 or greater, .1 for 10% a year; "
                f"got {self.discount_rate}."
            )
        for name in ("margin_rate", "per_purchase"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise UsageError(f"value.{name} must be positive; got {value}.")

    def discount(self, days: Array | float) -> Array:
        """Return what one unit so many days ahead is worth today.

        Parameters
        ----------
        days : float or array
            Days ahead.

        Returns
        -------
        array
            Of the shape of `days`; (1 + discount_rate)^(-days / 365).

        Examples
        --------
        >>> float(value.discount(365).round(3))
        0.909
        """
        return np.asarray((1.0 + self.discount_rate) ** (-np.asarray(days) / DAYS_PER_YEAR))


def check_threshold(value: float, name: str = "threshold") -> float:
    """Return a threshold as a float, refusing values outside (0, 1)."""
    if not 0 < float(value) < 1:
        raise UsageError(f"{name} must lie strictly between 0 and 1; got {value}.")
    return float(value)
