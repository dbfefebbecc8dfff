"""Backtests: rolling origins x candidates x threshold rules, held against plain recency.

Candidates see a history that ends at the origin; labels are complete windows after it; what is
learnt (parameters, cutoffs, recalibration, thresholds) carries the last day that it has seen.
"""

from churnlab.backtest.config import SplitConfig
from churnlab.backtest.result import BacktestResult
from churnlab.backtest.run import default_rules, run_backtest
from churnlab.backtest.threshold import calibrate_threshold
from churnlab.candidates import DEFAULT_CANDIDATES, Candidate, Context, Forecast, candidate_named
from churnlab.origins.panel import Panel
from churnlab.origins.targets import Target

__all__ = [
    "DEFAULT_CANDIDATES", "BacktestResult", "Candidate", "Context", "Forecast", "Panel",
    "SplitConfig", "Target", "calibrate_threshold", "candidate_named", "default_rules",
    "run_backtest",
]  # fmt: skip
