"""`churnlab pipeline`: the main job on one's own data; a step without its data is skipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from churnlab.backtest import BacktestResult
from churnlab.cli.commands import backtest, export, fit, nday, report, segment
from churnlab.cli.console import Console
from churnlab.config.schemas.pipeline import PipelineSettings
from churnlab.errors import DataError, FitRefusedError
from churnlab.events import EventLog
from churnlab.fitting import ModelConfig
from churnlab.nday import NdayResult
from churnlab.runs import open_run
from churnlab.runs.folder import RunFolder
from churnlab.workflows.grid import Placed
from churnlab.workflows.opening import open_data


@dataclass
class Steps:
    """Runs steps, each into a folder of its own; remembers what was done and skipped."""

    settings: PipelineSettings
    folder: RunFolder
    console: Console
    outcomes: dict[str, str] = field(default_factory=dict)

    def run[T](self, name: str, work: Callable[[RunFolder], T]) -> T:
        """Run a step; its folder gets a manifest only when it came to its end."""
        part = self.part(name)
        with self.console.part(name):
            result = work(part)
        part.finish()
        self.outcomes[name] = "done"
        return result

    def attempt[T](self, name: str, work: Callable[[RunFolder], T]) -> T | None:
        """Run a step that the others can do without: what the data cannot support is a reason."""
        try:
            return self.run(name, work)
        except (DataError, FitRefusedError) as error:
            self.skip(name, str(error))
            return None

    def skip(self, name: str, reason: str) -> None:
        """Remember why a step was skipped, and say so."""
        self.outcomes[name] = f"skipped: {reason}"
        self.console.warn([f"{name} skipped: {reason}"])

    def part(self, name: str) -> RunFolder:
        """Return the folder of a step."""
        # A model's own fit goes by the name of the command that reads it: fit.
        command = name.split("_", 1)[0]
        part = RunFolder(
            self.folder.path / name, command, config=self.folder.config, seed=self.settings.seed
        )
        (part.path / "manifest.json").unlink(missing_ok=True)
        part.inputs.update(self.folder.inputs)
        return part


@dataclass(frozen=True)
class Ran:
    """What a pipeline found, for whoever sums it up."""

    log: EventLog
    fits: dict[str, fit.Fitted]
    placed: Placed | None
    backtest: BacktestResult | None
    nday: NdayResult | None
    page: Path


def run(settings: PipelineSettings, folder: RunFolder, console: Console) -> None:
    """Run check, fit, segment, backtest, nday, export and report."""
    run_steps(settings, folder, console)


def run_steps(
    settings: PipelineSettings, folder: RunFolder, console: Console, *, also: Sequence[str] = ()
) -> Ran:
    """Run the steps; `also` names models that are fitted beside the chosen one."""
    settings.model.require_plain_days("churnlab pipeline (its segments and its export)")
    steps = Steps(settings, folder, console)
    log = steps.run("check", lambda part: open_data(settings, part, console))
    folder.inputs.update(log.hashes)
    console.say(*log.report.lines())
    segment.check(log, settings)

    def fit_into(part: RunFolder, options: PipelineSettings) -> fit.Fitted:
        fitted = fit.fit_log(log, options, console)
        fit.write(fitted, part)
        console.say(*fit.lines(fitted, part))
        console.warn(fitted.warnings)
        return fitted

    fits = {settings.model.name: steps.run("fit", lambda part: fit_into(part, settings))}
    for name in also:
        other = partial(fit_into, options=replace(settings, model=ModelConfig(name=name)))
        fits[name] = steps.run(f"fit_{name}", other)
    fitted = fits[settings.model.name]
    placed = steps.attempt(
        "segment", lambda part: segment.segment_log(log, fitted, settings, part, console)
    )
    result = steps.attempt(
        "backtest", lambda part: backtest.backtest_log(log, settings, part, console)
    )
    studied = steps.attempt(
        "nday",
        lambda part: nday.study_log(log, settings.nday, part, console, seed=settings.seed),
    )
    parts = [str(folder.path / name) for name, state in steps.outcomes.items() if state == "done"]
    steps.attempt("export", lambda part: export.export_runs(parts, settings.export, part, console))
    folder.write_json("steps.json", steps.outcomes)
    folder.finish()
    page = report.render_into(open_run(folder.path), folder, console, lang=settings.lang)
    return Ran(log, fits, placed, result, studied, page)
