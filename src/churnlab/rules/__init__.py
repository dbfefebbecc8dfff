"""Threshold rules: risk in, decision out. No model, no file.

A rule is a small dataclass that doubles as a configuration schema; `choose` makes a `Threshold`
from risks (and, where it learns, from outcomes of *earlier* origins).
"""

from churnlab.rules.base import ThresholdRule
from churnlab.rules.costs import Costs
from churnlab.rules.registry import RULES, rule_named
from churnlab.rules.threshold import (
    CalibratedRule,
    CapacityRule,
    CostRatioRule,
    FixedRule,
    PrecisionRule,
)
from churnlab.rules.types import Evidence, Threshold

__all__ = [
    "RULES",
    "CalibratedRule",
    "CapacityRule",
    "CostRatioRule",
    "Costs",
    "Evidence",
    "FixedRule",
    "PrecisionRule",
    "Threshold",
    "ThresholdRule",
    "rule_named",
]
