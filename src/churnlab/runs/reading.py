"""Read a finished run folder for a report."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from churnlab.errors import UsageError
from churnlab.runs.folder import read_json


@dataclass(frozen=True)
class Run:
    """A finished run folder: its manifest, its JSON files and its frames."""

    path: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The run's manifest."""
        return dict(read_json(self.path / "manifest.json"))

    @property
    def command(self) -> str:
        """The command that made the folder."""
        return str(self.manifest["command"])

    def has(self, name: str) -> bool:
        """Say whether the folder has a file."""
        return (self.path / name).exists()

    def names(self, pattern: str) -> list[str]:
        """Return the names of the folder's files that match, in order."""
        return sorted(path.name for path in self.path.glob(pattern))

    def json(self, name: str) -> Any:
        """Read a JSON file."""
        return read_json(self.path / name)

    def frame(self, name: str) -> pd.DataFrame:
        """Read a Parquet file."""
        path = self.path / name
        if not path.exists():
            raise UsageError(f"{path} is missing; is {self.path} a finished run?")
        return pd.read_parquet(path)

    def part(self, name: str) -> Run | None:
        """Return the run of a pipeline's step, or None where the step was skipped."""
        folder = self.path / name
        return open_run(folder) if (folder / "manifest.json").exists() else None


def open_run(folder: str | Path) -> Run:
    """Open a finished run folder.

    Raises
    ------
    UsageError
        There is no such folder, or no run finished in it.
    """
    path = Path(folder)
    if not path.is_dir():
        raise UsageError(f"run={str(folder)!r} is no folder; give one that a command has written.")
    if not (path / "manifest.json").exists():
        raise UsageError(
            f"{path} has no manifest.json: no run finished there. Run the command again."
        )
    return Run(path)
