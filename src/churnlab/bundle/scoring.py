"""The part of bundle.json that scores are made from: draws, the risk, the cuts."""

from typing import Annotated, Literal

from pydantic import Field

from churnlab.bundle.fields import (
    DISTINCT,
    MAX_DRAWS,
    MAX_THINNING_ERROR,
    UNIQUE,
    Basis,
    Day,
    ModelName,
    Parameter,
    ParameterName,
    Positive,
    Probability,
    Section,
    Text,
    Whole,
    WindowCycles,
)
from churnlab.summary import Clock


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
        list[Text], DISTINCT, Field(min_length=1, max_length=100_000, json_schema_extra=UNIQUE)
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
    ] = []  # noqa: RUF012 (pydantic copies it)


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
