"""What `churnlab journey` is asked."""

from dataclasses import dataclass, field

from churnlab import models
from churnlab.errors import UsageError, one_of

LEVELS = ("item", "category")
SPANS = ("whole", "gap")
RULES = ("posterior", "tier")
#: Days of the longest window: a century, whose microseconds the engine still counts.
LONGEST_WINDOW = 36_525


@dataclass(kw_only=True)
class LoyalConfig:
    """Who counts as loyal, known on a day that ends before the outcome window begins.

    rule: `posterior`: P(alive) and a purchase rate, estimated from what was known that day; `tier`:
        grades of the business.
    least_p_alive: `posterior`: P(alive) of a loyal customer at least.
    least_repeats: `posterior`: purchase-days after the first, at least.
    top_share: `posterior`: of these, those of the highest rate, up to this share of all purchasers.
    model: `posterior`: model of the purchases (one that judges first purchasers).
    tier_column: Attribute of members with the grades. It is loyalty by another name, so no persona
        has it.
    tiers: `tier`: the grades that are loyal.
    defined_by: Further attributes that follow from purchases: no persona has them either.
    outcome_days: Days before `as_of` that are held out: loyalty is judged on the day before they
        begin.
    least_customers: Fewer loyal customers than this: no personas, no journeys of their own, no
        check.
    """

    rule: str = "posterior"
    least_p_alive: float = 0.5
    least_repeats: int = 2
    top_share: float = 0.2
    model: str = "mbg_nbd"
    tier_column: str = "tier"
    tiers: list[str] = field(default_factory=list)
    defined_by: list[str] = field(default_factory=list)
    outcome_days: int = 90
    least_customers: int = 30

    def __post_init__(self) -> None:
        """Check values."""
        one_of("journey.loyal.rule", self.rule, RULES)
        _share("journey.loyal.least_p_alive", self.least_p_alive)
        _share("journey.loyal.top_share", self.top_share)
        _at_least("journey.loyal.least_repeats", self.least_repeats, 0)
        _at_least("journey.loyal.outcome_days", self.outcome_days, 1)
        _at_least("journey.loyal.least_customers", self.least_customers, 2)
        if self.rule == "tier" and not self.tiers:
            raise UsageError(
                "journey.loyal.rule=tier needs the grades that are loyal: "
                "journey.loyal.tiers=[gold,...]."
            )
        if not models.get(self.model).judges_first_purchasers:
            raise UsageError(
                f"journey.loyal.model={self.model} cannot judge first purchasers; use mbg_nbd, "
                "mbg_cnbd_k or pareto_nbd."
            )


@dataclass(kw_only=True)
class PersonaConfig:
    """Which attributes are compared, and how much a small group is believed.

    attributes: Attributes of members; default: all that are text, true/false or numbers.
    least_customers: Values that fewer customers have are left out.
    prior_customers: Each group's share of a value is shrunk towards the share in both together,
        which counts as so many customers.
    converted_days: M: signups who bought within M days are compared with those who did not.
    """

    attributes: list[str] = field(default_factory=list)
    least_customers: int = 30
    prior_customers: float = 20.0
    converted_days: int = 30

    def __post_init__(self) -> None:
        """Check values."""
        _at_least("journey.persona.least_customers", self.least_customers, 1)
        _at_least("journey.persona.converted_days", self.converted_days, 1)
        if not self.prior_customers > 0:
            raise UsageError(
                f"journey.persona.prior_customers must be positive; got {self.prior_customers}."
            )


@dataclass(kw_only=True)
class CycleConfig:
    """Repurchase cycles of goods.

    most_items: Goods with a cycle: those that most customers bought again.
    least_customers: Customers who bought an item again, at least.
    model: Model of a customer's purchases of an item; items are pooled partially.
    remind_days: Reminders go to those whose due date lies in the next so many days.
    """

    most_items: int = 12
    least_customers: int = 50
    model: str = "mbg_nbd"
    remind_days: int = 7

    def __post_init__(self) -> None:
        """Check values."""
        for name in ("most_items", "least_customers", "remind_days"):
            _at_least(f"journey.cycles.{name}", getattr(self, name), 1)


@dataclass(kw_only=True)
class JourneyConfig:
    """What `churnlab journey` is asked.

    level: Column that names the goods: `item` or `category`.
    window_days: Window of a journey, days; exactly so many days is inside.
    span: `whole`: from the first basket to the last; `gap`: from each basket to the next.
    most_items: Goods studied: those that most customers buy.
    least_customers: Support of a journey, in customers who walked it.
    most_prefixes: Pairs, the best supported, that are looked at for a third step.
    most_journeys: Journeys listed of each length: so many of the best supported, and of the highest
        lift.
    audiences: Journeys, the best supported beyond chance, whose open windows make audiences.
    walk: Journeys for the audiences by name, ``"A > B"``, instead.
    """

    level: str = "item"
    window_days: float = 10.0
    span: str = "whole"
    most_items: int = 60
    least_customers: int = 30
    most_prefixes: int = 30
    most_journeys: int = 200
    audiences: int = 5
    walk: list[str] = field(default_factory=list)
    loyal: LoyalConfig = field(default_factory=LoyalConfig)
    persona: PersonaConfig = field(default_factory=PersonaConfig)
    cycles: CycleConfig = field(default_factory=CycleConfig)

    def __post_init__(self) -> None:
        """Check values."""
        one_of("journey.level", self.level, LEVELS)
        one_of("journey.span", self.span, SPANS)
        if not 0 < self.window_days <= LONGEST_WINDOW:
            raise UsageError(
                f"journey.window_days must lie in 0..{LONGEST_WINDOW:,} days; got "
                f"{self.window_days:g}."
            )
        _at_least("journey.most_items", self.most_items, 2)
        for name in ("least_customers", "most_prefixes", "most_journeys"):
            _at_least(f"journey.{name}", getattr(self, name), 1)
        _at_least("journey.audiences", self.audiences, 0)


def _share(key: str, value: float) -> None:
    if not 0 < value < 1:
        raise UsageError(f"{key} must lie between 0 and 1; got {value}.")


def _at_least(key: str, value: float, least: int) -> None:
    if value < least:
        raise UsageError(f"{key} must be at least {least}; got {value}.")
