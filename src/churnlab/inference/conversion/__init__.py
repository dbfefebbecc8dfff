"""Posteriors of the conversion models: curves, held-out scores and predictive checks."""

from churnlab.inference.conversion.checks import predictive_checks
from churnlab.inference.conversion.curves import cohort_levels, population_curves, predict_cohorts
from churnlab.inference.conversion.fit import ConversionFit, fit_conversion
from churnlab.inference.conversion.scores import cohort_log_scores, compare

__all__ = [
    "ConversionFit",
    "cohort_levels",
    "cohort_log_scores",
    "compare",
    "fit_conversion",
    "population_curves",
    "predict_cohorts",
    "predictive_checks",
]
