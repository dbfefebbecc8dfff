"""Settings of `churnlab nday`."""

from __future__ import annotations

from dataclasses import dataclass, field

from churnlab.backtest.nday import NdayConfig
from churnlab.config.schema import DataSettings


@dataclass(kw_only=True)
class NdaySettings(DataSettings):
    """Settings of `churnlab nday`."""

    nday: NdayConfig = field(default_factory=NdayConfig)
    previous: str | None = None
