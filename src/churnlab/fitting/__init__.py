"""From a summary to a fit: what is asked for (`config`), and what a data scientist then holds."""

from churnlab.fitting.comparing import compare
from churnlab.fitting.config import InferenceConfig, ModelConfig
from churnlab.fitting.run import fit, load
from churnlab.fitting.views import Fit

__all__ = ["Fit", "InferenceConfig", "ModelConfig", "compare", "fit", "load"]
