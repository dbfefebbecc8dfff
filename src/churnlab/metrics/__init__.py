"""Measures of forecasts: arrays in, numbers and small records out; no models, no files.

Conventions: `outcome` is 0 or 1 (1 = the bad outcome, no purchase in the window), `risk` the
forecast probability of 1, `weight` counts customers (a bootstrap replicate is a weight vector).
"""

from churnlab.metrics.corp import corp_split
from churnlab.metrics.drift import population_stability_index, shares_of_bins
from churnlab.metrics.recalibration import CALIBRATORS, calibrator

__all__ = [
    "CALIBRATORS", "calibrator", "corp_split", "population_stability_index", "shares_of_bins",
]  # fmt: skip
