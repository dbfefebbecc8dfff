"""What a user may choose about visits and segments."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from churnlab.errors import UsageError, nearest, one_of
from churnlab.models import MODELS
from churnlab.posterior.settings import LATE, Lateness, Measure, RiskConfig
from churnlab.vocabulary import ALL_CODES, OVERDUE, RISK_BASES, SEGMENT_CODES

POLARITIES = ("positive", "neutral", "negative")


@dataclass(kw_only=True)
class VisitsConfig:
    """The visit axis: a model of visit-days and two cut points on the silence since the last.

    A member is visit-active below `risk_value`, at risk from there on, and inactive from
    `inactive_value` on. Under `overdue` both are quantiles: of the members like this one who come
    back within `window_cycles` own rhythms, so many have come back by now.
    """

    model: str = "mbg_nbd"
    k: int | None = None
    """Erlang shape of the ``*_cnbd_k`` models; None lets the fit choose."""
    group: Any = None
    """Member attribute(s) by which the visit model pools partially: a column or a list."""
    pooling: str = "partial"
    """With groups: ``partial``, ``complete`` or ``none``."""
    basis: str = OVERDUE
    """What the cuts are on: ``overdue`` (late by the own rhythm), or a visit risk: ``p_alive``,
    ``personal_cycles``, ``fixed_days``."""
    window_cycles: float = Lateness.window_cycles
    horizon_days: int = 30
    cycles: float = 2.0
    risk_value: float = LATE.value
    inactive_value: float = 0.95
    count_purchases: bool = False
    """Whether a purchase-day counts as a visit-day."""
    calibration_days: list[int] = field(default_factory=lambda: [1, 3, 7])

    def __post_init__(self) -> None:
        """Check the values."""
        one_of("visits.model", self.model, MODELS)
        one_of("visits.basis", self.basis, (OVERDUE, *RISK_BASES))
        Lateness(window_cycles=self.window_cycles)
        if not 0 < self.risk_value < self.inactive_value < 1:
            raise UsageError(
                "The visit cut points must increase, 0 < visits.risk_value < "
                f"visits.inactive_value < 1; got {self.risk_value} and {self.inactive_value}."
            )
        if self.horizon_days < 1 or self.cycles <= 0:
            raise UsageError(
                "visits.horizon_days must be at least 1 and visits.cycles positive; got "
                f"{self.horizon_days} and {self.cycles}."
            )
        if any(days < 1 for days in self.calibration_days):
            raise UsageError(
                f"visits.calibration_days must be at least 1; got {self.calibration_days}."
            )

    @property
    def measure(self) -> Measure:
        """What the two cuts are on."""
        if self.basis == OVERDUE:
            return Lateness(window_cycles=self.window_cycles)
        return RiskConfig(basis=self.basis, horizon_days=self.horizon_days, cycles=self.cycles)


@dataclass(kw_only=True)
class SegmentsConfig:
    """How the grid is compared, grouped, shrunk and shown."""

    polarity: dict[str, str] = field(default_factory=dict)
    """Cell -> positive, negative or neutral; empty for the default. All 15 cells or none."""
    breakdown: list[str] = field(default_factory=list)
    """Member attributes by which shares are also given."""
    draws: int = 200
    """Posterior draws behind the intervals."""
    replicates: int = 1000
    """Bootstrap replicates of the customers behind the intervals."""
    dwell_bands: list[int] = field(default_factory=lambda: [7, 30, 90])
    """Upper edges (days, inclusive) of the dwell bands of the transition table."""
    prior_strength: float = 20.0
    """Customers that the pooled row weighs in each shrunk row."""
    alert_level: float = 0.05
    """Nominal false-alarm rate of the core-leak alert."""
    periods: int = 6
    """Steps back from ``as_of`` for the shares over time and the core-leak alert (0: neither)."""
    own_fit: bool = False
    """Whether each of these dates is also scored by a fit on data up to it, beside the latest fit;
    by default ``as_of`` and ``compare_to`` alone are, which shows what re-estimation did."""
    every_days: int | None = None
    """Days between these dates; default: as far apart as ``as_of`` and ``compare_to``."""

    def __post_init__(self) -> None:
        """Check the values."""
        if self.polarity:
            check_polarity(self.polarity)
        if self.draws < 2 or self.replicates < 20:
            raise UsageError(
                "segments.draws must be at least 2 and segments.replicates at least 20; got "
                f"{self.draws} and {self.replicates}."
            )
        edges = self.dwell_bands
        if any(a >= b for a, b in zip([0, *edges], edges, strict=False)):
            raise UsageError(f"segments.dwell_bands must be positive and increase; got {edges}.")
        if self.prior_strength <= 0:
            raise UsageError(
                f"segments.prior_strength must be positive; got {self.prior_strength}."
            )
        if self.periods < 0 or (self.every_days is not None and self.every_days < 1):
            raise UsageError(
                "segments.periods must not be negative and segments.every_days at least 1; got "
                f"{self.periods} and {self.every_days}."
            )
        if not 0 < self.alert_level < 0.5:
            raise UsageError(
                f"segments.alert_level must lie between 0 and .5; got {self.alert_level}."
            )


def check_dates(as_of: dt.date, compare_to: dt.date, first_event: dt.date) -> None:
    """Refuse a comparison date that is not before `as_of` or lies before the first event.

    Raises UsageError with the three dates.
    """
    if compare_to >= as_of:
        raise UsageError(
            f"compare_to ({compare_to}) must lie before as_of ({as_of}); give an earlier date."
        )
    if compare_to < first_event:
        raise UsageError(
            f"compare_to ({compare_to}) lies before the first event ({first_event}); there is "
            "nobody to compare with. Give a later date."
        )


def check_polarity(mapping: Mapping[str, str]) -> None:
    """Refuse a polarity map that misses a cell or names an unknown cell or polarity.

    Raises UsageError with the cell or polarity in question.
    """
    for code, polarity in mapping.items():
        if code not in ALL_CODES:
            raise UsageError(
                f"The polarity map names the cell {code!r}, which does not exist."
                + nearest(code, ALL_CODES)
            )
        one_of(f"The polarity of {code}", polarity, POLARITIES)
    missing = [code for code in SEGMENT_CODES if code not in mapping]
    if missing:
        raise UsageError(
            f"The polarity map misses {len(missing)} of 15 cells: {', '.join(missing)}. "
            "Name every cell, or none for the default."
        )
