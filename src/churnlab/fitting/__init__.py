"""From a summary to a fit: what is asked for (`config`), and what a data scientist then holds."""

from churnlab.fitting.config import InferenceConfig, ModelConfig
from churnlab.fitting.fitted import Fit, fit

__all__ = ["Fit", "InferenceConfig", "ModelConfig", "fit"]
