"""Purchase logs of a known buy-till-you-die population, on the day grid that real logs have."""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from churnlab import models
from churnlab.errors import UsageError
from churnlab.models import Likelihood
from churnlab.simulate.processes import Events, dropout_after_event, until_death
from churnlab.types import Array

#: Standard deviation, in days, of the gaps of customers who come once a year.
YEARLY_SPREAD = 12.0


class BtydLog(NamedTuple):
    """A simulated log with its truth."""

    purchases: pd.DataFrame
    """``customer_id``, ``event_at`` (midnight of the purchase-day), one row per customer-day."""
    truth: pd.DataFrame
    """``customer_id``, ``first_purchase_at``, ``rate_per_day`` (of the exponential stages),
    ``purchase_days_per_day`` (what the day grid shows, 1 - exp(-rate / k)), ``dropout``
    (probability per purchase, or rate per day for Pareto/NBD), ``ended_at`` (day of dropout, NaT
    while alive), ``alive``."""
    as_of: dt.date


def simulate_btyd(
    model: str,
    theta: Sequence[float] | Array,
    n_customers: int,
    days: int,
    rng: np.random.Generator,
    *,
    k: int | None = None,
    start: dt.date | str = "2024-01-01",
    inflow_days: int | None = None,
    first_days: ArrayLike | None = None,
    daily_rate: ArrayLike | None = None,
    gap_shape: float | None = None,
    yearly_share: float = 0.0,
    prefix: str = "c",
) -> BtydLog:
    """Simulate purchase-days of customers whose rates and dropout follow `model` with `theta`.

    Continuous-time events are laid on whole days, and several on a day count once, as in a real
    log. First purchases come at uniform times over the first `inflow_days`.

    model: One of `churnlab.models.MODELS`.
    theta: The model's parameters: ``r, alpha, a, b`` or, for Pareto/NBD, ``r, alpha, s, beta``;
        time in days.
    n_customers, days: Customers, and days from `start` to the last known day (`as_of`), both
        inclusive.
    k: Erlang shape of the ``*_cnbd_k`` models (default 2); 1 otherwise.
    inflow_days: First purchases fall on the first `inflow_days` days (default: all of them).
    first_days (n_customers,): Day number of each first purchase instead of the uniform inflow.
    daily_rate (days,): Multiplier of every customer's purchase rate on each day (a season, growth);
        rates and dropout of the truth are those of a day with multiplier 1. Default: 1 throughout.
    gap_shape: Gamma shape of the gaps instead of `k`, their mean kept: below 1 purchases come in
        bursts.
    yearly_share: Share of customers who come once a year, give or take twelve days.
    Raises UsageError for an unknown model or values that are not positive.
    """
    kind = models.named(model)
    likelihood = kind((k or kind.default_k) if kind.regular else 1)
    _check(likelihood, theta, n_customers, days)
    _check_gaps(gap_shape, yearly_share)
    inflow = days if inflow_days is None else inflow_days
    births = (
        rng.uniform(0, inflow, n_customers)
        if first_days is None
        else np.asarray(first_days, dtype=float) + rng.uniform(0, 1, n_customers)
    )
    rate, dropout, death = _latent(likelihood, np.asarray(theta, float), n_customers, rng)
    shape = np.full(n_customers, float(gap_shape or likelihood.k))
    if yearly_share > 0:
        yearly = rng.random(n_customers) < yearly_share
        rate[yearly], shape[yearly] = likelihood.k / 365.0, (365.0 / YEARLY_SPREAD) ** 2
    clock = None if daily_rate is None else _clock(daily_rate, days)
    starts = births if clock is None else np.interp(births, *clock[::-1])
    stop = days if clock is None else clock[0][-1]
    window = np.nextafter(stop - starts, 0.0)  # the last instant still belongs to as_of
    stages = rate * shape / likelihood.k  # the mean gap is k / rate whatever the shape
    events = _events(likelihood, stages, shape, dropout, death, window, rng)
    if clock is not None:
        events = _in_days(events, births, starts, clock)
    origin = pd.Timestamp(start).normalize()
    ids = customer_ids(n_customers, prefix)
    purchases = _day_grid(events, births, origin, ids, days - 1)
    truth = _truth(events, births, origin, ids, rate, dropout, likelihood.k)
    return BtydLog(purchases, truth, (origin + pd.Timedelta(days=days - 1)).date())


def customer_ids(n: int, prefix: str) -> np.ndarray:
    """Return `n` text ids of equal width, in order."""
    width = max(5, len(str(n)))
    return np.array([f"{prefix}{i:0{width}d}" for i in range(1, n + 1)], dtype=object)


def _check(
    likelihood: Likelihood, theta: Sequence[float] | Array, n_customers: int, days: int
) -> None:
    values, n = np.asarray(theta, dtype=float), len(likelihood.parameters)
    if values.shape != (n,) or not np.all(np.isfinite(values) & (values > 0)):
        raise UsageError(f"theta must be {n} positive numbers; got {theta!r}.")
    for name, value in (("n_customers", n_customers), ("days", days)):
        if value < 1:
            raise UsageError(f"{name} must be at least 1; got {value}.")


def _check_gaps(gap_shape: float | None, yearly_share: float) -> None:
    if gap_shape is not None and not 0 < gap_shape < np.inf:
        raise UsageError(f"gap_shape must be a positive number; got {gap_shape}.")
    if not 0 <= yearly_share <= 1:
        raise UsageError(f"yearly_share must lie in [0, 1]; got {yearly_share}.")


def _clock(daily_rate: ArrayLike, days: int) -> tuple[Array, Array]:
    """Return seasonal time at the start of each day and after the last, and those days."""
    rate = np.asarray(daily_rate, dtype=float)
    if rate.shape != (days,) or not (np.isfinite(rate) & (rate > 0)).all():
        raise UsageError(f"daily_rate must be {days} positive numbers; got shape {rate.shape}.")
    return np.concatenate([[0.0], np.cumsum(rate)]), np.arange(days + 1.0)


def _in_days(events: Events, births: Array, starts: Array, clock: tuple[Array, Array]) -> Events:
    """Return events whose times, seasonal since each customer's start, are days since it."""
    born, start = births[events.customer], starts[events.customer]
    ended = np.where(np.isfinite(events.ended), events.ended, 0.0) + starts
    left = np.where(np.isfinite(events.ended), np.interp(ended, *clock) - births, np.inf)
    return Events(events.customer, np.interp(start + events.time, *clock) - born, left)


def _latent(
    likelihood: Likelihood, theta: Array, n: int, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    # a rate of exactly 0 would give an infinite gap times 0 stages: keep it tiny instead
    rate = np.maximum(rng.gamma(theta[0], 1.0 / theta[1], n), 1e-12)
    dropout = likelihood.sample_dropout(theta, n, rng)
    return rate, dropout, likelihood.sample_death(theta, dropout, rng)


def _events(
    likelihood: Likelihood,
    rate: Array,
    shape: Array,
    dropout: Array,
    death: Array,
    window: Array,
    rng: np.random.Generator,
) -> Events:
    if likelihood.drops_at_purchases:
        first = likelihood.toss_at_first
        return dropout_after_event(rate, dropout, window, rng, k=shape, toss_at_start=first)
    return until_death(rate, death, window, rng, k=shape)


def _day_grid(
    events: Events, births: Array, origin: pd.Timestamp, ids: np.ndarray, last_day: int
) -> pd.DataFrame:
    day = np.floor(births[events.customer] + events.time).astype(np.int64)
    day = np.minimum(day, last_day)  # a sum may round up to the first instant after the window
    keep = np.ones(len(day), dtype=bool)
    keep[1:] = (np.diff(day) != 0) | (np.diff(events.customer) != 0)
    return pd.DataFrame(
        {
            "customer_id": ids[events.customer[keep]],
            "event_at": origin + pd.to_timedelta(day[keep], unit="D"),
        }
    )


def _truth(
    events: Events,
    births: Array,
    origin: pd.Timestamp,
    ids: np.ndarray,
    rate: Array,
    dropout: Array,
    k: int,
) -> pd.DataFrame:
    alive = ~np.isfinite(events.ended)
    ended = pd.to_timedelta(np.where(alive, np.nan, np.floor(births + events.ended)), unit="D")
    return pd.DataFrame(
        {
            "customer_id": ids,
            "first_purchase_at": origin + pd.to_timedelta(np.floor(births), unit="D"),
            "rate_per_day": rate,
            "purchase_days_per_day": -np.expm1(-rate / k),
            "dropout": dropout,
            "ended_at": origin + ended,
            "alive": alive,
        }
    )
