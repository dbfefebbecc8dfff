"""What may be chosen of the use cases that need no more than a fit does.

Settings nest the dataclasses that the library itself uses; nothing is stated twice. The command
line adds where the data are and where the files go (`churnlab.config`). A use case that needs more
has its settings in its own module.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from churnlab.errors import UsageError, one_of
from churnlab.fitting import InferenceConfig, ModelConfig
from churnlab.forecast import ForecastConfig
from churnlab.parts import whole
from churnlab.posterior import RiskConfig, ValueConfig
from churnlab.report.config import ReportConfig
from churnlab.report.labels import LANGUAGES
from churnlab.rules import OverdueRule
from churnlab.simulate import ShopConfig


@dataclass(kw_only=True)
class Settings:
    """What every use case has."""

    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse negative seeds."""
        whole("seed", self.seed, 0)


@dataclass(kw_only=True)
class ModelSettings(Settings):
    """What every use case that fits has.

    rule: Who counts as at risk; `overdue` by default: late by the own rhythm.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    inference: InferenceConfig = field(default_factory=InferenceConfig)
    risk: RiskConfig = field(default_factory=RiskConfig)
    rule: Any = None
    default_rule: ClassVar[type[Any]] = OverdueRule

    def __post_init__(self) -> None:
        """Take the default rule where none is chosen: Hydra wants a plain default."""
        super().__post_init__()
        self.rule = self.default_rule() if self.rule is None else self.rule


@dataclass(kw_only=True)
class FitSettings(ModelSettings):
    """Of a fit: how values are counted, and what forecasts a window, besides."""

    value: ValueConfig = field(default_factory=ValueConfig)
    forecast: ForecastConfig = field(default_factory=ForecastConfig)


@dataclass(kw_only=True)
class SimulateSettings(Settings):
    """Of a simulated shop."""

    shop: ShopConfig = field(default_factory=ShopConfig)


@dataclass(kw_only=True)
class Worded(Settings):
    """What is told in words.

    lang: `en` or `ko`.
    report: How pages look; its `lang`, where given, goes before.
    """

    lang: str = "en"
    report: ReportConfig = field(default_factory=ReportConfig)

    def __post_init__(self) -> None:
        """Refuse languages without words of their own."""
        super().__post_init__()
        self.lang = self.report.lang or self.lang
        one_of("lang", self.lang, LANGUAGES)


@dataclass(kw_only=True)
class ReportSettings(Worded):
    """Of a report: the finished run folder."""

    run: str = "???"


@dataclass(kw_only=True)
class BundleSettings(Settings):
    """Of what is done with a bundle: an export's folder."""

    bundle: str = "???"


@dataclass(kw_only=True)
class VerifySettings(BundleSettings):
    """Of a verification: what one table of a bundle may take of the memory, in GB."""

    max_table_gb: float = 2.0

    def __post_init__(self) -> None:
        """Refuse limits that nothing passes."""
        if not self.max_table_gb > 0:
            raise UsageError(f"max_table_gb must be positive; got {self.max_table_gb}.")


@dataclass(kw_only=True)
class SbcSettings(Settings):
    """Of simulation-based calibration: simulated populations, and how large each is."""

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
