"""Settings of `churnlab nday`."""

from __future__ import annotations

from dataclasses import dataclass, field

from churnlab.config.schema import DataSettings
from churnlab.nday import NdayConfig


@dataclass(kw_only=True)
class NdaySettings(DataSettings):
    """Settings of `churnlab nday`."""

    nday: NdayConfig = field(default_factory=NdayConfig)
    previous: str | None = None
