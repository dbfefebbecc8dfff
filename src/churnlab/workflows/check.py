"""Check a log against the data contract: what was kept and dropped, and why."""

from churnlab.events import EventLog
from churnlab.progress import SILENT, Progress
from churnlab.workflows.steps.opening import Checked
from churnlab.workflows.steps.settings import Settings


def check(log: EventLog, settings: Settings | None = None, progress: Progress = SILENT) -> Checked:
    """Return what the reading of a log has found."""
    return Checked(log)
