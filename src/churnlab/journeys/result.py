"""What a study of journeys leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import pandas as pd

from churnlab.journeys.report import text
from churnlab.runs import Result, Run, RunFolder

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
class JourneyResult(Result):
    """What makes customers loyal, and whom to take along.

    Attributes
    ----------
    found : dict of DataFrame
        By the names of `FILES`; those without their data are absent.
    summary : dict
        What `journey.json` holds.

    Notes
    -----
    Made by `churnlab.journey`, whose example those of the methods go on from.
    """

    found: dict[str, pd.DataFrame]
    summary: dict[str, Any]
    files: ClassVar[str] = (
        "files: {folder}/journeys.parquet, personas.parquet, journey_audience.parquet, ..."
    )

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """What was found, by the names of `FILES`."""
        return self.found

    @property
    def lines(self) -> list[str]:
        """The key results in words."""
        return text.answer_lines(self.found, self.summary, "en")

    @property
    def warnings(self) -> list[str]:
        """What the data did not support."""
        return [note["en"] for note in self.summary["missing"]]

    def write(self, folder: RunFolder) -> None:
        """Write the tables, then `journey.json`."""
        for name, table in self.found.items():
            folder.write_parquet(FILES[name], table)
        folder.write_json("journey.json", self.summary)


def read_tables(run: Run) -> dict[str, pd.DataFrame]:
    """Return the tables of a finished run, by the names of `FILES`."""
    return {name: run.frame(file) for name, file in FILES.items() if run.has(file)}
