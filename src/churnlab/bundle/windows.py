"""What forecasts a window, as a bundle holds it: models' draws, trees and weights as numbers."""

from typing import Annotated

from pydantic import Field

from churnlab.bundle.fields import MAX_DRAWS, ModelName, Parameter, Probability, Section, Text
from churnlab.bundle.scoring import CalendarEffects

Numbers = Annotated[list[float], Field(max_length=1_000)]
Node = Annotated[int, Field(ge=0, le=1_000_000)]


class ForecastMember(Section):
    """A generative model whose logit is a feature of the forecast."""

    model: ModelName
    k: Annotated[int, Field(ge=1, le=12)]
    draws: Annotated[
        list[Annotated[list[Parameter], Field(min_length=1, max_length=8)]],
        Field(min_length=1, max_length=MAX_DRAWS, description="Draw x parameter, days."),
    ]
    calendar: CalendarEffects | None


class ForecastTrees(Section):
    """Trees whose leaves add up to a logit; lists by node."""

    start: float
    roots: Annotated[list[Node], Field(min_length=1, max_length=1_000)]
    feature: Annotated[
        list[Annotated[int, Field(ge=-1, le=1_000, description="-1: a leaf.")]],
        Field(min_length=1, max_length=100_000),
    ]
    threshold: Annotated[
        list[float],
        Field(max_length=100_000, description="Left where the feature is at most this."),
    ]
    missing_left: Annotated[list[bool], Field(max_length=100_000)]
    left: Annotated[list[Node], Field(max_length=100_000)]
    right: Annotated[list[Node], Field(max_length=100_000)]
    value: Annotated[list[float], Field(max_length=100_000)]


class WindowForecast(Section):
    """Since 1.4: what forecasts `no_purchase`, as numbers (docs/forecast.md)."""

    horizon_days: Annotated[int, Field(ge=1, le=36_500)]
    family: Annotated[list[ForecastMember], Field(max_length=10)]
    features: Annotated[list[Text], Field(max_length=200)]
    intercept: float
    slopes: Annotated[list[float], Field(max_length=10)]
    weight: Annotated[Probability, Field(description="Of the trees, in a mean of logits.")]
    trees: ForecastTrees
    knots: Numbers
    spread: Numbers
    no_sql: Annotated[Text, Field(description="Why the scoring SQL does not forecast it.")]
