"""Item journeys, personas of loyal customers, cycles of goods, and the audiences they make."""

from churnlab.journeys.config import JourneyConfig
from churnlab.journeys.result import JourneyResult
from churnlab.journeys.run import run_journeys

__all__ = ["JourneyConfig", "JourneyResult", "run_journeys"]
