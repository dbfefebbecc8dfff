"""Check a log against the data contract: what was kept and dropped, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from churnlab.events import EventLog
from churnlab.progress import SILENT, Progress
from churnlab.runs import Result, RunFolder
from churnlab.workflows.steps.settings import Settings


@dataclass(frozen=True)
class Checked(Result):
    """A log that holds to the contract."""

    log: EventLog
    files: ClassVar[str] = "report: {folder}/data_report.json"

    @property
    def lines(self) -> list[str]:
        """Rows read, kept and dropped by reason."""
        return self.log.report.lines()

    @property
    def warnings(self) -> list[str]:
        """What was dropped or mended."""
        return self.log.report.losses()

    def write(self, folder: RunFolder) -> None:
        """Write `data_report.json` and remember the tables' hashes."""
        folder.inputs.update(self.log.hashes)
        folder.write_json("data_report.json", self.log.report.to_dict())


def check(log: EventLog, settings: Settings | None = None, progress: Progress = SILENT) -> Checked:
    """Return what the reading of a log has found."""
    return Checked(log)
