"""What a user may choose about an export, a verification and the monitoring."""

from dataclasses import dataclass, field

from churnlab.errors import UsageError, one_of
from churnlab.export.sql.names import DIALECTS, check_identifier


@dataclass(kw_only=True)
class SqlConfig:
    """Names in the warehouse that the scoring SQL reads.

    dialects: Which `score.<dialect>.sql` are written.
    table, schema: Event table, to the letter (a dot is part of the name), and its schema if any.
    customer_id, event_at: Columns.
    """

    dialects: list[str] = field(default_factory=lambda: list(DIALECTS))
    table: str = "purchases"
    schema: str | None = None
    customer_id: str = "customer_id"
    event_at: str = "event_at"

    def __post_init__(self) -> None:
        """Refuse unknown dialects and names that cannot be quoted."""
        for dialect in self.dialects:
            one_of("export.sql.dialects", dialect, DIALECTS)
            for key in ("table", "schema", "customer_id", "event_at"):
                name = getattr(self, key)
                if name is not None:
                    check_identifier(name, f"export.sql.{key}", dialect)


@dataclass(kw_only=True)
class LimitsConfig:
    """Limits that `churnlab monitor` holds the bundle against.

    stale_warn_days, stale_fail_days: Days since the bundle's last known day.
    psi_warn, psi_fail: Population stability index of risk and of segment shares.
    count_warn, count_fail: |ln(purchasers now / then)|.
    duplicate_warn, duplicate_fail: Share of event rows that repeat another.
    bias_warn, bias_fail: |sum of forecasts / sum of outcomes - 1| of matured labels.
    mcb_warn, mcb_fail: Miscalibration part of the Brier score of matured labels.
    """

    stale_warn_days: float = 35.0
    stale_fail_days: float = 90.0
    psi_warn: float = 0.1
    psi_fail: float = 0.25
    count_warn: float = 0.2
    count_fail: float = 0.7
    duplicate_warn: float = 0.05
    duplicate_fail: float = 0.2
    bias_warn: float = 0.1
    bias_fail: float = 0.25
    mcb_warn: float = 0.01
    mcb_fail: float = 0.03

    def __post_init__(self) -> None:
        """Refuse limits that are not positive or whose warning lies above the failure."""
        for name in ("psi", "count", "duplicate", "bias", "mcb"):
            _increasing(self, f"{name}_warn", f"{name}_fail")
        _increasing(self, "stale_warn_days", "stale_fail_days")


def _increasing(limits: LimitsConfig, warn: str, fail: str) -> None:
    low, high = getattr(limits, warn), getattr(limits, fail)
    if not 0 < low <= high:
        raise UsageError(f"export.limits must have 0 < {warn} <= {fail}; got {low} and {high}.")


@dataclass(kw_only=True)
class ExportConfig:
    """How a bundle is exported.

    draws: Posterior draws kept, at most 64.
    valid_days: The thresholds are meant for this many days after the last known day; of data that
        ended longer ago, until tomorrow.
    csv: Also write every table as CSV.
    csv_guard: Guard CSV text that a spreadsheet would take for a formula: an apostrophe stands
        before text that begins with ``= + - @``, tab, return or an apostrophe. Take the first
        apostrophe away to have the text back; off for files that a database loads.
    changed_since: Folder of an earlier export: adds a table with only the rows that changed since.
    changed_columns: What counts as a change: ``dates`` (states, dates and what they are valid for;
        the risk itself moves a little for everyone every day) or ``all``.
    allow_uncalibrated: Export although the backtest does not suffice; the bundle then says "not
        calibrated".
    """

    draws: int = 64
    valid_days: int = 90
    csv: bool = True
    csv_guard: bool = True
    changed_since: str | None = None
    changed_columns: str = "dates"
    allow_uncalibrated: bool = False
    sql: SqlConfig = field(default_factory=SqlConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)

    def __post_init__(self) -> None:
        """Refuse values outside of their range."""
        if not 1 <= self.draws <= 64:
            raise UsageError(f"export.draws must lie in 1..64; got {self.draws}.")
        one_of("export.changed_columns", self.changed_columns, ("dates", "all"))
        if self.valid_days < 1:
            raise UsageError(f"export.valid_days must be at least 1; got {self.valid_days}.")
