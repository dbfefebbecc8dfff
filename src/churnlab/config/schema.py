"""The settings of the light commands: a use case's own, where its data are and its files go.

Nothing is stated twice: the settings are the dataclasses that the use cases take. A command that
needs more than a fit does has a module in `config.schemas`; `config.register` names them all.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from churnlab.events import DataConfig
from churnlab.simulate import ShopConfig
from churnlab.workflows import settings


@dataclass(kw_only=True)
class Run(settings.Settings):
    """What every command has."""

    run_dir: str | None = None


@dataclass(kw_only=True)
class DataRun(Run):
    """What every command that opens event logs has."""

    data: DataConfig = field(default_factory=DataConfig)
    shop: ShopConfig = field(default_factory=ShopConfig)
    as_of: str | None = None


@dataclass(kw_only=True)
class CheckRun(DataRun):
    """`churnlab check`."""


@dataclass(kw_only=True)
class SimulateRun(Run, settings.SimulateSettings):
    """`churnlab simulate`."""


@dataclass(kw_only=True)
class FitRun(DataRun, settings.FitSettings):
    """`churnlab fit`."""


@dataclass(kw_only=True)
class DemoRun(Run, settings.Worded):
    """`churnlab demo`."""


@dataclass(kw_only=True)
class ReportRun(Run, settings.ReportSettings):
    """`churnlab report`."""


@dataclass(kw_only=True)
class SbcRun(Run, settings.SbcSettings):
    """`churnlab sbc`."""


@dataclass(kw_only=True)
class VerifyRun(Run, settings.VerifySettings):
    """`churnlab verify`."""


@dataclass(kw_only=True)
class ScoreRun(DataRun, settings.BundleSettings):
    """`churnlab score` and `churnlab monitor`."""
