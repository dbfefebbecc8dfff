"""How many signups a holdout needs before it can tell a given uplift from none."""

from dataclasses import dataclass

import numpy as np

from churnlab.errors import UsageError
from churnlab.metrics.arms import members_needed


@dataclass(frozen=True)
class Power:
    """Size of an experiment.

    eligible: Members on day N, both arms together.
    treat, holdout: In each arm.
    signups: Signups needed for so many to be eligible: eligible / reach.
    """

    eligible: int
    treat: int
    holdout: int
    signups: int


def signups_needed(
    uplift: float,
    *,
    organic: float,
    reach: float = 1.0,
    holdout_share: float = 0.2,
    power: float = 0.8,
    alpha: float = 0.05,
) -> Power:
    """Return the size at which a two-sided test of two shares finds `uplift` with `power`.

    uplift: Difference to be found, e.g. the break-even uplift.
    organic: Share of the holdout that buys by the window's end.
    reach: Share of signups that is eligible on day N.

    The test: `metrics.arms.members_needed`.
    """
    if not 0 < reach <= 1:
        raise UsageError(f"reach must lie between 0 and 1; got {reach}.")
    treat, holdout = members_needed(uplift, organic, holdout_share, power=power, alpha=alpha)
    total = holdout + treat
    return Power(total, treat, holdout, int(np.ceil(total / reach)))
