"""Export a verified threshold bundle from finished run folders."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import ClassVar

from churnlab.errors import UsageError
from churnlab.export import ExportConfig, export_bundle
from churnlab.export import verify as verify_bundle
from churnlab.progress import SILENT, Progress
from churnlab.runs import RunFolder
from churnlab.runs.hashing import file_hash
from churnlab.runs.reading import believing
from churnlab.workflows.production.verify import Verified
from churnlab.workflows.steps.gather import export_inputs
from churnlab.workflows.steps.keywords import use_case
from churnlab.workflows.steps.settings import Settings


@dataclass(kw_only=True)
class ExportSettings(Settings):
    """Of an export: the finished run folders that it is made of."""

    runs: list[str] = field(default_factory=list)
    export: ExportConfig = field(default_factory=ExportConfig)


@dataclass(frozen=True)
class Exported(Verified):
    """A bundle that was written and verified.

    Attributes
    ----------
    path : Path
        Where it stands.
    as_of : date
        The data's last day.
    valid_days : int
        Days after it that the thresholds are meant to be used.
    found : dict
        As `Verified`.

    Notes
    -----
    Made by `churnlab.export`, whose example those of the methods go on from.
    """

    path: Path
    as_of: dt.date
    valid_days: int
    files: ClassVar[str] = "folder: {folder}"

    @property
    def lines(self) -> list[str]:
        """The bundle's state, then the checks."""
        return [self.state, *self.checks]

    @property
    def warnings(self) -> list[str]:
        """Said of data that ended longer ago than the thresholds are meant to be used."""
        age = (dt.datetime.now(dt.UTC).date() - self.as_of).days
        if age <= self.valid_days:
            return []
        return [
            f"the data end on {self.as_of}, {age:,} days ago: the thresholds are of that day. If "
            "the shop still sells, its feed has stopped: export again from newer data (`monitor` "
            "fails on it)."
        ]

    def write(self, folder: RunFolder) -> None:
        """Remember the bundle's hash: it is written already, and nothing is put over it."""
        folder.written[self.path.name] = file_hash(self.path)


@use_case(ExportSettings, "runs")
def export(
    settings: ExportSettings, folder: str | PathLike[str], progress: Progress = SILENT
) -> Exported:
    """Export what finished run folders hold into a folder, and verify it.

    Parameters
    ----------
    folder : path
        Where the bundle goes; an older one there is superseded, not destroyed.
    settings : ExportSettings, optional
        Or its fields: ``export("outputs/export", ["outputs/mine"], export={"valid_days": 60})``.
        `Result.save` writes such run folders from Python.
    progress : Progress
        Hears how far it has come.

    Returns
    -------
    Exported
        ``.lines`` say what was checked; the bundle stands in `folder` (docs/production.md).

    Raises
    ------
    UsageError
        No fit among the runs, or runs of different days.
    DataError, FitRefusedError, VerificationError
        See `churnlab.export.export_bundle`.

    Examples
    --------
    >>> import churnlab as cl
    >>> uncalibrated = {"allow_uncalibrated": True}  # without a backtest among the runs
    >>> done = cl.export("outputs/export", ["outputs/mine"], export=uncalibrated)
    >>> done.found["status"]
    'ok'
    """
    if not settings.runs:
        raise UsageError("runs must name finished run folders, e.g. runs=[outputs/mine].")
    with progress.stage("gathering runs"), believing(*settings.runs):
        inputs = export_inputs(settings.runs)
    with progress.stage("writing the bundle"):
        path = export_bundle(Path(folder), inputs, settings.export, progress=progress.update)
    as_of = inputs.as_of
    del inputs  # what is written needs no memory while it is verified
    with progress.stage("verifying the bundle"):
        found = verify_bundle(path, max_table_gb=None)
    return Exported(found, path, as_of, settings.export.valid_days)
