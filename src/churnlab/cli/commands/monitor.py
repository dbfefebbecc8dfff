"""`churnlab monitor`: a bundle against newer data; its exit status is for schedulers."""

from __future__ import annotations

from churnlab.cli.console import Console
from churnlab.config.schema import ScoreSettings
from churnlab.errors import VerificationError
from churnlab.monitor import monitor
from churnlab.runs.folder import RunFolder
from churnlab.workflows.opening import open_data


def run(settings: ScoreSettings, folder: RunFolder, console: Console) -> None:
    """Hold the bundle against the log, write `monitor.json`; a failure ends with status 5."""
    log = open_data(settings, folder, console)
    with console.stage("monitoring the bundle"):
        found = monitor(settings.bundle, log)
    folder.write_json("monitor.json", found)
    for check in found["checks"]:
        console.say(f"  {check['status']:<5}{check['name']}: {check['detail']}")
    console.say(f"bundle {found['bundle_id']} on {found['as_of']}: {found['status']}")
    if found["status"] == "fail":
        failed = [c["name"] for c in found["checks"] if c["status"] == "fail"]
        raise VerificationError(
            f"monitoring failed on {', '.join(failed)} (see {folder.path}/monitor.json): keep "
            "serving the dates, mark the bundle stale, and refit."
        )
