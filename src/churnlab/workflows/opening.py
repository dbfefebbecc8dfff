"""Open the event log that a command's settings name, simulated shop included."""

from __future__ import annotations

import numpy as np

from churnlab.cli.console import Console
from churnlab.config.schema import DataSettings
from churnlab.events import EventLog, log_from_frames, open_log
from churnlab.runs.folder import RunFolder
from churnlab.simulate import Shop, simulate_shop

SIMULATED = "syn_shop"


def open_data(settings: DataSettings, folder: RunFolder, console: Console) -> EventLog:
    """Return the checked event log; write `data_report.json` and remember the inputs' hashes.

    What was dropped or mended is said by every command, not by `check` alone.
    """
    with console.stage("reading and checking event logs"):
        if settings.data.name == SIMULATED:
            log = _simulated_log(settings)
        else:
            log = open_log(settings.data, as_of=settings.as_of)
    folder.inputs.update(log.hashes)
    folder.write_json("data_report.json", log.report.to_dict())
    console.warn(log.report.losses())
    return log


def simulated_shop(settings: DataSettings) -> Shop:
    """Simulate the shop that `data=syn_shop` stands for, from the run's seed."""
    return simulate_shop(settings.shop, np.random.default_rng(settings.seed))


def _simulated_log(settings: DataSettings) -> EventLog:
    shop = simulated_shop(settings)
    return log_from_frames(
        shop.frames(), time_zone=settings.data.time_zone, as_of=settings.as_of or shop.as_of
    )
