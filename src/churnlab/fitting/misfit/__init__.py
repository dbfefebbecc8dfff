"""Where a fitted model makes other customers than the ones it saw, and what cures it."""

from churnlab.fitting.misfit.checks import CHECKS, Misfit, check_fit
from churnlab.fitting.misfit.words import Fitted, sentences

__all__ = ["CHECKS", "Fitted", "Misfit", "check_fit", "sentences"]
