"""Which settings belong to which command, and their registration as Hydra's schema.

Only what the command at hand needs is imported: the settings of all commands together would load
the backtests, segments and exports before a fit begins.
"""

from dataclasses import make_dataclass
from functools import cache
from importlib import import_module
from typing import Any, Final

from churnlab.config.schema import DataRun, Run

#: Command that opens event logs -> the settings of its use case, below `churnlab.workflows`.
_ON_A_LOG: Final[dict[str, str]] = {
    "check": "steps.settings:Settings",
    "fit": "steps.settings:FitSettings",
    "segment": "segment:SegmentSettings",
    "backtest": "backtest:BacktestSettings",
    "pipeline": "pipeline:PipelineSettings",
    "nday": "nday:NdaySettings",
    "journey": "journey:JourneySettings",
    "explain": "explain:ExplainSettings",
    "score": "steps.settings:BundleSettings",
    "monitor": "production.monitor:MonitorSettings",
}
#: The same of all commands.
COMMAND_SETTINGS: Final[dict[str, str]] = _ON_A_LOG | {
    "simulate": "steps.settings:SimulateSettings",
    "demo": "steps.settings:Worded",
    "report": "steps.settings:ReportSettings",
    "board": "pages.board:BoardSettings",
    "compare": "compare:CompareSettings",
    "sbc": "steps.settings:SbcSettings",
    "export": "production.export:ExportSettings",
    "verify": "steps.settings:VerifySettings",
}

#: A group of options -> the dataclass behind it, and the field in which a command has it.
_GROUPS: Final[dict[str, str]] = {
    "data": "churnlab.events:DataConfig",
    "model": "churnlab.fitting:ModelConfig",
    "inference": "churnlab.fitting:InferenceConfig",
    "split": "churnlab.backtest:SplitConfig",
    "visits": "churnlab.segments:VisitsConfig",
    "export": "churnlab.export:ExportConfig",
}


@cache
def settings_class(command: str) -> type:
    """Return what a command composes: its use case's settings, with data and run folder."""
    own = _load(f"churnlab.workflows.{COMMAND_SETTINGS[command]}")
    base = DataRun if command in _ON_A_LOG else Run
    made = make_dataclass(f"{command}_settings", [], bases=(base, own), kw_only=True)
    made.__module__ = __name__
    return made


def __getattr__(name: str) -> type:
    """Find a settings class by its name: a sweep's other processes unpickle it so (PEP 562)."""
    command = name.removesuffix("_settings")
    if command not in COMMAND_SETTINGS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return settings_class(command)


def register(command: str) -> None:
    """Store what `command` composes under the names that the YAML options start from (`base_`)."""
    settings = settings_class(command)
    _store(None, command, settings)
    fields: dict[str, Any] = settings.__dataclass_fields__  # type: ignore[attr-defined]
    for group, place in _GROUPS.items():
        if group in fields:
            _store(group, group, _load(place))
    if "rule" in fields:
        from churnlab.rules import RULES

        rules: dict[str, Any] = {**RULES}
        for name, rule in rules.items():
            _store("rule", name, rule)


@cache
def _store(group: str | None, name: str, node: type) -> None:
    """Store one of them, once in a process: Hydra looks through all of its fields."""
    from hydra.core.config_store import ConfigStore

    ConfigStore.instance().store(group=group, name=f"base_{name}", node=node)


def _load(place: str) -> type:
    module, name = place.split(":")
    found: type = getattr(import_module(module), name)
    return found
