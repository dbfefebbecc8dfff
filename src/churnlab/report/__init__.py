"""What every report shares: rendering of notebooks, language, style of figures."""

from churnlab.report.render import Rendered, notebooks_folder, render, summary_text

__all__ = ["Rendered", "notebooks_folder", "render", "summary_text"]
