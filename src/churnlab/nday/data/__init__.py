"""Signup cohorts: who converted at which age, compressed to cohort x age counts."""

from churnlab.nday.data.attention import attention_from_visits
from churnlab.nday.data.config import CohortConfig
from churnlab.nday.data.conversions import Conversions, convert
from churnlab.nday.data.counts import CohortCounts, count_cohorts, require_enough
from churnlab.nday.data.curve import cohort_curve, pooled_curve
from churnlab.nday.data.design import level_columns, level_names

__all__ = [
    "CohortConfig", "CohortCounts", "Conversions", "attention_from_visits", "cohort_curve",
    "convert", "count_cohorts", "level_columns", "level_names", "pooled_curve", "require_enough",
]  # fmt: skip
