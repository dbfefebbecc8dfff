"""What a study of journeys leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from churnlab.runs.folder import RunFolder

#: Table -> file; `docs/files.md` names their columns.
FILES: Final = {
    "journeys": "journeys.parquet",
    "personas": "personas.parquet",
    "audience": "journey_audience.parquet",
    "stops": "journey_stops.parquet",
    "companions": "journey_companions.parquet",
    "loyal": "journey_loyal.parquet",
    "predicts": "journey_predicts.parquet",
    "experiment": "journey_experiment.parquet",
    "cycles": "journey_cycles.parquet",
    "due": "journey_due.parquet",
}


@dataclass(frozen=True)
class JourneyResult:
    """Result of `run_journeys`.

    Attributes
    ----------
    tables : dict of DataFrame
        By the names of `FILES`; those without their data are absent.
    summary : dict
        What `journey.json` holds.
    lines : tuple of str
        The key results in words.
    """

    tables: dict[str, pd.DataFrame]
    summary: dict[str, Any]
    lines: tuple[str, ...]

    def write(self, folder: RunFolder) -> None:
        """Write the tables, then `journey.json`."""
        for name, table in self.tables.items():
            folder.write_parquet(FILES[name], table)
        folder.write_json("journey.json", self.summary)
