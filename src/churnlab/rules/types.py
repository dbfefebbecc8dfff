"""What a rule learns from and what it returns."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from churnlab.errors import UsageError
from churnlab.metrics.bootstrap import CustomerBootstrap, cluster_codes
from churnlab.metrics.cost import Ranked
from churnlab.posterior.settings import Lateness, RiskConfig, StateCut
from churnlab.types import Array

#: Cuts keep this far from 0 and 1 where dates are sought.
EDGE = 1e-6


def inside(*cuts: float) -> tuple[float, ...]:
    """Return cuts moved strictly inside (0, 1), by `EDGE`."""
    return tuple(float(cut) for cut in np.clip(cuts, EDGE, 1 - EDGE))


@dataclass(frozen=True)
class Evidence:
    """Risks, and outcomes where known, that a rule learns from, at one or several origins.

    A row stands for the customers of one origin who are alike.

    risk (row,): Risk under the basis of the decision, 0 to 1.
    outcome (row,): 1 when no purchase came in the window, on *earlier* origins.
    origin (row,): Origin of the row, for the spread over origins.
    row, customer (member,): Who is in which row: a customer, the unit that is resampled, is in one
        row of each origin. Default: each row is one customer of its own.
    """

    risk: Array
    outcome: Array | None = None
    origin: NDArray[Any] | None = None
    row: NDArray[np.int64] | None = None
    customer: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        r, y = self.risk, self.outcome
        if r.ndim != 1 or r.size == 0:
            raise UsageError(f"risk must be a non-empty vector; got shape {r.shape}.")
        if not np.isfinite(r).all() or r.min() < 0 or r.max() > 1:
            raise UsageError("risk must be finite and lie within [0, 1].")
        if y is not None and (y.shape != r.shape or not np.isin(y, (0, 1)).all()):
            raise UsageError("outcome must be 0 or 1 and as long as risk.")

    @cached_property
    def weight(self) -> Array:
        """Customers of each row."""
        if self.row is None:
            return np.ones(self.risk.size)
        return np.bincount(self.row, minlength=self.risk.size).astype(np.float64)

    @cached_property
    def ranked(self) -> Ranked:
        """Customers and events by distinct risk; no events where outcomes are unknown."""
        return self._ranked(slice(None))

    @cached_property
    def by_origin(self) -> list[Ranked]:
        """The same of each origin; empty where none is named."""
        when = self.origin
        return [] if when is None else [self._ranked(when == o) for o in np.unique(when)]

    def resampled(self, replicates: int, rng: np.random.Generator) -> Iterator[Ranked]:
        """Rank resamples of the customers, in blocks of replicates."""
        row = np.arange(self.risk.size) if self.row is None else self.row
        codes, n = cluster_codes(row if self.customer is None else self.customer)
        drawn = CustomerBootstrap(n, replicates, rng)
        return Ranked.resampled(self.risk, self._events, codes, drawn, row)

    @property
    def _events(self) -> Array:
        return np.zeros(self.risk.size) if self.outcome is None else self.outcome

    def _ranked(self, at: NDArray[np.bool_] | slice) -> Ranked:
        return Ranked.of(self.risk[at], self._events[at], self.weight[at])


@dataclass(frozen=True)
class Threshold:
    """A cut on risk, or on lateness by the own rhythm: at risk means at the value or above.

    value, first_value: Cut for repeat buyers and for first purchasers (equal unless the rule says
        otherwise).
    low, high: 90% interval of `value`: bootstrap over customers, all their origins together. None
        where the value is not learnt.
    origin_low, origin_high: Least and greatest value when chosen on one origin at a time (None with
        one origin).
    basis: What the cut is on: a risk (p_alive, personal_cycles, fixed_days), or overdue.
    rule: Name of the rule.
    learnt_until: Last day of the outcomes it was learnt from; None when nothing was learnt.
    cost_per_customer: Realised cost of the cut where it was learnt, under the stated costs.
    extra_cost_lower, extra_cost_higher: What a cut ten points (.10) lower or higher would cost
        *more*, per customer, same data.
    curve: threshold, flagged_share, precision, recall, cost_per_customer on the data it was learnt
        on.
    notes: What was assumed or fell short, in plain words.
    window_cycles: Under overdue: the window in own rhythms within which customers come back.
    quantile: Under overdue: the share of those who come back that is back on the date. `value` is
        the level of the model's own share at which that holds (equal where nothing was learnt).
    """

    value: float
    first_value: float
    basis: str
    rule: str
    low: float | None = None
    high: float | None = None
    origin_low: float | None = None
    origin_high: float | None = None
    learnt_until: dt.date | None = None
    cost_per_customer: float | None = None
    extra_cost_lower: float | None = None
    extra_cost_higher: float | None = None
    curve: pd.DataFrame | None = field(default=None, compare=False, repr=False)
    notes: tuple[str, ...] = ()
    window_cycles: float | None = None
    quantile: float | None = None

    def state(self, risk: RiskConfig) -> StateCut:
        """Return the state that it defines; `risk` is what a cut on risk is on."""
        if self.window_cycles is not None:
            return StateCut(Lateness(window_cycles=self.window_cycles), *self.inside())
        return StateCut(risk, *self.inside())

    def inside(self) -> tuple[float, float]:
        """Return both cuts strictly inside (0, 1), as dates need them.

        A learnt cut of 0 or 1 means that contacting everybody, or nobody, was cheapest; moved by
        1e-6 it still flags everybody, or nobody, whose risk is not certain.
        """
        value, first = inside(self.value, self.first_value)
        return value, first

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; the curve as a list of records."""
        plain = {k: v for k, v in vars(self).items() if k != "curve"}
        plain["notes"] = list(self.notes)
        plain["curve"] = None if self.curve is None else self.curve.to_dict("records")
        return plain

    def flag(self, risk: ArrayLike, first: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Return who is at risk; `first` marks customers without a repeat purchase."""
        r = np.asarray(risk, dtype=np.float64)
        cut = self.value if first is None else np.where(first, self.first_value, self.value)
        return np.asarray(r >= cut)
