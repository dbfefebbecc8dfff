"""The randomised message on day N to members without a purchase, with both potential outcomes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from churnlab.simulate.config import ShopConfig
from churnlab.simulate.members import Latents, response_multiplier
from churnlab.types import Array

_RESPONSE_SPREAD_DAYS = 5


class Experiment(NamedTuple):
    """Per member, shape (member,)."""

    eligible: NDArray[np.bool_]
    """No purchase through the end of day N - 1, and day N lies within the experiment."""
    treated: NDArray[np.bool_]
    responds: NDArray[np.bool_]
    """Would buy within the window if treated and would not otherwise."""
    first_purchase: Array
    """Day of the first purchase since the shop's start as it happened, nan for none."""


def run_experiment(
    config: ShopConfig, latents: Latents, visits_ended: Array, rng: np.random.Generator
) -> Experiment:
    """Randomise at eligibility and apply the message to those who respond.

    The uplift (intention to treat, within `response_window_days` after day N) is exactly the
    share of `responds` among `eligible`: responders have no purchase of their own in that window.
    """
    n, day = config.n_members, latents.organic_day
    send = latents.signup_day + config.experiment_day
    starts = int(config.days * config.experiment_from_share)
    no_purchase = ~(day < config.experiment_day)
    eligible = no_purchase & (latents.signup_day >= starts) & (send < config.days)
    treated = eligible & (rng.random(n) >= config.holdout_share)
    chance = np.minimum(config.response * response_multiplier(latents.lead), 1.0)
    soon = day <= config.experiment_day + config.response_window_days
    responds = eligible & ~soon & (visits_ended > send) & (rng.random(n) < chance)
    answer = send + rng.integers(0, _RESPONSE_SPREAD_DAYS, n)
    organic = latents.signup_day + day
    first = np.where(treated & responds, answer, organic)
    return Experiment(eligible, treated, responds, first)
