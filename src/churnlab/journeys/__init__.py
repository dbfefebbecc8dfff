"""Item journeys, personas of loyal customers, cycles of goods, and the audiences they make."""

from churnlab.journeys.config import CycleConfig, JourneyConfig, LoyalConfig, PersonaConfig
from churnlab.journeys.result import JourneyResult
from churnlab.journeys.run import run_journeys

__all__ = [
    "CycleConfig",
    "JourneyConfig",
    "JourneyResult",
    "LoyalConfig",
    "PersonaConfig",
    "run_journeys",
]
