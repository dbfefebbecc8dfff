"""The N-day study: curve, plateau, decision, held-out backtest, experiment and audience."""

from churnlab.backtest.nday.config import NdayConfig
from churnlab.backtest.nday.holdout import HeldOut, backtest_nday
from churnlab.backtest.nday.result import NdayResult
from churnlab.backtest.nday.run import run_nday

__all__ = ["HeldOut", "NdayConfig", "NdayResult", "backtest_nday", "run_nday"]
