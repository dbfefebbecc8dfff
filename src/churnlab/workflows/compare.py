"""Hold finished runs side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from churnlab.comparison import side_by_side
from churnlab.comparison.figures import named
from churnlab.comparison.report import answer, console, say
from churnlab.progress import SILENT, Progress
from churnlab.report import render
from churnlab.runs import Result, RunFolder
from churnlab.runs.reading import believing
from churnlab.workflows.steps.keywords import use_case
from churnlab.workflows.steps.settings import Worded


@dataclass(kw_only=True)
class CompareSettings(Worded):
    """Of a comparison.

    runs: Folders of finished runs, two or more.
    """

    runs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Comparison(Result):
    """Runs side by side.

    Attributes
    ----------
    table : DataFrame
        One row per run and figure (columns: docs/files.md), best first where one can be better.
    folders : list of str
        The runs.
    names : list of str
        What they are called.
    lang : str
        Language of the report.

    Notes
    -----
    Made by `churnlab.compare_runs`, whose example those of the methods go on from.
    """

    table: pd.DataFrame
    folders: list[str]
    names: list[str]
    lang: str = "en"
    files: ClassVar[str] = "files: {folder}/compare.parquet, report.html"

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The table, as `compare`."""
        return {"compare": self.table}

    @cached_property
    def lines(self) -> list[str]:
        """The table, best first, and which run forecasts best."""
        return [
            *console(self.table),
            *(line.replace("**", "") for line in answer(self.table, self.lang)),
        ]

    def write(self, folder: RunFolder) -> None:
        """Write `compare.parquet` and the report."""
        super().write(folder)
        folder.write_text("report.html", self.page())

    def page(self) -> str:
        """Return the report as a page."""
        told: dict[str, Any] = {"runs": self.folders, "names": self.names, "lang": self.lang}
        title = say("title", self.lang)
        return render("report_compare", told, title=title, lang=self.lang).html


@use_case(CompareSettings, "runs")
def compare(settings: CompareSettings, progress: Progress = SILENT) -> Comparison:
    """Hold finished runs side by side: scores, parameters, shares, recommended days.

    Parameters
    ----------
    settings : CompareSettings or list of str
        The folders of finished runs, two or more: ``compare_runs(["outputs/a", "outputs/b"])``.
    progress : Progress
        Hears of it.

    Returns
    -------
    Comparison
        ``.table``: one row per run and figure, best first where one can be better; ``.lines``.

    Raises
    ------
    UsageError
        Fewer than two runs, a folder without one, or none of a command that has figures.

    Examples
    --------
    >>> import churnlab as cl
    >>> log, split = cl.load_cdnow(), {"origins": 1, "horizon_days": [91], "replicates": 20}
    >>> for model in ("bg_nbd", "mbg_nbd"):
    ...     _ = cl.backtest(log, candidates=[model], split=split).save(f"outputs/{model}")
    >>> both = cl.compare_runs(["outputs/bg_nbd", "outputs/mbg_nbd"])
    >>> sorted(both.table["run"].unique())
    ['bg_nbd', 'mbg_nbd']
    """
    with progress.stage("reading the runs"), believing(*settings.runs):
        opened = named(settings.runs)
        table = side_by_side(opened)
    return Comparison(
        table, [str(Path(f).resolve()) for f in settings.runs], [*opened], settings.lang
    )


compare_runs = compare
