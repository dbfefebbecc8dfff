"""What every prior density offers."""

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import ClassVar

import numpy as np

from churnlab.types import Array

LOG_2PI = float(np.log(2 * np.pi))


class Distribution(ABC):
    """A univariate density on its `support`; fields are PyMC's parameters, in PyMC's order."""

    #: "positive" (0, inf), "unit" (0, 1) or "real".
    support: ClassVar[str] = "positive"
    #: Parameters that need not be positive.
    free: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def logpdf(self, x: Array) -> Array:
        """Log density inside the support."""

    @abstractmethod
    def dlogpdf(self, x: Array) -> Array:
        """Derivative of the log density."""

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Return `n` draws."""

    def arguments(self) -> dict[str, float]:
        """Parameters as keywords of the PyMC distribution of the same name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
