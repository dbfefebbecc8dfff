"""Settings of `churnlab segment` and `churnlab explain`."""

from __future__ import annotations

from dataclasses import dataclass

from churnlab.config.schema import DataRun
from churnlab.workflows.explain import ExplainSettings
from churnlab.workflows.segment import SegmentSettings


@dataclass(kw_only=True)
class SegmentRun(DataRun, SegmentSettings):
    """`churnlab segment`."""


@dataclass(kw_only=True)
class ExplainRun(DataRun, ExplainSettings):
    """`churnlab explain`."""
