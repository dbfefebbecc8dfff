"""Who the members are: signup, attributes, and what is hidden in them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churnlab.simulate.config import CHANNELS, LEAD_TYPES, ShopConfig
from churnlab.types import Array

#: Share of members, multiplier of the conversion share, multiplier of the message's response.
_LEADS = {
    "information_seeker": (0.35, 1.0, 1.0),
    "social_media": (0.30, 0.7, 0.8),
    "acquaintance": (0.15, 1.6, 0.8),
    "high_involvement": (0.20, 0.5, 2.0),
}
_CHANNEL_GIVEN_LEAD = {
    "information_seeker": (0.65, 0.10, 0.05, 0.20),
    "social_media": (0.10, 0.75, 0.05, 0.10),
    "acquaintance": (0.10, 0.10, 0.65, 0.15),
    "high_involvement": (0.40, 0.20, 0.10, 0.30),
}
_LAST_CONVERSION_DAY = 59


@dataclass(frozen=True)
class Latents:
    """Per member, shape (member,): attributes, hidden rates and organic conversion."""

    signup: Array
    """Days since the shop's start, with the time of day."""
    lead: NDArray[np.int64]
    channel: NDArray[np.int64]
    female: NDArray[np.bool_]
    unseen: NDArray[np.bool_]
    visit_rate: Array
    visit_dropout: Array
    purchase_rate: Array
    """P(purchase | visit-day) with `visits_lead`, else purchases per day."""
    purchase_dropout: Array
    organic_day: Array
    """Day after signup of the purchase of their own accord; nan for never."""

    @property
    def signup_day(self) -> NDArray[np.int64]:
        """Whole day of signup since the shop's start."""
        return np.floor(self.signup).astype(np.int64)


def draw_latents(config: ShopConfig, rng: np.random.Generator) -> Latents:
    """Draw every member's attributes and hidden quantities; members are ordered by signup."""
    n = config.n_members
    shares = np.array([_LEADS[name][0] for name in LEAD_TYPES])
    lead = rng.choice(len(LEAD_TYPES), n, p=shares)
    return Latents(
        signup=np.sort(rng.uniform(0, config.days, n)),
        lead=lead,
        channel=_channels(lead, rng),
        female=rng.random(n) < 0.6,
        unseen=rng.random(n) < config.unseen_share,
        visit_rate=_gamma(config.visit_rate_mean, config.visit_rate_shape, n, rng),
        visit_dropout=_beta(config.visit_dropout_mean, config.visit_dropout_concentration, n, rng),
        purchase_rate=_purchase_rate(config, n, rng),
        purchase_dropout=_beta(
            config.purchase_dropout_mean, config.purchase_dropout_concentration, n, rng
        ),
        organic_day=_organic_day(config, lead, rng),
    )


def response_multiplier(lead: NDArray[np.int64]) -> Array:
    """Return how much more than average each lead type reacts to the message."""
    return np.array([_LEADS[name][2] for name in LEAD_TYPES])[lead]


def _gamma(mean: float, shape: float, n: int, rng: np.random.Generator) -> Array:
    return np.maximum(rng.gamma(shape, mean / shape, n), 1e-6)


def _beta(mean: float, concentration: float, n: int, rng: np.random.Generator) -> Array:
    return rng.beta(mean * concentration, (1 - mean) * concentration, n)


def _purchase_rate(config: ShopConfig, n: int, rng: np.random.Generator) -> Array:
    if config.visits_lead:
        return _beta(
            config.purchase_per_visit_mean, config.purchase_per_visit_concentration, n, rng
        )
    return _gamma(config.purchase_rate_mean, config.purchase_rate_shape, n, rng)


def _channels(lead: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    table = np.cumsum([_CHANNEL_GIVEN_LEAD[name] for name in LEAD_TYPES], axis=1)
    drawn = (rng.random(len(lead))[:, None] > table[lead]).sum(axis=1)
    return np.minimum(drawn, len(CHANNELS) - 1)


def _organic_day(config: ShopConfig, lead: NDArray[np.int64], rng: np.random.Generator) -> Array:
    """Mixture cure: never, or day 0, days 1 .. plateau - 1 (falling), or late and uniform."""
    n = len(lead)
    multiplier = np.array([_LEADS[name][1] for name in LEAD_TYPES])[lead]
    converts = rng.random(n) < np.minimum(config.conversion_share * multiplier, 1.0)
    kind = rng.random(n)
    early_days = np.arange(1, config.plateau_day)
    weights = 0.8**early_days
    early = rng.choice(early_days, n, p=weights / weights.sum())
    late = rng.integers(config.plateau_day, _LAST_CONVERSION_DAY + 1, n)
    day = np.where(kind < config.same_day_share, 0, early)
    day = np.where(kind > 1 - config.late_share, late, day)
    return np.where(converts, day.astype(float), np.nan)
