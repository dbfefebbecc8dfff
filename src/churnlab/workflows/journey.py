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

    Parameters
    ----------
    log : EventLog
        Purchases with an item or a category.
    settings : JourneySettings, optional
        Or its fields as keywords: ``journey={"window_days": 30, "least_customers": 5}``.
    progress : Progress
        Hears how far it has come.

    Returns
    -------
    JourneyResult
        ``.lines`` in words, ``.tables`` (docs/files.md): `journeys`, `personas`, `cycles`,
        `audience`, ...

    Raises
    ------
    DataError
        No goods, one kind of goods only, or no window that is over.

    References
    ----------
    Agrawal and Srikant (1995), Mining sequential patterns, ICDE; docs/journeys.md.

    Examples
    --------
    >>> import churnlab as cl
    >>> found = cl.journey(cl.load_shop(600))
    >>> "loyal" in found.tables
    True
    """
    with progress.stage("journeys"):
        return run_journeys(log, settings.journey, seed=settings.seed, progress=progress.update)
