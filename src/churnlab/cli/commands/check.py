"""`churnlab check`: event logs against the data contract."""

from __future__ import annotations

from churnlab.cli.console import Console
from churnlab.config.schema import CheckSettings
from churnlab.runs.folder import RunFolder
from churnlab.workflows.opening import open_data


def run(settings: CheckSettings, folder: RunFolder, console: Console) -> None:
    """Read the logs, count what was kept and dropped and why, write `data_report.json`."""
    log = open_data(settings, folder, console)
    console.say(*log.report.lines())
    console.say(f"report: {folder.path / 'data_report.json'}")
