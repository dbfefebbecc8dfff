"""Monitor a bundle against newer data; a failure is for schedulers."""

from __future__ import annotations

from dataclasses import dataclass, field

from churnlab.errors import VerificationError
from churnlab.events import EventLog
from churnlab.monitor import MonitorConfig
from churnlab.monitor import monitor as monitor_bundle
from churnlab.progress import SILENT, Progress
from churnlab.runs import RunFolder
from churnlab.workflows.production.verify import Verified
from churnlab.workflows.steps.keywords import use_case
from churnlab.workflows.steps.settings import BundleSettings


@dataclass(kw_only=True)
class MonitorSettings(BundleSettings):
    """Of a monitoring: the bundle, and the day of the run."""

    monitor: MonitorConfig = field(default_factory=MonitorConfig)


@dataclass(frozen=True)
class Monitored(Verified):
    """A bundle that was held against newer data.

    Attributes
    ----------
    found : dict
        As `Verified`, with `as_of`.

    Notes
    -----
    Made by `churnlab.monitor`, whose example those of the methods go on from.
    """

    @property
    def state(self) -> str:
        """The bundle's state on a day."""
        return f"bundle {self.found['bundle_id']} on {self.found['as_of']}: {self.found['status']}"

    @property
    def failure(self) -> VerificationError | None:
        """For schedulers: some check failed."""
        failed = [c["name"] for c in self.found["checks"] if c["status"] == "fail"]
        if self.found["status"] != "fail":
            return None
        return VerificationError(
            f"monitoring failed on {', '.join(failed)} (see monitor.json): keep serving the dates, "
            "mark the bundle stale, and refit."
        )

    def write(self, folder: RunFolder) -> None:
        """Write `monitor.json`."""
        folder.write_json("monitor.json", self.found)


@use_case(MonitorSettings, "bundle")
def monitor(log: EventLog, settings: MonitorSettings, progress: Progress = SILENT) -> Monitored:
    """Hold a bundle against newer data: staleness, drift, matured labels.

    Parameters
    ----------
    log : EventLog
        All history up to now, not only the new days.
    settings : MonitorSettings, optional
        Or the folder of an export: ``monitor(log, "outputs/export")``.
    progress : Progress
        Hears of it.

    Returns
    -------
    Monitored
        ``.lines`` in words; ``.found`` has every check with its status.

    Raises
    ------
    UsageError, VerificationError
        No bundle in the folder, or one that was changed.

    Examples
    --------
    >>> import churnlab as cl
    >>> watched = cl.monitor(cl.load_shop(300), "outputs/export")
    >>> len(watched.lines) > 0
    True
    """
    with progress.stage("monitoring the bundle"):
        return Monitored(monitor_bundle(settings.bundle, log, today=settings.monitor.day()))
