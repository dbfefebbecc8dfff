"""Study the signup cohorts of a log: conversion curve, plateau, rule(N), audience."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from churnlab.errors import UsageError
from churnlab.events import EventLog
from churnlab.nday import NdayConfig, NdayResult, run_nday
from churnlab.progress import SILENT, Progress
from churnlab.workflows.steps.keywords import use_case
from churnlab.workflows.steps.settings import Worded


@dataclass(kw_only=True)
class NdaySettings(Worded):
    """Of an N-day study.

    previous: An earlier `nday_audience.parquet`: nobody gets a message twice.
    """

    nday: NdayConfig = field(default_factory=NdayConfig)
    previous: str | None = None

    def __post_init__(self) -> None:
        """Refuse an earlier audience that is not there."""
        super().__post_init__()
        if self.previous is not None and not Path(self.previous).is_file():
            raise UsageError(
                f"previous={self.previous!r} is no file; give an earlier nday_audience.parquet."
            )


@use_case(NdaySettings)
def nday(log: EventLog, settings: NdaySettings, progress: Progress = SILENT) -> NdayResult:
    """Answer the N-day question from a log (see `churnlab.nday.run_nday`).

    Parameters
    ----------
    log : EventLog
        Members with their signup, and purchases; visits and treatments where there are any.
    settings : NdaySettings, optional
        Or its fields as keywords: ``nday={"n": 10, "holdout_share": 0.2}``.
    progress : Progress
        Hears how far it has come.

    Returns
    -------
    NdayResult
        ``.lines`` in words, ``.rule`` (what `rule.json` holds), ``.curve`` (cohort x day since
        signup), ``.audience``, ``.plot_curve()``, ``.plot_value()``.

    Raises
    ------
    DataError
        There is no members table: a first event is no signup.

    References
    ----------
    Kaplan and Meier (1958), JASA 53, 457-481; docs/nday.md.

    Examples
    --------
    >>> import churnlab as cl
    >>> costs = {"margin": 20, "coupon": 5, "revenue": 60}
    >>> study = {"costs": costs, "draws": 100, "backtest": False}
    >>> found = cl.nday(cl.load_shop(900), nday=study)
    >>> found.rule["n"]  # the day in use; the recommended one stands in `.lines`
    10
    """
    previous = None if settings.previous is None else pd.read_parquet(settings.previous)
    with progress.stage("signup cohorts"):
        return run_nday(
            log, settings.nday, seed=settings.seed, previous=previous, progress=progress.update
        )
