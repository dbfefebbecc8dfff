"""How the past is cut into origins and windows, and how the forecasts are scored."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Final

from churnlab.errors import UsageError
from churnlab.metrics import CALIBRATORS

#: What `split.recalibration` may be: a map, the choice among them inside the past, or nothing.
AUTO, NONE = "auto", "none"
RECALIBRATIONS: Final = (*CALIBRATORS, AUTO, NONE)


@dataclass(kw_only=True)
class Limits:
    """What is refused and what is only marked as degraded (docs/backtesting.md).

    least_purchasers: Fewer purchasers at the last origin: refused.
    least_events: Fewer events or non-events over all origins: refused.
    history_factor: History shorter than this many horizons: degraded.
    least_origins: Fewer scored origins: degraded (and `export` refuses).
    thin_cell: Fewer customers in a class of a breakdown: the class is marked thin.
    """

    least_purchasers: int = 500
    least_events: int = 100
    history_factor: float = 3.0
    least_origins: int = 3
    thin_cell: int = 50


@dataclass(kw_only=True)
class SplitConfig:
    """Rolling origins, label windows, and how they are scored.

    origins: Number of origins, laid back from the last complete window, or dates (YYYY-MM-DD). An
        origin is the last known day; the window is origin + 1 .. origin + H.
    horizon_days: Windows H of the label "no purchase in H days".
    cycles: Windows in own rhythms: "no purchase in c own rhythms", H_i = ceil(clip(c rhythm, 14,
        182)).
    step_days: Days between origins; default: the longest window, less where the history is short.
    anchored: Lay origins on fixed days (multiples of the step since 1970-01-01): a log that has
        grown finds its origins of before again and, in `cache_dir`, their forecasts. The latest
        days of the log, less than a step, are not scored.
    warmup: Extra earlier origins that are only learnt from (thresholds, recalibration), not scored.
    min_history_days: Least history before an origin; default: one window, or half of what there is.
    recalibration: isotonic, shrunk_isotonic, platt, beta, auto or none: shown beside each candidate
        that forecasts a probability. auto takes the map that held out best on earlier origins, and
        none where no map was clearly better than the plain forecast.
    replicates: Bootstrap replicates over customers behind every interval.
    counts: Score forecast counts by CRPS too (the slowest part).
    group: Member attributes (`signup_month`, `first_category`) by which scores are broken down and
        candidates with groups pool (`mbg_nbd+partial`); the values of several are joined.
    compare_to: Further candidates that every other one is held against in paired differences.
    limits: Refusals and degradations.
    """

    origins: Any = 3
    horizon_days: list[int] = field(default_factory=lambda: [90])
    cycles: list[float] = field(default_factory=list)
    step_days: int | None = None
    anchored: bool = False
    warmup: int = 1
    min_history_days: int | None = None
    recalibration: str = "auto"
    replicates: int = 200
    counts: bool = True
    group: Any = None
    compare_to: list[str] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Check values."""
        self.origin_dates()
        for horizon in self.horizon_days:
            if horizon < 1:
                raise UsageError(f"split.horizon_days must be positive; got {horizon}.")
        for cycles in self.cycles:
            if cycles <= 0:
                raise UsageError(f"split.cycles must be positive; got {cycles}.")
        if not self.horizon_days and not self.cycles:
            raise UsageError("split needs at least one of horizon_days and cycles; both are empty.")
        if self.recalibration not in RECALIBRATIONS:
            raise UsageError(
                f"split.recalibration must be {', '.join(RECALIBRATIONS[:-1])} or none; "
                f"got {self.recalibration!r}."
            )
        if not all(isinstance(column, str) for column in self.group_columns):
            raise UsageError(
                f"split.group must be a column of members or a list of them; got {self.group!r}."
            )
        for name in ("step_days", "min_history_days"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"split.{name} must be positive; got {value}.")
        if self.warmup < 0 or self.replicates < 20:
            raise UsageError(
                f"split.warmup must be 0 or more and split.replicates at least 20; "
                f"got {self.warmup} and {self.replicates}."
            )

    @property
    def group_columns(self) -> tuple[str, ...]:
        """The grouping columns as a tuple."""
        if isinstance(self.group, (list, tuple)):
            return tuple(self.group)
        return () if self.group is None else (self.group,)

    def origin_dates(self) -> list[dt.date] | None:
        """Return the stated dates in order, or None when a number of origins was given."""
        if isinstance(self.origins, bool) or not isinstance(self.origins, (int, list, tuple)):
            raise UsageError(_ORIGINS.format(self.origins))
        if isinstance(self.origins, int):
            if self.origins < 1:
                raise UsageError(_ORIGINS.format(self.origins))
            return None
        try:
            dates = sorted({dt.date.fromisoformat(str(o)) for o in self.origins})
        except ValueError as error:
            raise UsageError(_ORIGINS.format(list(self.origins))) from error
        if not dates:
            raise UsageError(_ORIGINS.format("an empty list"))
        return dates


_ORIGINS = (
    "split.origins must be a positive number or a list of dates such as [1997-09-30]; got {}."
)
