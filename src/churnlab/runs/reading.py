"""Read a finished run folder for a report."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from churnlab.errors import UsageError
from churnlab.runs.folder import content_hash, file_hash, read_json


@dataclass(frozen=True)
class Run:
    """A finished run folder: its manifest, its JSON files and its frames.

    What is read is what the run wrote: every file is held against the manifest's hash first.
    """

    path: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The run's manifest.

        Raises
        ------
        UsageError
            The configuration in it was edited.
        """
        found = dict(read_json(self.path / "manifest.json"))
        if content_hash(found.get("config")) != found.get("config_hash"):
            raise UsageError(
                f"{self.path}/manifest.json was edited: its configuration is not the one that ran "
                "(config_hash). Run the command again with the configuration that you want."
            )
        return found

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

    def file(self, name: str) -> Path:
        """Return where a file of the run is.

        Raises
        ------
        UsageError
            The file is missing, is none of the run's, or was changed since.
        """
        path, stated = self.path / name, self.manifest["files"].get(name)
        if not path.is_file():
            raise UsageError(f"{path} is missing; is {self.path} a finished run?")
        if stated is None:
            raise UsageError(
                f"{path} is none of the files that the run wrote (manifest.json does not name it); "
                "take it away, or run the command again."
            )
        found = file_hash(path)
        if found != stated:
            raise UsageError(
                f"{path} was changed after its run: it has the hash {found[:12]}..., manifest.json "
                f"states {stated[:12]}.... Run the command again; a threshold, say, is chosen with "
                "its configuration, not by editing results."
            )
        return path

    def json(self, name: str) -> Any:
        """Read a JSON file."""
        return read_json(self.file(name))

    def frame(self, name: str) -> pd.DataFrame:
        """Read a Parquet file."""
        return pd.read_parquet(self.file(name))

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
