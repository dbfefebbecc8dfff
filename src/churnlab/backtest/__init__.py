"""Backtests: rolling origins x candidates x threshold rules, held against plain recency.

Candidates see a history that ends at the origin; labels are complete windows after it; what is
learnt (parameters, cutoffs, recalibration, thresholds) carries the last day that it has seen.
"""

from churnlab.backtest.config import Limits, SplitConfig
from churnlab.backtest.result import BacktestResult
from churnlab.backtest.run import default_rules, run_backtest
from churnlab.backtest.threshold import calibrate_threshold
from churnlab.candidates import (
    COMPULSORY,
    DEFAULT_CANDIDATES,
    Candidate,
    Context,
    Forecast,
    candidate_named,
    known_candidates,
)
from churnlab.origins.guards import LeakageError
from churnlab.origins.panel import Panel, Past
from churnlab.origins.targets import Target

__all__ = [
    "COMPULSORY",
    "DEFAULT_CANDIDATES",
    "BacktestResult",
    "Candidate",
    "Context",
    "Forecast",
    "LeakageError",
    "Limits",
    "Panel",
    "Past",
    "SplitConfig",
    "Target",
    "calibrate_threshold",
    "candidate_named",
    "default_rules",
    "known_candidates",
    "run_backtest",
]
