"""Signup cohorts: who converted at which age, compressed to cohort x age counts."""

from churnlab.cohorts.attention import Attention, attention_from_visits
from churnlab.cohorts.config import CohortConfig
from churnlab.cohorts.conversions import Conversions, convert
from churnlab.cohorts.counts import CohortCounts, count_cohorts, require_enough
from churnlab.cohorts.curve import cohort_curve, pooled_curve
from churnlab.cohorts.design import Design, build_design

__all__ = [
    "Attention",
    "CohortConfig",
    "CohortCounts",
    "Conversions",
    "Design",
    "attention_from_visits",
    "build_design",
    "cohort_curve",
    "convert",
    "count_cohorts",
    "pooled_curve",
    "require_enough",
]
