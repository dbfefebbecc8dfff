"""The settings of the light commands, and what all commands share.

A settings class nests the dataclasses that the library itself uses; nothing is stated twice. A
command that needs more than a fit does has a module in `config.schemas`; `config.register` names
them all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from churnlab.errors import UsageError
from churnlab.events import DataConfig
from churnlab.fitting import InferenceConfig, ModelConfig
from churnlab.posterior import RiskConfig, ValueConfig
from churnlab.report.labels import LANGUAGES
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

    value: ValueConfig = field(default_factory=ValueConfig)


@dataclass(kw_only=True)
class DemoSettings(RunSettings):
    """Settings of `churnlab demo`."""

    lang: str = "en"

    def __post_init__(self) -> None:
        """Refuse unknown languages."""
        super().__post_init__()
        check_language(self.lang)


@dataclass(kw_only=True)
class ReportSettings(RunSettings):
    """Settings of `churnlab report`."""

    run: str = "???"
    lang: str = "en"

    def __post_init__(self) -> None:
        """Refuse unknown languages."""
        super().__post_init__()
        check_language(self.lang)


@dataclass(kw_only=True)
class SbcSettings(RunSettings):
    """Settings of `churnlab sbc`."""

    model: ModelConfig = field(default_factory=ModelConfig)
    simulations: int = 200
    customers: int = 300
    groups: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers too small to say anything."""
        super().__post_init__()
        if self.simulations < 20 or self.customers < 50:
            raise UsageError(
                "sbc needs simulations >= 20 and customers >= 50; got "
                f"{self.simulations} and {self.customers}."
            )
        if self.groups == 1 or self.groups < 0 or self.groups > self.customers // 10:
            raise UsageError(
                "sbc needs groups=0 (none), or at least 2 of at least 10 customers each; got "
                f"{self.groups} groups of {self.customers} customers in all."
            )


@dataclass(kw_only=True)
class BundleSettings(RunSettings):
    """Settings of `churnlab verify`."""

    bundle: str = "???"


@dataclass(kw_only=True)
class ScoreSettings(DataSettings):
    """Settings of `churnlab score` and `churnlab monitor`."""

    bundle: str = "???"


def check_language(lang: str) -> None:
    """Refuse languages without words of their own."""
    if lang not in LANGUAGES:
        raise UsageError(f"lang must be one of {', '.join(LANGUAGES)}; got {lang!r}.")
