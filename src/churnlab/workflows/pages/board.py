"""A finished run as one page that answers clicks, and what of a run is sent to people."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Final

from churnlab.board import Document, read_document, render
from churnlab.board.parts import Parts
from churnlab.board.since import SINCE, since_last
from churnlab.progress import SILENT, Progress
from churnlab.report.config import ReportConfig
from churnlab.runs import Result, RunFolder, open_run
from churnlab.runs.folder import write_atomic
from churnlab.workflows.steps.keywords import use_case
from churnlab.workflows.steps.settings import ReportSettings, Worded

PAGE: Final = "board.html"
#: What is for people to read, and whom to write to.
_READ: Final = (PAGE, "report.html", "report.ipynb", "summary.md")
_REACH: Final = ("campaign_plan.csv", "nday_audience.parquet", "journey_audience.parquet",
                 "audiences/*.parquet")  # fmt: skip


@dataclass(kw_only=True)
class BoardSettings(ReportSettings):
    """Of a board: the finished run folder, and whether to show it on this machine at once.

    serve: Offer the page on the loopback interface until interrupted.
    port: Where; 0 takes a free one.
    """

    serve: bool = False
    port: int = 8321


@dataclass(frozen=True)
class Board(Result):
    """A run as one page.

    Attributes
    ----------
    document : Document
        What the page shows, part by part.

    Notes
    -----
    Made by `churnlab.board`, whose example those of the methods go on from.
    """

    document: Document
    files: ClassVar[str] = "board: {folder}/" + PAGE

    @cached_property
    def html(self) -> str:
        """The page."""
        return render(self.document)

    def write(self, folder: RunFolder) -> None:
        """Write `board.html`."""
        folder.write_text(PAGE, self.html)


@use_case(BoardSettings, "run")
def board(settings: BoardSettings, progress: Progress = SILENT) -> Board:
    """Read a finished run as a page for those who act on it.

    Parameters
    ----------
    settings : BoardSettings, optional
        Or the run's folder: ``board("outputs/mine", lang="ko", report={"title": "My shop"})``.
    progress : Progress
        Hears of it.

    Returns
    -------
    Board
        ``.save(folder)`` writes `board.html`.

    Raises
    ------
    UsageError
        No finished run, or one of a command that has no board.

    Examples
    --------
    >>> import churnlab as cl
    >>> page = cl.board("outputs/mine", report={"title": "My shop"})
    >>> _ = page.save("outputs/board")
    """
    with progress.stage("the board"):
        return Board(read_document(settings.run, settings.report, settings.lang))


def add_board(folder: RunFolder, settings: Worded, progress: Progress = SILENT) -> None:
    """Put the board of a run whose steps are done into its folder, with what changed since."""
    since = since_last(Parts(open_run(folder.so_far())), folder.place)
    if since is not None:
        folder.write_json(SINCE, since)
    chosen = BoardSettings(run=str(folder.so_far()), lang=settings.lang, report=settings.report)
    board(settings=chosen, progress=progress).write(folder)


def deliver(folder: Path, chosen: ReportConfig) -> Path | None:
    """Bundle board, reports and audiences of a run in one zip, where one is wanted.

    Nothing is sent. Where ids are kept out of pages, audiences are left out.

    Raises OSError: The file cannot be written.
    """
    if chosen.deliver is None:
        return None
    patterns = _READ + (_REACH if chosen.ids else ())
    told = {path for pattern in patterns for path in folder.rglob(pattern)}
    found = sorted(told - set((folder / "export").rglob("*")))  # copies, for other programs

    def pack(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
            for file in found:
                bundle.write(file, file.relative_to(folder))

    target = Path(chosen.deliver)
    target.parent.mkdir(parents=True, exist_ok=True)
    return write_atomic(target, pack)
