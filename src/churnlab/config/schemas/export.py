"""Settings of `churnlab export`."""

from __future__ import annotations

from dataclasses import dataclass, field

from churnlab.config.schema import RunSettings
from churnlab.export import ExportConfig


@dataclass(kw_only=True)
class ExportSettings(RunSettings):
    """Settings of `churnlab export`."""

    runs: list[str] = field(default_factory=list)
    export: ExportConfig = field(default_factory=ExportConfig)
