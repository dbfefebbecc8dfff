"""A bundle held against newer data: staleness, drift, matured labels."""

from churnlab.monitor.config import MonitorConfig
from churnlab.monitor.monitor import monitor

__all__ = ["MonitorConfig", "monitor"]
