"""Posterior of the conversion curve from counts: curves, predictions, scores and checks."""

from churnlab.nday.posterior.curves import population_curves, predict_cohorts
from churnlab.nday.posterior.fit import ConversionFit, fit_conversion
from churnlab.nday.posterior.scores import score_table

__all__ = ["ConversionFit", "fit_conversion", "population_curves", "predict_cohorts", "score_table"]
