"""Settings of `churnlab nday`."""

from __future__ import annotations

from dataclasses import dataclass

from churnlab.config.schema import DataRun
from churnlab.workflows.nday import NdaySettings


@dataclass(kw_only=True)
class NdayRun(DataRun, NdaySettings):
    """`churnlab nday`."""
