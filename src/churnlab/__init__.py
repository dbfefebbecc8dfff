"""Who is slipping away, since when, and how sure that is: models of silent customer churn.

Start with a log of events, what it says of each customer, and a fit:

>>> import churnlab as cl
>>> log = cl.load_shop(600)  # yours: cl.read_events(purchases="orders.csv", columns={...})
>>> fit = cl.fit(cl.summarise(log), model="mbg_nbd")
>>> customers = fit.customers(horizon_days=90)  # P(alive), cycle, risk, dates; a row a customer
>>> ax = fit.plot_tracking()

Then ask: `fit.summary()`, `fit.states()`, `fit.forecast(weeks=13)`, `cl.compare({"a": fit, ...})`;
`cl.segment(log)`, `cl.backtest(log)`, `cl.nday(log)`, `cl.journey(log)`, `cl.explain(log, id)`;
keep: `fit.save(folder)` and `cl.load(folder)`, `cl.runs("outputs")`; use: `cl.export(...)`,
`cl.score(...)`. `help(cl.segment)` says what each takes; the tour is docs/python.md.
"""

# Importing the package is light: each name is loaded when it is first used.

from __future__ import annotations

import importlib
import inspect
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from churnlab.backtest.estimator import ChurnClassifier
    from churnlab.backtest.rolling import RollingOrigins
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
    from churnlab.models.pymc import pymc_model
    from churnlab.posterior import RiskConfig, ValueConfig
    from churnlab.runs.listing import runs
    from churnlab.spend import SpendFit, fit_spend
    from churnlab.summary import SpendSummary, Summary, summarise, summarise_spend
    from churnlab.workflows.backtest import backtest
    from churnlab.workflows.compare import compare_runs
    from churnlab.workflows.explain import explain
    from churnlab.workflows.journey import journey
    from churnlab.workflows.nday import nday
    from churnlab.workflows.production.export import export
    from churnlab.workflows.production.monitor import monitor
    from churnlab.workflows.production.verify import verify
    from churnlab.workflows.segment import segment
    from churnlab.workflows.steps.opening import load_cdnow, load_shop

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
    "RollingOrigins": "backtest.rolling",
    "SpendFit": "spend",
    "SpendSummary": "summary",
    "Summary": "summary",
    "UsageError": "errors",
    "ValueConfig": "posterior",
    "VerificationError": "errors",
    "compare": "fitting",
    "compare_runs": "workflows.compare",
    "explain": "workflows.explain",
    "fit": "fitting",
    "fit_spend": "spend",
    "journey": "workflows.journey",
    "load": "fitting",
    "load_cdnow": "workflows.steps.opening",
    "load_shop": "workflows.steps.opening",
    "pymc_model": "models.pymc",
    "read_events": "events",
    "score": "bundle",
    "segment": "workflows.segment",
    "summarise": "summary",
    "summarise_spend": "summary",
    "verify": "workflows.production.verify",
}

__all__ = [
    "ChurnClassifier", "ChurnlabError", "DataError", "EventLog", "Fit", "FitRefusedError",
    "InferenceConfig", "ModelConfig", "RiskConfig", "RollingOrigins", "SpendFit", "SpendSummary",
    "Summary", "UsageError", "ValueConfig", "VerificationError", "backtest", "board", "compare",
    "compare_runs", "explain", "export", "fit", "fit_spend", "journey", "load", "load_cdnow",
    "load_shop", "monitor", "nday", "pymc_model", "read_events", "runs", "score", "segment",
    "summarise", "summarise_spend", "verify",
]  # fmt: skip


#: Packages that go by the name of a function, and where it is: `cl.backtest(log)` is a call,
#: `churnlab.backtest.SplitConfig` a name in the package.
_CALLED = {
    "backtest": "workflows.backtest",
    "board": "workflows.pages.board",
    "export": "workflows.production.export",
    "monitor": "workflows.production.monitor",
    "nday": "workflows.nday",
    "runs": "runs.listing",
}


class _Called(ModuleType):
    """A package that can be called: the function of its name."""

    @property
    def _function(self) -> Any:
        name = self.__name__.rpartition(".")[2]
        return getattr(importlib.import_module(f"churnlab.{_CALLED[name]}"), name)

    @property
    def __signature__(self) -> inspect.Signature:
        """What help on the call shows."""
        return inspect.signature(self._function)

    def __call__(self, *values: Any, **options: Any) -> Any:
        return self._function(*values, **options)


class _Package(ModuleType):
    """Makes packages callable when the import system binds them."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _CALLED:
            value.__class__ = _Called
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name in _CALLED:
        return importlib.import_module(f"churnlab.{name}")
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("churnlab")
    if name not in _HOMES:
        from churnlab.errors import nearest

        raise AttributeError(
            f"module 'churnlab' has no attribute {name!r}.{nearest(name, __all__)}"
        )
    value = getattr(importlib.import_module(f"churnlab.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
