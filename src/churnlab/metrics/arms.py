"""Two arms of an experiment: the sample ratio, shares with a Jeffreys prior, and the next test."""

from typing import NamedTuple

import numpy as np

from churnlab.errors import UsageError
from churnlab.types import Array

#: Below this probability arms were not assigned as stated.
REFUSE_P = 0.001


class Arm(NamedTuple):
    """How many of an arm did what the experiment asks for."""

    hits: int
    n: int


def sample_ratio_p(holdout: int, n: int, holdout_share: float) -> float:
    """Return the exact binomial p-value of the holdout's size given its stated share."""
    from scipy import stats  # slow to import

    return float(stats.binomtest(holdout, n, holdout_share).pvalue)


def share_draws(arm: Arm, rng: np.random.Generator, draws: int) -> Array:
    """Return posterior draws of an arm's share: Beta(1/2 + hits, 1/2 + others)."""
    return np.asarray(rng.beta(arm.hits + 0.5, arm.n - arm.hits + 0.5, draws))


def uplift(treat: Arm, holdout: Arm, rng: np.random.Generator, draws: int) -> dict[str, float]:
    """Return the difference of two arms' shares, by intention to treat.

    Returns: ``share_treat, share_holdout, uplift, uplift_q05, uplift_q95, p_positive``: posterior
        means, 90% interval, and the probability that the uplift is positive.
    """
    one, two = share_draws(treat, rng, draws), share_draws(holdout, rng, draws)
    gain = one - two
    low, high = np.quantile(gain, [0.05, 0.95])
    return {
        "share_treat": float(one.mean()),
        "share_holdout": float(two.mean()),
        "uplift": float(gain.mean()),
        "uplift_q05": float(low),
        "uplift_q95": float(high),
        "p_positive": float((gain > 0).mean()),
    }


def members_needed(
    gain: float, organic: float, holdout_share: float, *, power: float = 0.8, alpha: float = 0.05
) -> tuple[int, int]:
    """Return the sizes of both arms at which a two-sided test finds a gain with `power`.

    gain: Difference of the two shares to be found.
    organic: Share of the holdout.
    Returns: Treated and held out.
    Raises UsageError: A gain that cannot be.

    Unpooled normal approximation: n = (z_(1-alpha/2) sqrt(p q (1/s + 1/(1-s))) +
    z_power sqrt(p1 q1 / (1-s) + p0 q0 / s))^2 / gain^2, s the holdout's share
    (Fleiss, Levin & Paik 2003, section 4).
    """
    if not 0 < gain < 1 - organic:
        raise UsageError(
            f"uplift must lie in 0..{1 - organic:.3g} (nobody buys with more than probability 1); "
            f"got {gain}."
        )
    for name, value in (("holdout_share", holdout_share), ("power", power)):
        if not 0 < value < 1:
            raise UsageError(f"{name} must lie between 0 and 1; got {value}.")
    p0, p1, s = organic, organic + gain, holdout_share
    pooled = s * p0 + (1 - s) * p1
    null = np.sqrt(pooled * (1 - pooled) * (1 / s + 1 / (1 - s)))
    other = np.sqrt(p1 * (1 - p1) / (1 - s) + p0 * (1 - p0) / s)
    from scipy import stats  # slow to import

    z_alpha, z_power = stats.norm.ppf(1 - alpha / 2), stats.norm.ppf(power)
    n = float((z_alpha * null + z_power * other) ** 2 / gain**2)
    return int(np.ceil(n * (1 - s))), int(np.ceil(n * s))
