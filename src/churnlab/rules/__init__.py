"""Rules for states and decisions. No model, no file.

`OverdueRule` is the state: late by the own rhythm. The threshold rules cut a risk, to decide whom
to contact (or, where wanted, who is at risk); `choose` makes a `Threshold` from risks and, where
the rule learns, from outcomes of *earlier* origins. Rules double as configuration schemas.
"""

from churnlab.rules.base import ThresholdRule
from churnlab.rules.costs import Costs
from churnlab.rules.overdue import OverdueRule
from churnlab.rules.registry import RULES, rule_named
from churnlab.rules.threshold import CalibratedRule, CostRatioRule, FixedRule
from churnlab.rules.types import Evidence, Threshold

__all__ = [
    "RULES", "CalibratedRule", "CostRatioRule", "Costs", "Evidence", "FixedRule", "OverdueRule",
    "Threshold", "ThresholdRule", "rule_named",
]  # fmt: skip
