"""The main job on one log: check, fit, segment, backtest, nday, journey, export, report.

Each step has a folder of its own; one without its data is skipped, and why is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from churnlab.engine import give_back
from churnlab.errors import DataError, FitRefusedError
from churnlab.events import EventLog
from churnlab.export import ExportConfig
from churnlab.fitting import ModelConfig
from churnlab.fitting.late import three_numbers
from churnlab.forecast.config import MODEL, ForecastConfig
from churnlab.progress import SILENT, Progress
from churnlab.runs import Result, RunFolder
from churnlab.workflows import segment as grid
from churnlab.workflows.backtest import BacktestSettings, backtest
from churnlab.workflows.check import check
from churnlab.workflows.fit import fit as fit_log
from churnlab.workflows.journey import JourneySettings, journey
from churnlab.workflows.nday import NdaySettings, nday
from churnlab.workflows.pages.board import PAGE, add_board
from churnlab.workflows.pages.report import report
from churnlab.workflows.production.export import ExportSettings, export
from churnlab.workflows.steps.placing import GridSettings
from churnlab.workflows.steps.settings import ReportSettings


@dataclass(kw_only=True)
class PipelineSettings(GridSettings, BacktestSettings, NdaySettings, JourneySettings):
    """Of the main job: those of its steps."""

    export: ExportConfig = field(default_factory=ExportConfig)
    default_rule: ClassVar[type[Any]] = GridSettings.default_rule


@dataclass(frozen=True)
class Piped(Result):
    """What the steps of a pipeline found; their tables are in the run's folder alone.

    said: By step that was done: its lines.
    late: Who is late, as `fit.json` has it.
    outcomes: `done` or `skipped: reason` of each step.
    """

    log: EventLog
    said: dict[str, list[str]]
    late: Mapping[str, Any]
    outcomes: dict[str, str]
    page: Path

    @property
    def numbers(self) -> dict[str, int]:
        """The headline's."""
        return three_numbers(self.late)

    @property
    def lines(self) -> list[str]:
        """What the steps found."""
        return [line for lines in self.said.values() for line in lines]

    def closing(self, folder: Path) -> list[str]:
        """Return where the report is; what the steps found was said when they were done."""
        return [f"report: {self.page}"]

    def matter(self, folder: Path) -> dict[str, Path]:
        """Return the page, and whom to write to or else what it rests on."""
        plan = folder / "segment" / "campaign_plan.csv"
        return {"to look at": folder / PAGE} | (
            {"to send": plan} if "segment" in self.said else {"to read": self.page}
        )

    def write(self, folder: RunFolder) -> None:
        """Write nothing: each step has written its own."""


@dataclass
class _Steps:
    """Runs steps, each into a folder of its own; remembers what was done and skipped."""

    folder: RunFolder
    progress: Progress
    outcomes: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    said: dict[str, list[str]] = field(default_factory=dict)

    def run[R: Result](self, name: str, work: Callable[[], R]) -> R:
        """Run a step; its folder gets a manifest only when it came to its end."""
        # A model's own fit goes by the name of the command that reads it: fit.
        part = self.folder.part(name, name.split("_", 1)[0], beside=name == "export")
        give_back()
        with self.progress.part(name):
            result = work()
            result.write(part)
            self.said[name] = list(result.lines)
            self.progress.say(*result.closing(part.place))
            self.progress.warn(result.warnings)
        part.finish()
        if part.reused:
            self.folder.reused[name] = part.reused
        self.outcomes[name] = "done"
        self.done.append(str(part.path))
        return result

    def attempt[R: Result](self, name: str, work: Callable[[], R]) -> R | None:
        """Run a step that the others can do without: what the data cannot support is a reason."""
        try:
            return self.run(name, work)
        except (DataError, FitRefusedError) as error:
            self.outcomes[name] = f"skipped: {error}"
            self.progress.warn([f"{name} skipped: {error}"])
            return None


def pipeline(
    log: EventLog,
    settings: PipelineSettings,
    folder: RunFolder,
    progress: Progress = SILENT,
    *,
    also: Sequence[str] = (),
) -> Piped:
    """Run the steps into a folder.

    also: Models that are fitted beside the chosen one.
    Raises DataError, FitRefusedError: The fit, without which there is nothing, is not possible.
    """
    steps = _Steps(folder, progress)
    given: dict[str, Any] = {"settings": settings, "progress": progress}
    steps.run("check", partial(check, log))
    folder.inputs.update(log.hashes)
    grid.check(log, settings)
    fitted = steps.run("fit", partial(fit_log, log, settings, progress))
    late = fitted.late.to_dict()
    for name in also:
        own = ForecastConfig(name=MODEL)  # the stack is the same whatever model stands beside it
        other = replace(settings, model=ModelConfig(name=name), forecast=own)
        steps.run(f"fit_{name}", partial(fit_log, log, other, progress))
    # Before the segments: whom journeys reach is part of the campaign plan.
    walked = steps.attempt("journey", partial(journey, log, **given))
    reached = None if walked is None else walked.tables["audience"]
    grid_of = partial(grid.segment_fitted, log, fitted, settings, progress, journeys=reached)
    del fitted, walked  # what is written needs no memory while the next step works
    steps.attempt("segment", grid_of)
    del grid_of, reached
    steps.attempt("backtest", partial(backtest, log, **given))
    steps.attempt("nday", partial(nday, log, **given))
    chosen = ExportSettings(runs=list(steps.done), export=settings.export)
    place = folder.place / "export"
    steps.attempt("export", partial(export, place, settings=chosen, progress=progress))
    folder.write_json("steps.json", steps.outcomes)
    give_back()
    told = ReportSettings(run=str(folder.so_far()), lang=settings.lang, report=settings.report)
    report(told, progress).write(folder)
    add_board(folder, settings, progress)
    page = folder.place / "report.html"
    return Piped(log, steps.said, late, steps.outcomes, page)
