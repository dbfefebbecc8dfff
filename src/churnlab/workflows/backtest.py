"""Backtest candidates and rules on held-out periods of a log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from churnlab.backtest import (
    DEFAULT_CANDIDATES,
    BacktestResult,
    SplitConfig,
    default_rules,
    run_backtest,
)
from churnlab.events import EventLog
from churnlab.fitting import ModelConfig
from churnlab.fitting.seasonal import LEAST_HISTORY
from churnlab.progress import SILENT, Progress
from churnlab.rules import CalibratedRule, ThresholdRule
from churnlab.summary.calendar import AUTO
from churnlab.workflows.steps.keywords import use_case
from churnlab.workflows.steps.settings import ModelSettings


@dataclass(kw_only=True)
class BacktestSettings(ModelSettings):
    """Of a backtest.

    candidates: Models and baselines; the compulsory ones are added. Empty: the default set, and the
        configured model on its calendar where the log is long enough for one.
    rules: Rules that are scored on the same forecasts; by default those of `default_rules` at the
        costs that `rule` states, and `rule` itself where it cuts a risk.
    cache_dir: Folder in which finished fits are kept and found again.
    keep_predictions: Keep forecast and outcome of every customer.
    """

    split: SplitConfig = field(default_factory=SplitConfig)
    candidates: list[str] = field(default_factory=list)
    rules: dict[str, Any] = field(default_factory=dict)
    cache_dir: str | None = None
    keep_predictions: bool = False
    default_rule: ClassVar[type[Any]] = CalibratedRule


@use_case(BacktestSettings)
def backtest(
    log: EventLog, settings: BacktestSettings, progress: Progress = SILENT
) -> BacktestResult:
    """Score candidates and rules on rolling origins (see `churnlab.backtest.run_backtest`).

    Parameters
    ----------
    log : EventLog
        Purchases, and visits where candidates use them.
    settings : BacktestSettings, optional
        Or its fields as keywords: ``candidates=["mbg_nbd", "pareto_nbd"]``,
        ``split={"origins": 3, "horizon_days": [28, 91]}``, ``rules=["fixed", "cost_ratio"]``.
    progress : Progress
        Hears how far it has come.

    Returns
    -------
    BacktestResult
        ``.lines`` and ``.answers`` in words, ``.score(metric, candidate)``, ``.headline()``,
        ``.tables`` (docs/files.md), ``.plot_scores()``, ``.plot_reliability()``.

    Raises
    ------
    DataError
        No complete window; too few purchasers, events or non-events.

    References
    ----------
    Brier (1950), Monthly Weather Review 78, 1-3; docs/backtesting.md.

    Examples
    --------
    >>> import churnlab as cl
    >>> split = {"origins": ["1997-09-30"], "horizon_days": [91], "replicates": 20}
    >>> found = cl.backtest(cl.load_cdnow(), candidates=["mbg_nbd"], split=split)
    >>> 0.1 < found.score("brier", "mbg_nbd") < 0.2
    True
    """
    model, inference = settings.model, settings.inference
    with progress.stage("backtest"):
        return run_backtest(
            log,
            candidates=settings.candidates or _usual(log, settings.model),
            split=settings.split,
            rules=_rules(settings),
            costs=settings.rule,
            seed=settings.seed,
            k=model.k,
            method=inference.method,
            draws=inference.draws,
            chains=inference.chains,
            priors=model.priors,
            events=model.events,
            calendar_spread=model.calendar_spread,
            cache_dir=settings.cache_dir,
            keep_predictions=settings.keep_predictions,
            progress=progress.update,
        )


def _usual(log: EventLog, model: ModelConfig) -> list[str]:
    """Return the default set, and the configured model where a fit of this log has a calendar."""
    own = model.candidate
    if model.calendar == AUTO and (log.as_of - log.first_day()).days + 1 < LEAST_HISTORY:
        own = model.name  # no origin is asked
    return list(dict.fromkeys([*DEFAULT_CANDIDATES, *([own] if "@" in own else [])]))


def _rules(settings: BacktestSettings) -> dict[str, ThresholdRule]:
    if settings.rules:
        return settings.rules
    own = {settings.rule.name: settings.rule} if isinstance(settings.rule, ThresholdRule) else {}
    return default_rules(settings.rule) | own
