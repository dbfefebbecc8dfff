"""Where a fitted model makes other customers than the ones it saw, and what cures it."""

from churnlab.fitting.misfit.checks import Misfit, check_fit
from churnlab.fitting.misfit.words import Fitted, sentences

__all__ = ["Fitted", "Misfit", "check_fit", "sentences"]
