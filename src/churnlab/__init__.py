"""churnlab: probabilistic models of silent customer churn.

Importing the package is light; each name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from churnlab.errors import (
        ChurnlabError,
        DataError,
        FitRefusedError,
        UsageError,
        VerificationError,
    )
    from churnlab.events import EventLog, read_events
    from churnlab.fitting import Fit, InferenceConfig, ModelConfig, fit
    from churnlab.inference import SpendFit, fit_spend
    from churnlab.models.pymc import pymc_model
    from churnlab.posterior import RiskConfig, ValueConfig
    from churnlab.summary import SpendSummary, Summary, summarise, summarise_spend

_HOMES = {
    "ChurnlabError": "errors",
    "DataError": "errors",
    "EventLog": "events",
    "Fit": "fitting",
    "FitRefusedError": "errors",
    "InferenceConfig": "fitting",
    "ModelConfig": "fitting",
    "RiskConfig": "posterior",
    "SpendFit": "inference",
    "SpendSummary": "summary",
    "Summary": "summary",
    "UsageError": "errors",
    "ValueConfig": "posterior",
    "VerificationError": "errors",
    "fit": "fitting",
    "fit_spend": "inference",
    "pymc_model": "models.pymc",
    "read_events": "events",
    "summarise": "summary",
    "summarise_spend": "summary",
}

__all__ = [
    "ChurnlabError",
    "DataError",
    "EventLog",
    "Fit",
    "FitRefusedError",
    "InferenceConfig",
    "ModelConfig",
    "RiskConfig",
    "SpendFit",
    "SpendSummary",
    "Summary",
    "UsageError",
    "ValueConfig",
    "VerificationError",
    "fit",
    "fit_spend",
    "pymc_model",
    "read_events",
    "summarise",
    "summarise_spend",
]


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'churnlab' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"churnlab.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
