"""`churnlab export`: a verified threshold bundle from finished run folders."""

from __future__ import annotations

from collections.abc import Sequence

from churnlab.cli.console import Console
from churnlab.config.schemas.export import ExportSettings
from churnlab.errors import UsageError
from churnlab.export import ExportConfig, export_bundle, verify
from churnlab.runs.folder import RunFolder, file_hash
from churnlab.workflows.gather import export_inputs


def run(settings: ExportSettings, folder: RunFolder, console: Console) -> None:
    """Gather, export and verify; `bundle.json` is written last."""
    if not settings.runs:
        raise UsageError("runs must name finished run folders, e.g. runs=[outputs/mine].")
    export_runs(settings.runs, settings.export, folder, console)


def export_runs(
    runs: Sequence[str], config: ExportConfig, folder: RunFolder, console: Console
) -> None:
    """Export what finished run folders hold into a folder, and verify it."""
    with console.stage("gathering runs"):
        inputs = export_inputs(runs)
    with console.stage("writing the bundle"):
        path = export_bundle(folder.path, inputs, config, progress=console.progress)
    with console.stage("verifying the bundle"):
        found = verify(path)
    folder.written["bundle.json"] = file_hash(path)
    console.say(
        f"bundle {found['bundle_id']}: {found['status']}, {found['calibration']}",
        *(f"  {c['status']:<5}{c['name']}: {c['detail']}" for c in found["checks"]),
        f"folder: {folder.path}",
    )
