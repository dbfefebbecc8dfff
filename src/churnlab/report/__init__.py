"""What every report shares: rendering of notebooks, language, style of figures."""

from churnlab.report.render import render

__all__ = ["render"]
