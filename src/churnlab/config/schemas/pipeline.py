"""Settings of `churnlab pipeline`."""

from __future__ import annotations

from dataclasses import dataclass

from churnlab.config.schema import DataRun
from churnlab.workflows.pipeline import PipelineSettings


@dataclass(kw_only=True)
class PipelineRun(DataRun, PipelineSettings):
    """`churnlab pipeline`."""
