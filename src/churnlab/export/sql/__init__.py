"""Scoring as SQL: the bundle's draws and closed forms in one SELECT per dialect."""

from churnlab.export.sql.formulas import unsupported
from churnlab.export.sql.script import EventSource, SummarySource, score_sql

__all__ = ["EventSource", "SummarySource", "score_sql", "unsupported"]
