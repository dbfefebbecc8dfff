"""What two-stage inference returns."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from churnlab.inference.targets.covariates import CovariatesInGroups
from churnlab.inference.targets.groups import GroupTarget
from churnlab.types import Array

Grouped = GroupTarget | CovariatesInGroups


@dataclass(frozen=True)
class TwoStageSample:
    """Equal-weight draws of a population with groups, with what is known of their quality."""

    u: Array
    """(draw, coordinate)."""
    k_hat: float
    ess_bulk: Array
    """Per quantity of the target."""
    ess_tail: Array
    diagnostics: dict[str, Any]
    reason: str
    """Why the sample must not be used; empty when it may."""


def unusable(target: Grouped, draws: int, reason: str) -> TwoStageSample:
    """No draws, and why."""
    nothing = np.zeros(len(target.parameter_names))
    start = np.repeat(target.start()[0][None], draws, axis=0)
    return TwoStageSample(start, np.inf, nothing, nothing, {}, reason)
