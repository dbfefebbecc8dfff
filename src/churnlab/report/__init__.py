"""Notebook reports of run folders."""

from churnlab.report.render import Rendered, notebooks_folder, render, summary_text

__all__ = ["Rendered", "notebooks_folder", "render", "summary_text"]
