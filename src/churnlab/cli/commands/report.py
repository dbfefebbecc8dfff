"""`churnlab report`: the notebook report of a finished run folder."""

from __future__ import annotations

from pathlib import Path

from churnlab.cli.console import Console
from churnlab.config.schema import ReportSettings
from churnlab.errors import UsageError
from churnlab.report import render
from churnlab.runs import Run, open_run
from churnlab.runs.folder import RunFolder

#: Which notebook reports on which command's folder.
NOTEBOOKS = {
    "fit": "report_fit",
    "segment": "report_segments",
    "backtest": "report_backtest",
    "nday": "report_nday",
    "pipeline": "report_pipeline",
}


def run(settings: ReportSettings, folder: RunFolder, console: Console) -> None:
    """Render the report of `run=FOLDER` into `run_dir` (default: that folder)."""
    source = open_run(settings.run)
    render_into(source, folder, console, lang=settings.lang)


def render_into(source: Run, folder: RunFolder, console: Console, *, lang: str) -> Path:
    """Render the report of a run into a folder as `report.html` and `summary.md`."""
    notebook = NOTEBOOKS.get(source.command)
    if notebook is None:
        raise UsageError(
            f"{source.path} was made by `churnlab {source.command}`, which has no report; "
            f"expected a folder of one of: {', '.join(NOTEBOOKS)}. "
            "`churnlab pipeline` runs them all."
        )
    with console.stage("rendering the report"):
        rendered = render(
            notebook,
            {"run_dir": str(source.path.resolve()), "lang": lang},
            title=f"churnlab {source.command}: {source.path.name}",
            progress=console.progress,
        )
    folder.write_text("summary.md", rendered.summary)
    page = folder.write_text("report.html", rendered.html)
    console.say(f"report: {page}")
    return page
