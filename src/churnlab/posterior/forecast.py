"""Purchases per week to come, of all customers together, with the chance that is in them."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from churnlab.errors import UsageError
from churnlab.models import Likelihood
from churnlab.models.draws import PopulationDraws
from churnlab.posterior.latent import generator, spread
from churnlab.posterior.silence.stream import Cells, Rows, chunks, rows_of, runs
from churnlab.posterior.worth.futures import purchases_ahead
from churnlab.types import Array, Ints

DAYS_PER_WEEK = 7
#: Customers x draws simulated together; fixed, because the stream of random numbers depends on it.
_BLOCK = 1 << 19


class WeightedCells(Cells, Protocol):
    """Cells with the number of customers in each."""

    @property
    def weight(self) -> Array:
        """Customers, (cell,)."""


class WeeklyForecast(NamedTuple):
    """Purchases of all customers in each coming week, (draw, week)."""

    expected: Array
    """Expected given the draw's parameters and each customer's history."""
    predicted: Ints
    """A simulated total: one possible future per draw."""


def weekly_forecast(
    draws: PopulationDraws,
    cells: WeightedCells,
    weeks: int,
    rng: np.random.Generator,
    *,
    n_draws: int = 200,
    new_per_week: float = 0.0,
    ahead: Callable[[Array], Array] | None = None,
) -> WeeklyForecast:
    """Forecast purchases per week after the cutoff.

    draws: Posterior draws of the population's parameters; `n_draws` of them are used.
    cells: Customers known at the cutoff; those whose first purchase is all that is known are among
        them.
    weeks: Weeks ahead, of seven days each.
    rng: Randomness of the predicted totals.
    new_per_week: Expected number of new customers per week (first purchases, Poisson); they add
        their first and repeat purchases to both totals. With several groups newcomers come as the
        known customers are spread.
    ahead: On a clock: so many days of the calendar after the cutoff in clock days. Newcomers are
        then not forecast.
    Returns: Each (draw, week). Purchases are those of continuous time: two on a day count twice.
    """
    if weeks < 1 or n_draws < 1 or new_per_week < 0:
        raise UsageError(
            "weeks and n_draws must be at least 1 and new_per_week not negative; got "
            f"{weeks}, {n_draws} and {new_per_week}."
        )
    rows, weight = rows_of(cells, draws), np.asarray(cells.weight, np.float64)
    if ahead is not None and new_per_week > 0:
        raise UsageError("newcomers are not forecast on a clock; leave new_per_week at 0.")
    days = DAYS_PER_WEEK * np.arange(1.0, weeks + 1)
    ends = days if ahead is None else ahead(days)
    theta, seed = spread(draws, n_draws), int(rng.integers(2**31))
    likelihood = draws.likelihood
    expected = _expected(likelihood, theta, rows, weight, ends)
    predicted = np.zeros((n_draws, weeks), np.int64)
    for at in runs(rows.group, rows.x):
        at = at[np.lexsort((rows.T[at], rows.t_x[at]))]
        predicted += _predict(likelihood, theta, rows, weight, at, ends, seed)
    if new_per_week > 0:
        shares = np.bincount(_code(rows.group, theta), weight, theta.shape[1]) / weight.sum()
        expected += _expected_new(likelihood, theta, shares, weeks, new_per_week)
        predicted += _predict_new(likelihood, theta, shares, weeks, new_per_week, rng)
    return WeeklyForecast(expected, predicted)


def _code(group: Ints, theta: Array) -> Ints:
    return group if theta.shape[1] > 1 else np.zeros_like(group)


def _expected(
    likelihood: Likelihood, theta: Array, rows: Rows, weight: Array, ends: Array
) -> Array:
    """Return the expectation per draw and week: differences of cumulative expectations."""
    total = np.zeros((len(theta), len(ends) + 1))
    code = _code(rows.group, theta)
    oldest = float(rows.T.max(initial=0.0)) + 1.0
    for at in runs(rows.group, rows.x):
        at = at[np.lexsort((rows.T[at], rows.t_x[at]))]
        x = float(rows.x[at[0]])
        process = likelihood.process(theta[:, code[at[0]], :].T, x, oldest)(x)
        mean = process.mean_by_horizon()
        for part in chunks(len(at), len(theta)):
            i = at[part]
            within = mean(rows.t_x[i], rows.T[i])
            for week, end in enumerate(ends, start=1):
                total[:, week] += weight[i] @ within(float(end))
    return np.diff(total, axis=1)


def _predict(
    likelihood: Likelihood,
    theta: Array,
    rows: Rows,
    weight: Array,
    at: Ints,
    ends: Array,
    seed: int,
) -> Ints:
    """Simulate the futures of a run's customers, (draw, week)."""
    group, x = int(_code(rows.group, theta)[at[0]]), float(rows.x[at[0]])
    rng = generator(seed, (group, x))
    people = np.repeat(at, np.rint(weight[at]).astype(np.int64))
    out = np.zeros((len(theta), len(ends)), np.int64)
    step = max(1, _BLOCK // len(theta))
    for start in range(0, len(people), step):
        i = people[start : start + step]
        draw = np.repeat(np.arange(len(theta)), len(i))
        t_x, T = np.tile(rows.t_x[i], len(theta)), np.tile(rows.T[i], len(theta))
        out += _futures(
            likelihood, theta[:, group, :], draw, x, t_x, T, np.zeros(len(draw)), ends, rng
        )
    return out


def _futures(
    likelihood: Likelihood,
    theta: Array,
    draw: Ints,
    x: float,
    t_x: Array,
    T: Array,
    start: Array,
    ends: Array,
    rng: np.random.Generator,
) -> Ints:
    """Simulate purchases after `start` (time from the cutoff) and count them by draw and week."""
    weeks, end = len(ends), float(ends[-1])
    latent = likelihood.sample_latent(theta[draw].T, x, t_x, T, rng)
    counts = np.zeros(len(theta) * weeks, np.int64)
    for active, time in purchases_ahead(likelihood, latent, T - t_x, start, end, rng):
        week = np.minimum(np.searchsorted(ends, time, side="right"), weeks - 1)
        counts += np.bincount(draw[active] * weeks + week, minlength=len(counts))
    return counts.reshape(len(theta), weeks)


def _expected_new(
    likelihood: Likelihood, theta: Array, shares: Array, weeks: int, per_week: float
) -> Array:
    """Expected purchases of newcomers, first purchases in the middle of their week."""
    ages = DAYS_PER_WEEK * (np.arange(weeks) + 0.5)
    total = np.zeros((len(theta), weeks))
    for group, share in enumerate(shares):
        grown = likelihood.expected_new(theta[:, group, :].T[:, :, None], ages)
        total += share * grown
    # all cohorts that began before the end of a week have bought so much by then
    cumulative = np.cumsum(1.0 + total, axis=1)
    return np.asarray(per_week * np.diff(cumulative, axis=1, prepend=0.0))


def _predict_new(
    likelihood: Likelihood,
    theta: Array,
    shares: Array,
    weeks: int,
    per_week: float,
    rng: np.random.Generator,
) -> Ints:
    """Simulate newcomers: Poisson arrivals at uniform times, then their repeat purchases."""
    ends = DAYS_PER_WEEK * np.arange(1.0, weeks + 1)
    out = np.zeros((len(theta), weeks), np.int64)
    for group, share in enumerate(shares):
        arrivals = rng.poisson(per_week * share, size=(len(theta), weeks))
        out += arrivals
        draw, week = (np.repeat(v.ravel(), arrivals.ravel()) for v in np.indices(arrivals.shape))
        if draw.size:
            start = DAYS_PER_WEEK * (week + rng.random(len(week)))
            zero = np.zeros(len(draw))
            out += _futures(likelihood, theta[:, group, :], draw, 0.0, zero, zero, start, ends, rng)
    return out
