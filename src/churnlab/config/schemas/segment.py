"""Settings of `churnlab segment` and `churnlab explain`."""

from __future__ import annotations

from dataclasses import dataclass, field

from churnlab.config.schema import ModelSettings, check_language
from churnlab.posterior import ValueConfig
from churnlab.segments import AudienceConfig, SegmentsConfig, VisitsConfig, WinbackConfig


@dataclass(kw_only=True)
class SegmentSettings(ModelSettings):
    """Settings of `churnlab segment`."""

    compare_to: str | None = None
    visits: VisitsConfig = field(default_factory=VisitsConfig)
    segments: SegmentsConfig = field(default_factory=SegmentsConfig)
    audiences: AudienceConfig = field(default_factory=AudienceConfig)
    winback: WinbackConfig = field(default_factory=WinbackConfig)
    value: ValueConfig = field(default_factory=ValueConfig)
    playbook: str | None = None


@dataclass(kw_only=True)
class ExplainSettings(SegmentSettings):
    """Settings of `churnlab explain`."""

    customer: str = "???"
    lang: str = "en"

    def __post_init__(self) -> None:
        """Refuse unknown languages."""
        super().__post_init__()
        check_language(self.lang)
