"""How many signups a holdout needs before it can tell a given uplift from none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churnlab.errors import UsageError


@dataclass(frozen=True)
class Power:
    """Size of an experiment.

    Parameters
    ----------
    eligible : int
        Members on day N, both arms together.
    treat, holdout : int
        In each arm.
    signups : int
        Signups needed for so many to be eligible: eligible / reach.
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
    holdout_share: float = 0.1,
    power: float = 0.8,
    alpha: float = 0.05,
) -> Power:
    """Return the size at which a two-sided test of two shares finds `uplift` with `power`.

    Parameters
    ----------
    uplift : float
        Difference to be found, e.g. the break-even uplift.
    organic : float
        Share of the holdout that buys by the window's end.
    reach : float
        Share of signups that is eligible on day N.

    Notes
    -----
    Unpooled normal approximation: n = (z_(1-alpha/2) sqrt(p q (1/s + 1/(1-s))) +
    z_power sqrt(p1 q1 / (1-s) + p0 q0 / s))^2 / uplift^2, s the holdout's share
    (Fleiss, Levin & Paik 2003, section 4).
    """
    if not 0 < uplift < 1 - organic:
        raise UsageError(
            f"uplift must lie in 0..{1 - organic:.3g} (nobody buys with more than probability 1); "
            f"got {uplift}."
        )
    for name, share in (("holdout_share", holdout_share), ("power", power), ("reach", reach)):
        if not 0 < share <= 1 or (share == 1 and name != "reach"):
            raise UsageError(f"{name} must lie between 0 and 1; got {share}.")
    p0, p1, s = organic, organic + uplift, holdout_share
    pooled = s * p0 + (1 - s) * p1
    null = np.sqrt(pooled * (1 - pooled) * (1 / s + 1 / (1 - s)))
    other = np.sqrt(p1 * (1 - p1) / (1 - s) + p0 * (1 - p0) / s)
    from scipy import stats  # slow to import

    z_alpha, z_power = stats.norm.ppf(1 - alpha / 2), stats.norm.ppf(power)
    n = float((z_alpha * null + z_power * other) ** 2 / uplift**2)
    holdout = int(np.ceil(n * s))
    treat = int(np.ceil(n * (1 - s)))
    total = holdout + treat
    return Power(total, treat, holdout, int(np.ceil(total / reach)))
