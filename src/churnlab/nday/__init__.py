"""The N-day study: curve, plateau, decision, held-out backtest, experiment and audience."""

from churnlab.nday.config import NdayConfig, NdayCosts
from churnlab.nday.result import NdayResult
from churnlab.nday.run import run_nday

__all__ = ["NdayConfig", "NdayCosts", "NdayResult", "run_nday"]
