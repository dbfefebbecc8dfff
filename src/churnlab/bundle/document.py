"""The bundle as a document: every field of bundle.json, its type and its bounds, in one model.

The published JSON Schema is written from it (`python -m churnlab.bundle.schema`). Rules *between*
fields are in `churnlab.bundle.consistency`. Times are days; days are ISO 8601; instants are UTC.
"""

from typing import Annotated, Literal

from pydantic import Field

from churnlab.bundle.fields import (
    DISTINCT,
    UNIQUE,
    BundleId,
    Count,
    Day,
    Dialect,
    Identifier,
    Instant,
    Key,
    Polarity,
    Positive,
    Probability,
    Section,
    SegmentCode,
    Sha256,
    Text,
    TimeZone,
    Whole,
)
from churnlab.bundle.scoring import Models, Risks, Thresholds
from churnlab.bundle.windows import WindowForecast

#: Semantic version of the layout; readers refuse an unknown major version.
SCHEMA_VERSION = "1.4.0"
#: How the scoring SQL is written; texts of earlier editions cannot be written any more.
SQL_EDITION = 2
#: Tables of every bundle; the others are there when there is something to say.
REQUIRED_TABLES = ("customer_thresholds", "customer_summary", "segment_membership",
                   "segment_share", "actions", "segment_actions", "segment_audience")  # fmt: skip


class Software(Section):
    """What wrote the bundle."""

    churnlab: Text
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")] | None


class Provenance(Section):
    """Where the numbers come from."""

    config_hash: Sha256
    data_hashes: Annotated[
        dict[Annotated[str, Field(pattern=r"^[\w.-]{1,80}$")], Sha256],
        Field(min_length=1, max_length=20),
    ]
    seed: Count | None
    n_customers: Annotated[Whole, Field(description="Purchasers scored.")]
    n_members: Whole
    n_cells: Whole


class Calibration(Section):
    """Whether the backtest suffices."""

    status: Literal["calibrated", "not calibrated"]
    reasons: Annotated[list[Text], Field(max_length=50)]


class Segment(Section):
    """One cell of the visit x purchase grid with its actions, most important first."""

    code: SegmentCode
    korean: Text
    english: Text
    polarity: Polarity
    actions: Annotated[
        list[Key], DISTINCT, Field(min_length=1, max_length=20, json_schema_extra=UNIQUE)
    ]


class Uplift(Section):
    """What a randomised rule gained: mean and 90% interval."""

    mean: float
    q05: float
    q95: float


class NdayRule(Section):
    """When who has not converted after signup gets a stronger offer."""

    rule_id: Key
    last_unconverted_day: Annotated[int, Field(ge=0, le=3650)]
    send_day: Annotated[int, Field(ge=1, le=3651)]
    day_zero_index: Literal[0, 1]
    time_zone: TimeZone
    action_id: Key
    randomised: bool
    holdout_share: Probability
    uplift: Uplift | None
    notes: Annotated[
        list[Text], Field(max_length=20, description="What weakens the rule's figures.")
    ] = []  # noqa: RUF012 (pydantic copies it)


class Journey(Section):
    """Items that follow one another within a window."""

    journey_id: Key
    items: Annotated[list[Text], Field(min_length=2, max_length=10)]
    window_days: Positive
    lift: float | None
    lift_q05: float | None
    lift_q95: float | None
    action_id: Key | None


class Action(Section):
    """One action of the playbook."""

    action_id: Key
    channel: Text
    incentive: Text
    cooldown_days: Annotated[int, Field(ge=0, le=3650)]
    message_class: Text
    evidence: Text


class Score(Section):
    """One score of the backtest."""

    origin: Annotated[str, Field(pattern=r"^(all|[0-9]{4}-[0-9]{2}-[0-9]{2})$")]
    horizon_days: Positive | None
    forecaster: Text
    metric: Text
    value: float | None
    q05: float | None = None
    q95: float | None = None


class Backtest(Section):
    """The evidence: origins, horizons, baselines and scores."""

    origins: Annotated[list[Day], DISTINCT, Field(max_length=200, json_schema_extra=UNIQUE)]
    horizon_days: Annotated[list[Positive], Field(max_length=20)]
    baselines: Annotated[list[Text], DISTINCT, Field(max_length=50, json_schema_extra=UNIQUE)]
    scores: Annotated[list[Score], Field(max_length=5000)]
    degraded: Annotated[list[Text], Field(max_length=50)]


class Limits(Section):
    """Limits that `churnlab monitor` holds the bundle against."""

    stale_warn_days: Positive
    stale_fail_days: Positive
    psi_warn: Positive
    psi_fail: Positive
    count_warn: Positive
    count_fail: Positive
    duplicate_warn: Probability
    duplicate_fail: Probability
    bias_warn: Positive
    bias_fail: Positive
    mcb_warn: Positive
    mcb_fail: Positive


class Reference(Section):
    """The distributions of the export, which monitoring compares with."""

    risk_edges: Annotated[list[Probability], Field(max_length=50)]
    risk_shares: Annotated[list[Probability], Field(min_length=1, max_length=51)]
    segment_shares: Annotated[dict[str, Probability], Field(max_length=20)]
    n_purchasers: Whole
    horizon_days: Annotated[Positive, Field(description="Window of the matured labels.")]


class Monitoring(Section):
    """How the bundle is watched."""

    limits: Limits
    reference: Reference


class Sql(Section):
    """The scoring SQL, or why there is none.

    Since 1.1 the SQL on events checks the session's time zone (`checks_zone`); since 1.2 (`edition`
    2) Pareto/NBD is written as continued fractions, and BigQuery and Snowflake check zones too.
    """

    dialects: Annotated[list[Dialect], DISTINCT, Field(json_schema_extra=UNIQUE)]
    schema_: Annotated[Identifier | None, Field(alias="schema")]
    table: Identifier
    customer_id: Identifier
    event_at: Identifier
    reason: Annotated[Text | None, Field(description="Why there is no SQL, when there is none.")]
    checks_zone: bool = False
    edition: Annotated[int, Field(ge=1, le=1000)] = 1


class File(Section):
    """One file of the bundle."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,60}(\.[a-z0-9_]{1,20}){1,2}$")]
    sha256: Sha256
    bytes: Count
    rows: Count | None


class Bundle(Section):
    """Personal churn thresholds with the posterior draws, evidence and files they rest on."""

    schema_version: Annotated[
        str,
        Field(
            pattern=r"^1\.[0-9]{1,4}\.[0-9]{1,4}$",
            description="Semantic version of this layout; readers refuse an unknown major version.",
        ),
    ]
    bundle_id: BundleId
    content_hash: Annotated[
        Sha256,
        Field(
            description="SHA-256 of the canonical JSON (sorted keys, no spaces) of everything else."
        ),
    ]
    created_at: Instant
    valid_until: Annotated[
        Day,
        Field(
            description="Last day on which the thresholds should be used without a new backtest."
        ),
    ]
    as_of: Annotated[Day, Field(description="Last known, complete day of the data.")]
    time_zone: TimeZone
    supersedes: Annotated[
        BundleId | None, Field(description="The bundle this one replaces; keep it for rollback.")
    ]
    software: Software
    provenance: Provenance
    calibration: Calibration
    models: Models
    risk: Risks
    thresholds: Thresholds
    banners: Annotated[
        list[Text],
        Field(
            max_length=20,
            description="States that hold under 2% or over 90% of who may be in them, and why.",
        ),
    ] = []  # noqa: RUF012 (pydantic copies it)
    segments: Annotated[list[Segment], Field(min_length=15, max_length=15)]
    nday_rules: Annotated[list[NdayRule], Field(max_length=100)]
    journeys: Annotated[list[Journey], Field(max_length=1000)]
    actions: Annotated[list[Action], Field(min_length=1, max_length=500)]
    backtest: Backtest
    monitoring: Monitoring
    forecast: Annotated[
        WindowForecast | None,
        Field(description="Since 1.4: null or absent where the model forecasts windows."),
    ] = None
    sql: Sql
    csv_guarded: Annotated[
        bool,
        Field(
            description="Since 1.1: CSV text that would begin a formula has an apostrophe in front."
        ),
    ] = False
    files: Annotated[list[File], Field(min_length=1, max_length=100)]
