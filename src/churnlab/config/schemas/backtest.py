"""Settings of `churnlab backtest`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from churnlab.backtest import SplitConfig
from churnlab.config.schema import ModelSettings


@dataclass(kw_only=True)
class BacktestSettings(ModelSettings):
    """Settings of `churnlab backtest`."""

    split: SplitConfig = field(default_factory=SplitConfig)
    candidates: list[str] = field(default_factory=list)
    rules: dict[str, Any] = field(default_factory=dict)
    cache_dir: str | None = None
    keep_predictions: bool = False
