"""Score new events with a bundle, without a refit."""

import datetime as dt
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from churnlab.bundle import score as score_log
from churnlab.events import EventLog
from churnlab.progress import SILENT, Progress
from churnlab.runs import Result
from churnlab.workflows.steps.settings import BundleSettings


@dataclass(frozen=True)
class Scored(Result):
    """Every member of a log scored with a bundle."""

    customers: pd.DataFrame
    as_of: dt.date
    files: ClassVar[str] = "file: {folder}/customer_thresholds.parquet"

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Risk, state and dates by customer."""
        return {"customer_thresholds": self.customers}

    @property
    def lines(self) -> list[str]:
        """How many stand in each state."""
        states = self.customers["purchase_state"].value_counts()
        said = [f"  {state:<16}{n:>9,}" for state, n in states.items()]
        return [f"{len(self.customers):,} members scored on {self.as_of}", *said]


def score(log: EventLog, settings: BundleSettings, progress: Progress = SILENT) -> Scored:
    """Score every member of a log with a bundle, without a refit."""
    with progress.stage("scoring"):
        found = score_log(settings.bundle, log)
    return Scored(found, log.as_of)
