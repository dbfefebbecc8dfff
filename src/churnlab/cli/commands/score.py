"""`churnlab score`: new events scored with a bundle, without a refit."""

from __future__ import annotations

from churnlab.bundle import score
from churnlab.cli.console import Console
from churnlab.config.schema import ScoreSettings
from churnlab.runs.folder import RunFolder
from churnlab.workflows.opening import open_data


def run(settings: ScoreSettings, folder: RunFolder, console: Console) -> None:
    """Score every member of the log and write `customer_thresholds.parquet`."""
    log = open_data(settings, folder, console)
    with console.stage("scoring"):
        table = score(settings.bundle, log)
    path = folder.write_parquet("customer_thresholds.parquet", table)
    states = table["purchase_state"].value_counts()
    console.say(f"{len(table):,} members scored on {log.as_of}")
    console.say(*(f"  {state:<16}{n:>9,}" for state, n in states.items()))
    console.say(f"file: {path}")
