"""Posteriors of the conversion models: curves, held-out scores and predictive checks."""

from churnlab.nday.posterior.checks import predictive_checks
from churnlab.nday.posterior.curves import cohort_levels, population_curves, predict_cohorts
from churnlab.nday.posterior.fit import ConversionFit, fit_conversion
from churnlab.nday.posterior.scores import cohort_log_scores, compare

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
