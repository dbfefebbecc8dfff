"""Settings of `churnlab journey`."""

from __future__ import annotations

from dataclasses import dataclass

from churnlab.config.schema import DataRun
from churnlab.workflows.journey import JourneySettings


@dataclass(kw_only=True)
class JourneyRun(DataRun, JourneySettings):
    """`churnlab journey`."""
