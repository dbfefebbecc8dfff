"""Measures of forecasts: arrays in, numbers and small records out; no models, no files.

Conventions: `outcome` is 0 or 1 (1 = the bad outcome, no purchase in the window), `risk` the
forecast probability of 1, `weight` counts customers (a bootstrap replicate is a weight vector).
"""

from churnlab.metrics.binary import area_under_curve, bias, brier, lift_at_capacity, log_score
from churnlab.metrics.bootstrap import CustomerBootstrap, cluster_weights
from churnlab.metrics.corp import CorpSplit, corp_split, isotonic_fit
from churnlab.metrics.cost import cost_curve, cost_of_flags, least_cost_cut, realised_cost, regret
from churnlab.metrics.counts import (
    count_bias,
    crps_pmf,
    mean_absolute_error,
    root_mean_square_error,
)
from churnlab.metrics.drift import population_stability_index, shares_of_bins
from churnlab.metrics.recalibration import (
    CALIBRATORS,
    BetaCalibrator,
    Calibrator,
    IsotonicCalibrator,
    PlattCalibrator,
    ShrunkIsotonicCalibrator,
    calibrator,
)
from churnlab.metrics.reliability import reliability_curve

__all__ = [
    "CALIBRATORS",
    "BetaCalibrator",
    "Calibrator",
    "CorpSplit",
    "CustomerBootstrap",
    "IsotonicCalibrator",
    "PlattCalibrator",
    "ShrunkIsotonicCalibrator",
    "area_under_curve",
    "bias",
    "brier",
    "calibrator",
    "cluster_weights",
    "corp_split",
    "cost_curve",
    "cost_of_flags",
    "count_bias",
    "crps_pmf",
    "isotonic_fit",
    "least_cost_cut",
    "lift_at_capacity",
    "log_score",
    "mean_absolute_error",
    "population_stability_index",
    "realised_cost",
    "regret",
    "reliability_curve",
    "root_mean_square_error",
    "shares_of_bins",
]
