"""Posterior of the conversion curve from counts: curves, predictions, scores and checks."""

from churnlab.nday.posterior.curves import population_curves, predict_cohorts
from churnlab.nday.posterior.fit import ConversionFit, fit_conversion
from churnlab.nday.posterior.scores import cohort_log_scores, score_table

__all__ = [
    "ConversionFit",
    "cohort_log_scores",
    "fit_conversion",
    "population_curves",
    "predict_cohorts",
    "score_table",
]
