"""`churnlab verify`: is a bundle whole, consistent and true to its posterior?"""

from __future__ import annotations

from churnlab.cli.console import Console
from churnlab.config.schema import BundleSettings
from churnlab.export import verify
from churnlab.runs.folder import RunFolder


def run(settings: BundleSettings, folder: RunFolder, console: Console) -> None:
    """Check the bundle and write `verify.json`; a fault ends with exit status 5."""
    with console.stage("verifying the bundle"):
        found = verify(settings.bundle)
    folder.write_json("verify.json", found)
    for check in found["checks"]:
        console.say(f"  {check['status']:<5}{check['name']}: {check['detail']}")
    console.say(f"bundle {found['bundle_id']}: {found['status']}, {found['calibration']}")
