"""Which settings belong to which command, and their registration as Hydra's schema.

Only what the command at hand needs is imported: the settings of all commands together would load
the backtests, segments and exports before a fit begins.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

#: Command -> its settings class; a module named below `churnlab.config`.
COMMAND_SETTINGS: Final[dict[str, str]] = {
    "check": "schema:CheckRun",
    "simulate": "schema:SimulateRun",
    "fit": "schema:FitRun",
    "segment": "schemas.segment:SegmentRun",
    "backtest": "schemas.backtest:BacktestRun",
    "pipeline": "schemas.pipeline:PipelineRun",
    "demo": "schema:DemoRun",
    "report": "schema:ReportRun",
    "sbc": "schema:SbcRun",
    "nday": "schemas.nday:NdayRun",
    "journey": "schemas.journey:JourneyRun",
    "explain": "schemas.segment:ExplainRun",
    "export": "schemas.export:ExportRun",
    "score": "schema:ScoreRun",
    "verify": "schema:VerifyRun",
    "monitor": "schema:ScoreRun",
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


def settings_class(command: str) -> type:
    """Return the settings class of a command."""
    return _load(f"churnlab.config.{COMMAND_SETTINGS[command]}")


def register(command: str) -> None:
    """Store what `command` composes under the names that the YAML options start from (`base_`)."""
    from hydra.core.config_store import ConfigStore

    store, settings = ConfigStore.instance(), settings_class(command)
    store.store(name=f"base_{command}", node=settings)
    fields: dict[str, Any] = settings.__dataclass_fields__  # type: ignore[attr-defined]
    for group, place in _GROUPS.items():
        if group in fields:
            store.store(group=group, name=f"base_{group}", node=_load(place))
    if "rule" in fields:
        from churnlab.rules import RULES

        for name, rule in RULES.items():
            store.store(group="rule", name=f"base_{name}", node=rule)


def _load(place: str) -> type:
    module, name = place.split(":")
    found: type = getattr(import_module(module), name)
    return found
