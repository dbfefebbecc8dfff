"""Find the journeys of a log: what makes customers loyal, and whom to take along."""

from __future__ import annotations

from dataclasses import dataclass, field

from churnlab.events import EventLog
from churnlab.journeys import JourneyConfig, JourneyResult, run_journeys
from churnlab.progress import SILENT, Progress
from churnlab.workflows.steps.keywords import use_case
from churnlab.workflows.steps.settings import Worded


@dataclass(kw_only=True)
class JourneySettings(Worded):
    """Of a study of journeys."""

    journey: JourneyConfig = field(default_factory=JourneyConfig)


@use_case(JourneySettings)
def journey(log: EventLog, settings: JourneySettings, progress: Progress = SILENT) -> JourneyResult:
    """Find journeys, personas, cycles and audiences (see `churnlab.journeys.run_journeys`).

    Raises
    ------
    DataError
        No goods, one kind of goods only, or no window that is over.
    """
    with progress.stage("journeys"):
        return run_journeys(log, settings.journey, seed=settings.seed, progress=progress.update)
