"""Notebook reports of run folders."""

from churnlab.report.reading import Run, open_run
from churnlab.report.render import Rendered, notebooks_folder, render, summary_text

__all__ = ["Rendered", "Run", "notebooks_folder", "open_run", "render", "summary_text"]
