"""Possible futures: the purchases that latent rates, dropouts and chance bring."""

from collections.abc import Iterator

import numpy as np

from churnlab.models import Latent
from churnlab.models.story import Story
from churnlab.types import Array, Ints


def purchases_ahead(
    likelihood: Story,
    latent: Latent,
    silence: Array,
    start: Array,
    end: float,
    rng: np.random.Generator,
) -> Iterator[tuple[Ints, Array]]:
    """Yield each row's next purchase, then its second next, and so on, until `end`.

    latent: Rate, dropout and being alive, (row,).
    silence: Days since the last purchase, (row,).
    start: When the row's silence is looked at, days from the cutoff, (row,).
    end: Days from the cutoff.
    Yields: Rows that buy again by `end`, and when (days from the cutoff).
    """
    gap = likelihood.next_gap(latent, silence, rng)
    death = start + likelihood.time_to_death(latent, rng)
    time, alive = start + gap, latent.alive
    active = np.flatnonzero(alive & (time <= np.minimum(death, end)))
    while active.size:
        yield active, time[active]
        if likelihood.drops_at_purchases:
            active = active[rng.random(active.size) >= latent.dropout[active]]
        k = likelihood.k
        time[active] += rng.gamma(k, size=active.size) / (latent.rate[active] * k)
        active = active[time[active] <= np.minimum(death[active], end)]
