"""Settings of `churnlab export`."""

from __future__ import annotations

from dataclasses import dataclass

from churnlab.config.schema import Run
from churnlab.workflows.export import ExportSettings


@dataclass(kw_only=True)
class ExportRun(Run, ExportSettings):
    """`churnlab export`."""
