"""churnlab: probabilistic models of silent customer churn.

Importing the package is light; each name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from churnlab.backtest.estimator import ChurnClassifier, RollingOrigins
    from churnlab.bundle.score import score
    from churnlab.errors import (
        ChurnlabError,
        DataError,
        FitRefusedError,
        UsageError,
        VerificationError,
    )
    from churnlab.events import EventLog, read_events
    from churnlab.fitting import Fit, InferenceConfig, ModelConfig, compare, fit, load
    from churnlab.inference import SpendFit, fit_spend
    from churnlab.models.pymc import pymc_model
    from churnlab.posterior import RiskConfig, ValueConfig
    from churnlab.summary import SpendSummary, Summary, summarise, summarise_spend
    from churnlab.workflows.backtest import backtest
    from churnlab.workflows.explain import explain
    from churnlab.workflows.export import export
    from churnlab.workflows.journey import journey
    from churnlab.workflows.monitor import monitor
    from churnlab.workflows.nday import nday
    from churnlab.workflows.opening import load_cdnow, load_shop
    from churnlab.workflows.segment import segment
    from churnlab.workflows.verify import verify

#: Public name -> module below `churnlab` that has it.
_HOMES = {
    "ChurnClassifier": "backtest.estimator",
    "ChurnlabError": "errors",
    "DataError": "errors",
    "EventLog": "events",
    "Fit": "fitting",
    "FitRefusedError": "errors",
    "InferenceConfig": "fitting",
    "ModelConfig": "fitting",
    "RiskConfig": "posterior",
    "RollingOrigins": "backtest.estimator",
    "SpendFit": "inference",
    "SpendSummary": "summary",
    "Summary": "summary",
    "UsageError": "errors",
    "ValueConfig": "posterior",
    "VerificationError": "errors",
    "compare": "fitting",
    "explain": "workflows.explain",
    "fit": "fitting",
    "fit_spend": "inference",
    "journey": "workflows.journey",
    "load": "fitting",
    "load_cdnow": "workflows.opening",
    "load_shop": "workflows.opening",
    "pymc_model": "models.pymc",
    "read_events": "events",
    "score": "bundle",
    "segment": "workflows.segment",
    "summarise": "summary",
    "summarise_spend": "summary",
    "verify": "workflows.verify",
}

__all__ = [
    "ChurnClassifier",
    "ChurnlabError",
    "DataError",
    "EventLog",
    "Fit",
    "FitRefusedError",
    "InferenceConfig",
    "ModelConfig",
    "RiskConfig",
    "RollingOrigins",
    "SpendFit",
    "SpendSummary",
    "Summary",
    "UsageError",
    "ValueConfig",
    "VerificationError",
    "backtest",
    "compare",
    "explain",
    "export",
    "fit",
    "fit_spend",
    "journey",
    "load",
    "load_cdnow",
    "load_shop",
    "monitor",
    "nday",
    "pymc_model",
    "read_events",
    "score",
    "segment",
    "summarise",
    "summarise_spend",
    "verify",
]


#: Wings that go by the name of their use case: `cl.backtest(log)`, `churnlab.backtest.SplitConfig`.
_WINGS = ("backtest", "export", "monitor", "nday")


class _Wing(ModuleType):
    """A wing that can be called: its use case."""

    @property
    def _use_case(self) -> Any:
        name = self.__name__.rpartition(".")[2]
        return getattr(importlib.import_module(f"churnlab.workflows.{name}"), name)

    @property
    def __signature__(self) -> inspect.Signature:
        """What help on the call shows."""
        return inspect.signature(self._use_case)

    def __call__(self, *values: Any, **options: Any) -> Any:
        return self._use_case(*values, **options)


class _Package(ModuleType):
    """Makes wings callable when the import system binds them."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _WINGS:
            value.__class__ = _Wing
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name in _WINGS:
        return importlib.import_module(f"churnlab.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'churnlab' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"churnlab.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
