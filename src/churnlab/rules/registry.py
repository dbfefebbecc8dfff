"""Rules by name."""

from typing import Any, Final

from churnlab.errors import one_of
from churnlab.rules.base import ThresholdRule
from churnlab.rules.overdue import OverdueRule
from churnlab.rules.threshold import (
    CalibratedRule,
    CapacityRule,
    CostRatioRule,
    FixedRule,
    PrecisionRule,
)

#: The first decides states; the others cut a risk and may also choose whom to contact.
RULES: Final[dict[str, type[ThresholdRule | OverdueRule]]] = {
    "overdue": OverdueRule, "fixed": FixedRule, "cost_ratio": CostRatioRule,
    "capacity": CapacityRule, "precision": PrecisionRule, "calibrated": CalibratedRule,
}  # fmt: skip


def rule_named(name: str, **fields: Any) -> ThresholdRule | OverdueRule:
    """Return the rule `name` with its fields set; an unknown name is a plain error."""
    one_of("the rule", name, RULES)
    return RULES[name](**fields)
