"""The forecast of a window: what a learner sees, the stack it ends in, closed forms of models."""

from churnlab.forecast.config import ForecastConfig

__all__ = ["ForecastConfig"]
