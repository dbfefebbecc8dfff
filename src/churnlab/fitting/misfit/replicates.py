"""Purchases as a fitted model would make them again, for the same customers on the same days."""

from typing import NamedTuple

import numpy as np

from churnlab.models.base import Likelihood
from churnlab.models.draws import PopulationDraws
from churnlab.summary import Clock
from churnlab.types import Array, Ints

#: Largest purchases a day of one customer; on a day grid the probability of a day is below 1.
MOST_A_DAY = 0.98


class Purchases(NamedTuple):
    """Repeat purchase-days of customers, one or many times over; no order is promised."""

    row: Ints
    """Customer of each purchase, (purchase,); in replicate r customer i is row r n + i."""
    day: Ints
    """Day of each purchase, (purchase,), days since 1970-01-01."""
    gap: Array
    """Days since the customer's purchase before, (purchase,)."""


def replicate(
    draws: PopulationDraws,
    codes: Ints,
    first: Ints,
    end: int,
    rng: np.random.Generator,
    *,
    clock: Clock | None = None,
) -> Purchases:
    """Simulate every customer anew under each draw, from the day of the first purchase on.

    draws: One replicate each.
    codes, first: Group code and day of the first purchase of each customer, (customer,).
    end: Last known day, inclusive; days since 1970-01-01.
    clock: With one, rates are per clock day.

    Times of day are even. Where customers buy nearly daily, purchases in continuous time would
    share days that the fit, made of days, counted one by one: the rate is raised to the one whose
    purchase-*days* come at the fitted rate (1 - exp(-rate) for exponential gaps).
    """
    model, n = draws.likelihood, len(first)
    theta = np.broadcast_to(draws.theta_rows(codes), (draws.theta.shape[2], draws.n_draws, n))
    theta = theta.reshape(len(theta), -1)
    zero = int(first.min())
    begins = np.arange(end - zero + 2.0)
    if clock is not None:
        begins = clock.time(np.arange(zero - 1, end + 1))
    born = np.tile(first - zero, draws.n_draws)
    start = begins[born] + rng.random(len(born)) * np.diff(begins)[born]
    people = _Story(model, theta, start, rng)
    return people.until(begins, born, zero)


class _Story:
    """Customers of one model, purchase by purchase; all arrays (row,)."""

    def __init__(
        self, model: Likelihood, theta: Array, start: Array, rng: np.random.Generator
    ) -> None:
        self.model, self.rng, self.start = model, rng, start
        rate = rng.gamma(theta[0], 1 / theta[1]) / model.k
        self.rate = -np.log1p(-np.clip(rate, 1e-12, MOST_A_DAY)) * model.k
        self.dropout = model.sample_dropout(theta, len(start), rng)
        self.death = start + model.sample_death(theta, self.dropout, rng)

    def until(self, begins: Array, born: Ints, zero: int) -> Purchases:
        """Return the purchases on days that begin at `begins` (its last entry is the end)."""
        now, day, found = self.start.copy(), born.copy(), []
        open_ = np.arange(len(now))
        if self.model.toss_at_first:
            open_ = open_[self.rng.random(len(open_)) >= self.dropout]
        while len(open_):
            now[open_] += self.rng.gamma(self.model.k, 1 / self.rate[open_])
            open_ = open_[now[open_] < np.minimum(self.death[open_], begins[-1])]
            bought = np.searchsorted(begins, now[open_], side="right") - 1
            fresh = bought > day[open_]  # a second purchase on a day is none
            rows, when = open_[fresh], bought[fresh]
            found.append((rows, when + zero, when - day[rows]))
            day[rows] = when
            if self.model.drops_at_purchases:
                leaves = fresh & (self.rng.random(len(open_)) < self.dropout[open_])
                open_ = open_[~leaves]
        rows, days, gaps = (np.concatenate(part) for part in zip(*found, strict=True))
        return Purchases(rows, days, gaps.astype(float))
