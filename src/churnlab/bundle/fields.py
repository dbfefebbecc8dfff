"""What a field of bundle.json may hold: kinds of text and numbers with their bounds."""

from collections.abc import Callable, Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from churnlab.models import REGISTRY
from churnlab.vocabulary import RISK_BASES, SEGMENT_CODES

#: What the scoring SQL is written in.
DIALECTS = ("duckdb", "postgres", "spark", "bigquery", "snowflake")

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
DISTINCT = AfterValidator(_distinct)
UNIQUE = {"uniqueItems": True}
