"""The settings of each command, and their registration as Hydra's schema.

A settings class nests the dataclasses that the library itself uses; nothing is stated twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore

from churnlab.backtest import SplitConfig
from churnlab.backtest.nday import NdayConfig
from churnlab.errors import UsageError
from churnlab.events import DataConfig
from churnlab.export import ExportConfig
from churnlab.fitting import InferenceConfig, ModelConfig
from churnlab.plots.labels import LANGUAGES
from churnlab.posterior import RiskConfig
from churnlab.rules import RULES
from churnlab.segments import AudienceConfig, SegmentsConfig, VisitsConfig, WinbackConfig
from churnlab.simulate import ShopConfig


@dataclass(kw_only=True)
class RunSettings:
    """What every command has."""

    run_dir: str | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse negative seeds."""
        if self.seed < 0:
            raise UsageError(f"seed must be 0 or greater; got {self.seed}.")


@dataclass(kw_only=True)
class DataSettings(RunSettings):
    """What every command that opens event logs has."""

    data: DataConfig = field(default_factory=DataConfig)
    shop: ShopConfig = field(default_factory=ShopConfig)
    as_of: str | None = None


@dataclass(kw_only=True)
class ModelSettings(DataSettings):
    """What every command that fits has."""

    model: ModelConfig = field(default_factory=ModelConfig)
    inference: InferenceConfig = field(default_factory=InferenceConfig)
    risk: RiskConfig = field(default_factory=RiskConfig)
    rule: Any = None


@dataclass(kw_only=True)
class CheckSettings(DataSettings):
    """Settings of `churnlab check`."""


@dataclass(kw_only=True)
class SimulateSettings(RunSettings):
    """Settings of `churnlab simulate`."""

    shop: ShopConfig = field(default_factory=ShopConfig)


@dataclass(kw_only=True)
class FitSettings(ModelSettings):
    """Settings of `churnlab fit`."""


@dataclass(kw_only=True)
class SegmentSettings(ModelSettings):
    """Settings of `churnlab segment`."""

    compare_to: str | None = None
    visits: VisitsConfig = field(default_factory=VisitsConfig)
    segments: SegmentsConfig = field(default_factory=SegmentsConfig)
    audiences: AudienceConfig = field(default_factory=AudienceConfig)
    winback: WinbackConfig = field(default_factory=WinbackConfig)
    playbook: str | None = None


@dataclass(kw_only=True)
class BacktestSettings(ModelSettings):
    """Settings of `churnlab backtest`."""

    split: SplitConfig = field(default_factory=SplitConfig)
    candidates: list[str] = field(default_factory=list)
    rules: dict[str, Any] = field(default_factory=dict)
    cache_dir: str | None = None


@dataclass(kw_only=True)
class PipelineSettings(SegmentSettings):
    """Settings of `churnlab pipeline`."""

    split: SplitConfig = field(default_factory=SplitConfig)
    candidates: list[str] = field(default_factory=list)
    rules: dict[str, Any] = field(default_factory=dict)
    cache_dir: str | None = None
    nday: NdayConfig = field(default_factory=NdayConfig)
    export: ExportConfig = field(default_factory=ExportConfig)
    lang: str = "en"

    def __post_init__(self) -> None:
        """Refuse unknown languages."""
        super().__post_init__()
        _check_language(self.lang)


@dataclass(kw_only=True)
class DemoSettings(RunSettings):
    """Settings of `churnlab demo`."""

    lang: str = "en"

    def __post_init__(self) -> None:
        """Refuse unknown languages."""
        super().__post_init__()
        _check_language(self.lang)


@dataclass(kw_only=True)
class ReportSettings(RunSettings):
    """Settings of `churnlab report`."""

    run: str = "???"
    lang: str = "en"

    def __post_init__(self) -> None:
        """Refuse unknown languages."""
        super().__post_init__()
        _check_language(self.lang)


@dataclass(kw_only=True)
class SbcSettings(RunSettings):
    """Settings of `churnlab sbc`."""

    model: ModelConfig = field(default_factory=ModelConfig)
    simulations: int = 200
    customers: int = 300

    def __post_init__(self) -> None:
        """Refuse numbers too small to say anything."""
        super().__post_init__()
        if self.simulations < 20 or self.customers < 50:
            raise UsageError(
                "sbc needs simulations >= 20 and customers >= 50; got "
                f"{self.simulations} and {self.customers}."
            )


@dataclass(kw_only=True)
class NdaySettings(DataSettings):
    """Settings of `churnlab nday`."""

    nday: NdayConfig = field(default_factory=NdayConfig)
    previous: str | None = None


@dataclass(kw_only=True)
class ExplainSettings(SegmentSettings):
    """Settings of `churnlab explain`."""

    customer: str = "???"
    lang: str = "en"

    def __post_init__(self) -> None:
        """Refuse unknown languages."""
        super().__post_init__()
        _check_language(self.lang)


@dataclass(kw_only=True)
class BundleSettings(RunSettings):
    """Settings of `churnlab verify`."""

    bundle: str = "???"


@dataclass(kw_only=True)
class ScoreSettings(DataSettings):
    """Settings of `churnlab score` and `churnlab monitor`."""

    bundle: str = "???"


@dataclass(kw_only=True)
class ExportSettings(RunSettings):
    """Settings of `churnlab export`."""

    runs: list[str] = field(default_factory=list)
    export: ExportConfig = field(default_factory=ExportConfig)


def _check_language(lang: str) -> None:
    if lang not in LANGUAGES:
        raise UsageError(f"lang must be one of {', '.join(LANGUAGES)}; got {lang!r}.")


COMMAND_SETTINGS: dict[str, type] = {
    "check": CheckSettings,
    "simulate": SimulateSettings,
    "fit": FitSettings,
    "segment": SegmentSettings,
    "backtest": BacktestSettings,
    "pipeline": PipelineSettings,
    "demo": DemoSettings,
    "report": ReportSettings,
    "sbc": SbcSettings,
    "nday": NdaySettings,
    "explain": ExplainSettings,
    "export": ExportSettings,
    "score": ScoreSettings,
    "verify": BundleSettings,
    "monitor": ScoreSettings,
}

_GROUPS: dict[str, type] = {
    "data": DataConfig,
    "model": ModelConfig,
    "inference": InferenceConfig,
    "split": SplitConfig,
    "visits": VisitsConfig,
    "export": ExportConfig,
}


def register() -> None:
    """Store every schema under the name that the YAML options start from (`base_...`)."""
    store = ConfigStore.instance()
    for name, settings in COMMAND_SETTINGS.items():
        store.store(name=f"base_{name}", node=settings)
    for group, node in _GROUPS.items():
        store.store(group=group, name=f"base_{group}", node=node)
    for name, rule in RULES.items():
        store.store(group="rule", name=f"base_{name}", node=rule)
