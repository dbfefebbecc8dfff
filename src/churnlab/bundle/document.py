"""The bundle as a document: every field of bundle.json, its type and its bounds, in one model.

The published JSON Schema is written from it (`python -m churnlab.bundle.schema`). Rules *between*
fields are in `churnlab.bundle.consistency`. Times are days; days are ISO 8601; instants are UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from churnlab.models import REGISTRY
from churnlab.summary import Clock
from churnlab.vocabulary import RISK_BASES, SEGMENT_CODES

#: Semantic version of the layout; readers refuse an unknown major version.
SCHEMA_VERSION = "1.3.0"
#: How the scoring SQL is written; texts of earlier editions cannot be written any more.
SQL_EDITION = 2
#: What the scoring SQL is written in.
DIALECTS = ("duckdb", "postgres", "spark", "bigquery", "snowflake")
#: Tables of every bundle; the others are there when there is something to say.
REQUIRED_TABLES = ("customer_thresholds", "customer_summary", "segment_membership",
                   "segment_share", "actions", "segment_actions", "segment_audience")  # fmt: skip
#: A bundle holds so many draws at most.
MAX_DRAWS = 64
#: The draws may differ from the full posterior by so much, in P(alive) and in risk.
MAX_THINNING_ERROR = 0.005


class Section(BaseModel):
    """Part of a bundle: no unknown keys, no conversions, no infinities."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


def _one_of(known: Iterable[str]) -> Callable[[str], str]:
    values = tuple(known)

    def check(value: str) -> str:
        if value not in values:
            raise ValueError(f"{value!r} is not one of {', '.join(values)}")
        return value

    return check


def _distinct(values: list[str]) -> list[str]:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{value!r} occurs twice")
        seen.add(value)
    return values


def _enum(known: Iterable[str]) -> dict[str, list[str]]:
    return {"enum": list(known)}


_PARAMETERS = sorted({p for model in REGISTRY.values() for p in model.parameters})

BundleId = Annotated[str, Field(pattern=r"^cb-[0-9a-f]{24}$")]
Key = Annotated[str, Field(pattern=r"^[\w.:-]{1,120}$")]
Text = Annotated[str, Field(max_length=2000)]
Identifier = Annotated[str, Field(min_length=1, max_length=128)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Instant = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(Z|\+00:00)$")]
TimeZone = Annotated[str, Field(pattern=r"^[A-Za-z0-9_+/-]{1,64}$")]
Probability = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, le=1e9)]
Parameter = Annotated[float, Field(gt=0, le=1e12)]
WindowCycles = Annotated[
    float,
    Field(
        gt=1,
        le=1000,
        description="The cuts are on lateness: of those who come back within so many own rhythms, "
        "the share that has come back. Absent or null: they are on the risk.",
    ),
]
Count = Annotated[int, Field(ge=0)]
Whole = Annotated[int, Field(ge=1)]
ModelName = Annotated[
    str, AfterValidator(_one_of(REGISTRY)), Field(json_schema_extra=_enum(REGISTRY))
]
ParameterName = Annotated[
    str, AfterValidator(_one_of(_PARAMETERS)), Field(json_schema_extra=_enum(_PARAMETERS))
]
Basis = Annotated[
    str, AfterValidator(_one_of(RISK_BASES)), Field(json_schema_extra=_enum(RISK_BASES))
]
SegmentCode = Annotated[
    str, AfterValidator(_one_of(SEGMENT_CODES)), Field(json_schema_extra=_enum(SEGMENT_CODES))
]
Dialect = Annotated[
    str, AfterValidator(_one_of(DIALECTS)), Field(json_schema_extra=_enum(DIALECTS))
]
Polarity = Literal["positive", "neutral", "negative"]
_SET = AfterValidator(_distinct)
_UNIQUE = {"uniqueItems": True}


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


class ThinningError(Section):
    """Largest absolute difference of the mean between these draws and the full posterior.

    Over the cells compared.
    """

    p_alive: Annotated[float, Field(ge=0, le=MAX_THINNING_ERROR)]
    risk: Annotated[float, Field(ge=0, le=MAX_THINNING_ERROR)]
    n_cells: Whole


class CalendarEffects(Section):
    """The clock that a model's days are measured on: each day counts its bucket's multiplier."""

    kind: Literal["month", "week"] | None
    events: Annotated[
        list[Annotated[list[Text], Field(min_length=3, max_length=3)]],
        Field(max_length=500, description="Name, first and last day (ISO, or MM-DD every year)."),
    ]
    origin: Annotated[Day, Field(description="Day at whose end the clock shows 0.")]
    multipliers: Annotated[
        list[Annotated[float, Field(ge=1e-3, le=1e3)]],
        Field(
            min_length=1,
            max_length=600,
            description="Months 1-12, ISO weeks 1-52 (53 as 52) or ordinary days; then the events.",
        ),
    ]

    def clock(self) -> Clock:
        """Return it as the scorer needs it."""
        return Clock.from_dict(self.model_dump())


class Model(Section):
    """A model with its thinned posterior."""

    name: ModelName
    k: Annotated[int, Field(ge=1, le=12)]
    parameters: Annotated[list[ParameterName], Field(min_length=1, max_length=8)]
    groups: Annotated[
        list[Text], _SET, Field(min_length=1, max_length=100_000, json_schema_extra=_UNIQUE)
    ]
    group_columns: Annotated[list[Text], Field(max_length=10)]
    unit: Literal["day"]
    seen_until: Day | None
    draws: Annotated[
        list[
            Annotated[
                list[Annotated[list[Parameter], Field(min_length=1, max_length=8)]],
                Field(min_length=1),
            ]
        ],
        Field(
            min_length=1,
            max_length=MAX_DRAWS,
            description="Equal-weight posterior draws: draw x group x parameter.",
        ),
    ]
    n_draws_full: Whole
    thinning_error: ThinningError
    unseen: Annotated[
        list[Annotated[list[Parameter], Field(min_length=1, max_length=8)]] | None,
        Field(
            max_length=MAX_DRAWS,
            description="Since 1.2: the same draws of a group that the fit has not seen, draw x "
            "parameter.",
        ),
    ] = None
    calendar: Annotated[
        CalendarEffects | None,
        Field(description="Since 1.3: calendar effects; null or absent where days are days."),
    ] = None
    misfit: Annotated[
        list[Text], Field(max_length=20, description="Where the model does not fit, and the cure.")
    ] = []


class Models(Section):
    """The model of purchases and, if any, of visits."""

    purchases: Model
    visits: Model | None


class Risk(Section):
    """Which bad outcome the risk is the probability of."""

    basis: Basis
    horizon_days: Positive
    cycles: Positive
    due_window_days: Positive
    due_levels: Annotated[
        list[Annotated[float, Field(gt=0, lt=1)]] | None,
        Field(
            min_length=3,
            max_length=3,
            description="Levels of the model's law behind due_date, due_q10, due_q90, where they "
            "were learnt from earlier gaps.",
        ),
    ] = None


class Risks(Section):
    """The risk of purchases and, if any, of visits."""

    purchases: Risk
    visits: Risk | None


class CostOfTenPoints(Section):
    """What a cut .10 lower or higher would cost more, per customer."""

    lower: float | None
    higher: float | None


class PurchaseThreshold(Section):
    """From which risk, or lateness, on a customer is at risk, and how sure that cut is."""

    rule: Text
    value: Annotated[
        Probability, Field(description="At risk from this value on (repeat customers).")
    ]
    first_value: Annotated[Probability, Field(description="The same for first purchasers.")]
    window_cycles: WindowCycles | None = None
    quantile: Annotated[
        Probability | None,
        Field(
            description="Under lateness: the share of those who come back that is back on the "
            "date; `value` is the level of the model's own share at which that holds."
        ),
    ] = None
    q05: Probability | None
    q95: Probability | None
    origin_low: Probability | None
    origin_high: Probability | None
    learnt_until: Day | None
    curve: Annotated[
        list[
            Annotated[
                dict[Annotated[str, Field(pattern=r"^[a-z0-9_]{1,60}$")], float | Text | None],
                Field(max_length=20),
            ]
        ],
        Field(max_length=2000, description="What the threshold was chosen from."),
    ]
    cost_per_customer: float | None
    cost_of_ten_points: CostOfTenPoints
    notes: Annotated[list[Text], Field(max_length=50)]


class VisitThreshold(Section):
    """From which visit risk, or lateness, on a visitor is at risk, and inactive."""

    rule: Text
    risk: Probability
    inactive: Probability
    window_cycles: WindowCycles | None = None


class Thresholds(Section):
    """The cuts on the risk of purchases and, if any, of visits."""

    purchases: PurchaseThreshold
    visits: VisitThreshold | None


class Segment(Section):
    """One cell of the visit x purchase grid with its actions, most important first."""

    code: SegmentCode
    korean: Text
    english: Text
    polarity: Polarity
    actions: Annotated[
        list[Key], _SET, Field(min_length=1, max_length=20, json_schema_extra=_UNIQUE)
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
    ] = []


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

    origins: Annotated[list[Day], _SET, Field(max_length=200, json_schema_extra=_UNIQUE)]
    horizon_days: Annotated[list[Positive], Field(max_length=20)]
    baselines: Annotated[list[Text], _SET, Field(max_length=50, json_schema_extra=_UNIQUE)]
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

    dialects: Annotated[list[Dialect], _SET, Field(json_schema_extra=_UNIQUE)]
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
    ] = []
    segments: Annotated[list[Segment], Field(min_length=15, max_length=15)]
    nday_rules: Annotated[list[NdayRule], Field(max_length=100)]
    journeys: Annotated[list[Journey], Field(max_length=1000)]
    actions: Annotated[list[Action], Field(min_length=1, max_length=500)]
    backtest: Backtest
    monitoring: Monitoring
    sql: Sql
    csv_guarded: Annotated[
        bool,
        Field(
            description="Since 1.1: CSV text that would begin a formula has an apostrophe in front."
        ),
    ] = False
    files: Annotated[list[File], Field(min_length=1, max_length=100)]
