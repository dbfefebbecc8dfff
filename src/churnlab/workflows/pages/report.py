"""Render the notebook report of a finished run folder."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from churnlab.errors import UsageError
from churnlab.progress import SILENT, Progress
from churnlab.report import render
from churnlab.report.front import chosen, data_name
from churnlab.report.labels import label
from churnlab.report.render import Rendered
from churnlab.runs import Result, RunFolder, open_run
from churnlab.workflows.steps.settings import ReportSettings

#: Which notebook reports on which command's folder.
NOTEBOOKS = {
    "fit": "report_fit", "segment": "report_segments", "backtest": "report_backtest",
    "nday": "report_nday", "journey": "report_journey", "pipeline": "report_pipeline",
}  # fmt: skip


@dataclass(frozen=True)
class Report(Result):
    """A rendered report: the page, its notebook and its summary."""

    rendered: Rendered
    files: ClassVar[str] = "report: {folder}/report.html"

    def write(self, folder: RunFolder) -> None:
        """Write `summary.md`, `report.ipynb` and `report.html`."""
        folder.write_text("summary.md", self.rendered.summary)
        folder.write_text("report.ipynb", self.rendered.notebook)
        folder.write_text("report.html", self.rendered.html)


def report(settings: ReportSettings, progress: Progress = SILENT) -> Report:
    """Render the report of the run in `settings.run`.

    Raises UsageError: No finished run, or one of a command that has no report.
    """
    source = open_run(settings.run)
    notebook = NOTEBOOKS.get(source.command)
    if notebook is None:
        raise UsageError(
            f"{source.path} was made by `churnlab {source.command}`, which has no report; "
            f"expected a folder of one of: {', '.join(NOTEBOOKS)}. "
            "`churnlab pipeline` runs them all."
        )
    title = settings.report.title or chosen(source, "title")
    asked = str(Path(settings.run).resolve())
    told = {
        "run_dir": asked, "lang": settings.lang, "title": title,
        "currency": settings.report.currency or chosen(source, "currency"),
    }  # fmt: skip
    head = label(
        "front.title", settings.lang, name=title or data_name(source),
        what=label(f"report.{source.command}", settings.lang),
    )  # fmt: skip
    with progress.stage("rendering the report"):
        rendered = render(notebook, told, title=head, lang=settings.lang, progress=progress.update)
    # Who goes on from the notebook finds the run where it stands in the end.
    lasting = rendered.notebook.replace(asked, str(source.place))
    return Report(replace(rendered, notebook=lasting))
