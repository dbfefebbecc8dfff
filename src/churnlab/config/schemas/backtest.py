"""Settings of `churnlab backtest`."""

from __future__ import annotations

from dataclasses import dataclass

from churnlab.config.schema import DataRun
from churnlab.workflows.backtest import BacktestSettings


@dataclass(kw_only=True)
class BacktestRun(DataRun, BacktestSettings):
    """`churnlab backtest`."""
