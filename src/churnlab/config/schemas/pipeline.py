"""Settings of `churnlab pipeline`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from churnlab.backtest import SplitConfig
from churnlab.config.schema import check_language
from churnlab.config.schemas.segment import SegmentSettings
from churnlab.export import ExportConfig
from churnlab.nday import NdayConfig


@dataclass(kw_only=True)
class PipelineSettings(SegmentSettings):
    """Settings of `churnlab pipeline`."""

    split: SplitConfig = field(default_factory=SplitConfig)
    candidates: list[str] = field(default_factory=list)
    rules: dict[str, Any] = field(default_factory=dict)
    cache_dir: str | None = None
    keep_predictions: bool = False
    nday: NdayConfig = field(default_factory=NdayConfig)
    export: ExportConfig = field(default_factory=ExportConfig)
    lang: str = "en"

    def __post_init__(self) -> None:
        """Refuse unknown languages."""
        super().__post_init__()
        check_language(self.lang)
