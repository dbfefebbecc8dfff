"""Run folders: everything a run made, whole or not at all, with a manifest.

Files are written beside their place and renamed, so a reader sees the old file or the new one.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import re
import secrets
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from churnlab.errors import UsageError
from churnlab.runs.hashing import content_hash, file_hash, to_jsonable
from churnlab.runs.locks import lock

MANIFEST = "manifest.json"
#: What a run has written so far, for its own pages: nobody else takes it for a finished run.
DRAFT = ".manifest.json"
#: Where a rerun is written until it has come to its end.
STAGING = ".writing"
#: Names that `write_atomic` writes under.
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}(\.\w+)?")
#: Rows of a Parquet file that are converted at a time.
_ROW_GROUP = 131_072
_PACKAGES = (
    "churnlab", "numpy", "pandas", "scipy", "numba", "scikit-learn", "lifetimes", "pymc",
    "arviz", "nutpie", "duckdb",
)  # fmt: skip


def write_atomic(path: Path, write: Callable[[Path], object]) -> Path:
    """Let `write` fill a temporary file beside `path`, then rename it into place.

    path: Where the file shall stand.
    write: Called with the temporary path; when it raises, nothing is left behind.
    """
    path = Path(path)
    # Made inside `try`: an interrupt just after making the file would leave it behind.
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(8)}{path.suffix}")
    try:
        temporary.touch()
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages a result depends on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str | None:
    """Return the commit of the source tree churnlab runs from, or None outside of one."""
    asked = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.check_output(
            asked, text=True, timeout=10, stderr=subprocess.DEVNULL
        ).strip()
    except (OSError, subprocess.SubprocessError):
        return None


def timestamped_folder(command: str, root: Path = Path("outputs")) -> Path:
    """Return a fresh folder name for a run, stamped to the microsecond."""
    stamp = dt.datetime.now().strftime("%Y-%m-%d_%H-%M-%S-%f")
    return root / f"{command}_{stamp}"


class Rows(Protocol):
    """A table whose rows are made when asked for."""

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    def frame(self, *, rows: slice) -> pd.DataFrame:
        """Return some of the rows, all columns."""
        ...


def _nothing() -> None:
    """Release nothing: the folder is not held."""


@dataclass
class RunFolder:
    """A folder that a run fills.

    Where a finished run stands already, the new one is written beside it, into `.writing`, and
    takes its place at the end: a rerun that fails leaves the good run as it was.

    path: Created when missing; refused when it cannot be written.
    command: The command that fills it.
    config: The resolved configuration, stored in the manifest.
    staged: Whether a finished run is kept until this one has come to its end.
    locked: Whether other runs are refused the folder while this one lasts.
    reused: What of an earlier run was taken, in words: by kind, or by step and kind.
    path: Where files are written now.
    place: Where they stand in the end.
    """

    path: Path
    command: str
    config: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    staged: bool = True
    locked: bool = True
    inputs: dict[str, str] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    reused: dict[str, Any] = field(default_factory=dict)
    started_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    release: Callable[[], object] = field(init=False, repr=False, default_factory=lambda: _nothing)

    def __post_init__(self) -> None:
        """Create the folder, see that it can be written, clear what a broken run left."""
        self.path = self.place = Path(self.path)
        try:
            self.place.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.place):
                pass
        except OSError as error:
            raise UsageError(
                f"run_dir {str(self.place)!r} cannot be written ({error.strerror}); "
                "give a folder you may write to with run_dir=FOLDER."
            ) from error
        if self.locked:
            self._lock()
        settle(self.place)
        shutil.rmtree(self.place / STAGING, ignore_errors=True)
        for path in self.place.iterdir():  # what a killed run was writing
            if (path.name == DRAFT or _TEMPORARY.fullmatch(path.name)) and path.is_file():
                path.unlink()
        if self.staged and (self.place / MANIFEST).exists():
            self.path = self.place / STAGING
            self.path.mkdir()
        else:
            (self.place / MANIFEST).unlink(missing_ok=True)

    def _lock(self) -> None:
        """Hold the folder until `finish`, `release`, or the end of the process."""
        try:
            self.release = weakref.finalize(self, os.close, lock(self.place))
        except BlockingIOError as error:
            raise UsageError(
                f"run_dir {str(self.place)!r} is being written by another run; wait until that has "
                "ended, or give another folder with run_dir=FOLDER."
            ) from error

    def __fspath__(self) -> str:
        """Return where files are written now."""
        return str(self.path)

    def part(self, name: str, command: str, *, beside: bool = False) -> RunFolder:
        """Return the folder of a step, emptied of its manifest.

        beside: Whether the step puts its files into place itself, so that what it wrote earlier is
            there (a bundle names the one that it supersedes).
        """
        root = self.place if beside else self.path
        part = RunFolder(root / name, command, self.config, self.seed, staged=False, locked=False)
        part.place = self.place / name
        part.inputs.update(self.inputs)
        return part

    def write(self, name: str, write: Callable[[Path], object]) -> Path:
        """Write one file whole or not at all and remember its hash."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, write)
        self.written[name] = file_hash(path)
        return path

    def write_json(self, name: str, value: Any) -> Path:
        """Write `value` as indented JSON."""
        text = json.dumps(to_jsonable(value), indent=2, ensure_ascii=False) + "\n"
        return self.write_text(name, text)

    def write_text(self, name: str, text: str) -> Path:
        """Write text as UTF-8."""
        return self.write(name, lambda path: path.write_text(text, encoding="utf-8"))

    def write_parquet(self, name: str, frame: pd.DataFrame | Rows) -> Path:
        """Write a frame, or what makes its rows when asked, as Parquet without index, by groups."""
        return self.write(name, lambda path: _write_rows(frame, path))

    def write_parts(self, name: str, write: Callable[[Path], object]) -> Path:
        """Let `write` make a folder of Parquet files, whole or not at all, with hashes."""
        path = self.path / name
        draft = path.with_name(f".{path.stem}.{secrets.token_hex(8)}{path.suffix}")
        try:
            write(draft)
            shutil.rmtree(path, ignore_errors=True)
            draft.replace(path)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        for part in sorted(path.glob("*.parquet")):
            self.written[f"{name}/{part.name}"] = file_hash(part)
        return path

    def so_far(self) -> Path:
        """Write what the folder holds by now and return the file: `open_run` reads by it.

        For pages that are part of the run and show the rest of it.
        """
        path = self.path / DRAFT
        path.write_text(json.dumps(to_jsonable(self._manifest())), encoding="utf-8")
        return path

    def finish(self, **extra: Any) -> Path:
        """Write `manifest.json`, last: its presence says that the run came to its end."""
        (self.path / DRAFT).unlink(missing_ok=True)
        self.write_json(MANIFEST, self._manifest() | extra)
        if self.path == self.place / STAGING:  # a step is put in place with its whole run
            self._swap()
        self.release()
        return self.place / MANIFEST

    def _manifest(self) -> dict[str, Any]:
        return {
            "command": self.command,
            "started_at": self.started_at,
            "finished_at": dt.datetime.now(dt.UTC),
            "seed": self.seed,
            "commit": commit(),
            "versions": versions(),
            "config": self.config,
            "config_hash": content_hash(self.config),
            "inputs": self.inputs,
            "reused": self.reused,
            "files": {
                name: self.written[name] for name in sorted(self.written) if name != MANIFEST
            },
        }

    def _swap(self) -> None:
        """Put the new run where the old one was; while that lasts, no run is finished there."""
        for name in self._files_before() - set(self.written):
            (self.place / name).unlink(missing_ok=True)
        settle(self.place)
        self.path = self.place

    def _files_before(self) -> set[str]:
        """Unfinish the run that stood here; return its own files, inside the folder only."""
        try:
            old = read_json(self.place / MANIFEST)
            names = set(old["files"]) if old["command"] == self.command else set()
        except (UsageError, KeyError, TypeError):  # it was altered: what it says is not believed
            names = set()
        (self.place / MANIFEST).unlink()
        return {n for n in names if not Path(n).is_absolute() and ".." not in Path(n).parts}


def settle(place: Path) -> None:
    """Put a run that was finished beside into its place; one that was killed at it goes on here.

    The manifest moves last, so as long as it stands in `.writing`, what is to be moved is there.
    """
    staging = place / STAGING
    if (place / MANIFEST).exists() or not (staging / MANIFEST).exists():
        return
    for entry in sorted(staging.iterdir(), key=lambda path: path.name == MANIFEST):
        target = place / entry.name
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        entry.replace(target)
    staging.rmdir()


def _write_rows(table: pd.DataFrame | Rows, path: Path) -> None:
    """Write a frame as Parquet: no more than `_ROW_GROUP` rows stand in memory a second time.

    The schema is that of the whole frame, so what a column is does not hang on a group's rows;
    where rows are made when asked, columns have one type throughout.
    """
    import pyarrow as pa
    from pyarrow import parquet

    def rows(start: int) -> pd.DataFrame:
        group = slice(start, start + _ROW_GROUP)
        return table.iloc[group] if isinstance(table, pd.DataFrame) else table.frame(rows=group)

    whole = table if isinstance(table, pd.DataFrame) else rows(0)
    schema = pa.Schema.from_pandas(whole, preserve_index=False)
    if whole.attrs:  # as pandas keeps them
        about = {**schema.metadata, b"PANDAS_ATTRS": json.dumps(whole.attrs).encode()}
        schema = schema.with_metadata(about)
    with parquet.ParquetWriter(path, schema) as writer:
        for start in range(0, max(len(table), 1), _ROW_GROUP):
            group = pa.Table.from_pandas(rows(start), schema=schema, preserve_index=False)
            writer.write_table(group)


def read_json(path: Path) -> Any:
    """Read a JSON file of a run folder; a missing or broken one is a plain error."""
    if not Path(path).is_file():
        raise UsageError(f"{path} is missing; is {Path(path).parent} a finished run?")
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{path} is not readable JSON ({error}); run the command again."
        ) from error
