"""Read a finished run folder for a report."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from pyarrow.parquet import read_schema

from churnlab.errors import ChurnlabError, UsageError
from churnlab.runs.folder import DRAFT, MANIFEST, STAGING, read_json, settle
from churnlab.runs.hashing import content_hash, file_hash
from churnlab.runs.locks import lock


@dataclass(frozen=True)
class Run:
    """A finished run folder: its manifest, its JSON files and its frames.

    What is read is what the run wrote: every file is held against the manifest's hash first.
    """

    path: Path
    stated: str = MANIFEST

    @property
    def place(self) -> Path:
        """Where the folder stands in the end: it may be written beside an older run now."""
        return (self.path.parent if self.path.name == STAGING else self.path).resolve()

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The run's manifest.

        Raises UsageError: It is not what a run writes, or the configuration in it was edited.
        """
        content = read_json(self.path / self.stated)
        found: dict[str, Any] = content if isinstance(content, dict) else {}
        kinds = {"command": str, "config": dict, "files": dict, "inputs": dict, "versions": dict}
        wrong = [name for name, kind in kinds.items() if not isinstance(found.get(name), kind)]
        if wrong:
            raise UsageError(
                f"{self.path}/manifest.json is not what a run writes (it lacks "
                f"{', '.join(wrong)}); run the command again."
            )
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

        Raises UsageError: The file is missing, is none of the run's, or was changed since.
        """
        path, stated = self.path / name, self.manifest["files"].get(name)
        stated = None if stated is None else str(stated)
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

    def frame(
        self, name: str, columns: Iterable[str] | None = None, *, coded: Iterable[str] = ()
    ) -> pd.DataFrame:
        """Read a Parquet file, or of some columns those that it has.

        Text of few values in `coded` columns comes as categories, a byte a row. Of a table that an
        engine's workers wrote in parts, the rows come sorted by id.
        """
        parts = sorted(f for f in self.manifest["files"] if f.startswith(f"{name}/"))
        files = [self.file(part) for part in parts or [name]]
        known = read_schema(files[0]).names
        wanted = known if columns is None else [c for c in columns if c in known]
        read = dict.fromkeys(["customer_id", *wanted]) if parts else wanted
        coded = [c for c in coded if c in known]
        found = [pd.read_parquet(f, columns=list(read), read_dictionary=coded) for f in files]
        if not parts:
            return found[0]
        together = pd.concat(found).sort_values("customer_id", ignore_index=True)
        return together[wanted]

    def part(self, name: str) -> Run | None:
        """Return the run of a pipeline's step, or None where the step was skipped."""
        folder = self.path / name
        return open_run(folder) if (folder / "manifest.json").exists() else None


@contextmanager
def believing(*folders: object) -> Iterator[None]:
    """Turn what a reader meets in folders that no run of this churnlab wrote into one message.

    Hashes hold a file against its manifest; whoever rewrites both is met here.

    Raises UsageError: A name, a column or a type is not as a run writes it.
    """
    try:
        yield
    except ChurnlabError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        listed = ", ".join(map(str, folders))
        raise UsageError(
            f"{listed}: not what this churnlab writes into a run folder ({type(error).__name__}: "
            f"{error}). Run the command again; CHURNLAB_DEBUG=1 shows where it stopped."
        ) from error


def _settle(path: Path) -> None:
    """Let a run that was killed while it was put into its place stand there now."""
    try:
        held = lock(path)
    except OSError:  # it is being written, or cannot be
        return
    try:
        with contextlib.suppress(OSError):
            settle(path)
    finally:
        os.close(held)


def open_run(folder: str | Path) -> Run:
    """Open a finished run folder, or one that is being written by what `so_far` returned.

    Raises UsageError: There is no such folder, or no run finished in it.
    """
    path = Path(folder)
    if path.name == DRAFT and path.is_file():
        return Run(path.parent, DRAFT)
    if not path.is_dir():
        raise UsageError(f"run={str(folder)!r} is no folder; give one that a command has written.")
    if not (path / "manifest.json").exists():
        _settle(path)
    if not (path / "manifest.json").exists():
        if (path / "bundle.json").exists():
            raise UsageError(
                f"{path} is a bundle of `churnlab export`, not a run; `verify`, `score` and "
                "`monitor` read it."
            )
        raise UsageError(
            f"{path} has no manifest.json: no run finished there. Run the command again."
        )
    return Run(path)
