"""The N-day rule as a decision: on day N, message those without a purchase since signup.

Everything here is arithmetic on draws of the conversion curve G, an array (draw, age) of the share
converted through the end of each age (whole days from the signup day). A message on age a meets
those unconverted through the end of age a - 1; day N of the user's count is age N - day_index.

Per signup, with M the window's end, m margin, c coupon, k message, rho redemption of organic
buyers, u uplift of the messaged (docs/nday.md):

    reach = 1 - G(a - 1)              o = (G(M) - G(a - 1)) / (1 - G(a - 1))
    V = reach (u (m - c) - o rho c - k)      u* = (o rho c + k) / (m - c)
    u(a) = min(u0 A(a), 1 - o(a)),   A the share of the unconverted still visit-active
"""

from collections.abc import Sequence

import numpy as np

from churnlab.errors import UsageError
from churnlab.nday.config import NdayCosts
from churnlab.types import Array, Ints


def converted_before(G: Array, ages: Sequence[int] | Ints) -> Array:
    """G(a - 1): converted through the end of the day before each age, (draw, len(ages))."""
    padded = np.concatenate([np.zeros((len(G), 1)), G], axis=1)
    return np.asarray(padded[:, np.asarray(ages)])


def reach(G: Array, ages: Sequence[int] | Ints) -> Array:
    """Share of signups that a message at each age goes to."""
    return 1.0 - converted_before(G, ages)


def organic_after(G: Array, ages: Sequence[int] | Ints) -> Array:
    """Share of the messaged who would have bought by the window's end without a message."""
    before = converted_before(G, ages)
    return (G[:, -1:] - before) / np.maximum(1.0 - before, 1e-12)


def hazard(G: Array) -> Array:
    """Share of the unconverted who convert at each age, (draw, age)."""
    before = converted_before(G, np.arange(G.shape[1]))
    return (G - before) / np.maximum(1.0 - before, 1e-12)


def waste(G: Array, ages: Sequence[int] | Ints, costs: NdayCosts) -> Array:
    """Incentive per signup that goes to those who would have bought anyway: reach o rho c."""
    return reach(G, ages) * organic_after(G, ages) * costs.organic_coupon


def break_even(G: Array, ages: Sequence[int] | Ints, costs: NdayCosts) -> Array:
    """Uplift at which the message pays for itself, u*."""
    return (organic_after(G, ages) * costs.organic_coupon + costs.message) / costs.unit


def uplift(G: Array, ages: Sequence[int] | Ints, u0: float | Array, attention: Array) -> Array:
    """u(a) = min(u0 A(a), 1 - o(a)); `attention` (draw or 1, age) over all ages of G.

    `u0` is one figure or (draw or 1, 1).
    """
    wanted = u0 * attention[:, np.asarray(ages)]
    return np.minimum(wanted, 1.0 - organic_after(G, ages))


def value(G: Array, ages: Sequence[int] | Ints, u: Array, costs: NdayCosts) -> Array:
    """V per signup for uplifts `u` (draw, len(ages))."""
    paid = organic_after(G, ages) * costs.organic_coupon
    return reach(G, ages) * (u * costs.unit - paid - costs.message)


def cost_ratio(
    G: Array, ages: Sequence[int] | Ints, u: Array, costs: NdayCosts
) -> tuple[Array, Array]:
    """Incentive and message cost / revenue of those messaged: with and without organic buyers.

    Without organic buyers both their coupons and their revenue leave: the cost of an extra order.
    NaN where no revenue is stated.
    """
    organic = organic_after(G, ages)
    revenue = np.nan if costs.revenue is None else costs.revenue
    extra_cost = u * (costs.coupon or 0.0) + costs.message
    all_cost = extra_cost + organic * costs.organic_coupon
    with np.errstate(divide="ignore", invalid="ignore"):
        return (
            all_cost / ((u + organic) * revenue),
            np.where(u > 0, extra_cost / (u * revenue), np.inf),
        )


def attention_band(half_lives: Sequence[float], n_ages: int) -> dict[str, Array]:
    """Attention without a visit log: A(a) = 2^(-a / half-life), one row per half-life in days.

    A half-life of 0 stands for "does not fade" (A = 1), the reading "never converts".
    """
    out = {}
    for days in half_lives:
        if days < 0:
            raise UsageError(f"attention half-lives must not be negative; got {days}.")
        fade = np.ones(n_ages) if days == 0 else 0.5 ** (np.arange(n_ages) / days)
        out["steady" if days == 0 else f"half_life_{days:g}d"] = fade[None, :]
    return out
