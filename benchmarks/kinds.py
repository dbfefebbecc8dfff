"""Purchase logs for the benchmarks of forecasts: public ones, and simulated ones with their truth.

Each seed of a simulated kind is a population of its own: the parameters are drawn around those of
`POPULATIONS`, so that nothing can be tuned to one of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from churnlab.events import DataConfig, EventLog, log_from_frames, open_log
from churnlab.simulate import simulate_btyd
from churnlab.types import Array

EMBEDDED = ("cdnow", "cdnow_full", "complete_journey")
#: (r, alpha, a, b) of MBG/NBD and its kin, (r, alpha, s, beta) of Pareto/NBD; days.
POPULATIONS = {"mbg_nbd": (1.2, 60.0, 0.8, 3.0), "pareto_nbd": (1.2, 60.0, 0.7, 200.0)}
#: Standard deviation of the logarithm of each parameter between seeds.
SPREAD = 0.15
#: Days of each kind, and days of a kind whose dates repeat each year.
SHORT, LONG = 1100, 1825
#: Model whose story a kind is, and what differs from it.
KINDS: dict[str, tuple[str, int, dict[str, object]]] = {
    "mbg": ("mbg_nbd", SHORT, {}),
    "pareto": ("pareto_nbd", SHORT, {}),
    "erlang4": ("mbg_cnbd_k", SHORT, {"k": 4}),
    "bursts": ("mbg_nbd", SHORT, {"gap_shape": 0.35}),
    "growth": ("mbg_nbd", SHORT, {"daily_rate": "growth"}),
    "season": ("mbg_nbd", LONG, {"daily_rate": "season"}),
    "annual": ("mbg_nbd", LONG, {"yearly_share": 0.5}),
    "ageing": ("weibull", SHORT, {}),
}
#: Kinds that a fit by this model describes; `mbg_nbd` learns the season by itself.
DESCRIBED = {"mbg": "mbg_nbd", "pareto": "pareto_nbd", "erlang4": "mbg_cnbd_k", "season": "mbg_nbd"}


class Simulated(NamedTuple):
    """A log with its truth."""

    log: EventLog
    truth: pd.DataFrame
    """``customer_id``, ``alive``."""
    theta: Array
    """The population's parameters."""
    daily_rate: Array | None
    """Multiplier of the rate on each day of the log."""


def simulated(kind: str, seed: int, customers: int) -> Simulated:
    """Simulate a log of one of `KINDS`."""
    model, days, how = KINDS[kind]
    rng = np.random.default_rng([seed, sorted(KINDS).index(kind)])
    theta = np.array(POPULATIONS.get(model, POPULATIONS["mbg_nbd"]))
    theta = theta * np.exp(SPREAD * rng.normal(size=4))
    if model == "weibull":
        return ageing(theta, customers, days, rng)
    options: dict[str, Any] = dict(how)
    rate = None
    if "daily_rate" in how:
        rate = options["daily_rate"] = RATES[str(how["daily_rate"])](days, rng)
    if kind == "erlang4":  # k stages a gap
        theta[1] /= 4
    made = simulate_btyd(model, theta, customers, days, rng, inflow_days=int(0.6 * days), **options)
    log = log_from_frames({"purchases": made.purchases}, as_of=made.as_of)
    return Simulated(log, made.truth[["customer_id", "alive"]], theta, rate)


def season(days: int, rng: np.random.Generator) -> Array:
    """Return a rate that swings by .4 to .6 about its mean within the year."""
    height, peak = rng.uniform(0.4, 0.6), rng.uniform(0, 365.25)
    return 1.0 + height * np.cos(2 * np.pi * (np.arange(days) - peak) / 365.25)


def growth(days: int, rng: np.random.Generator) -> Array:
    """Return a rate that grows by e^1 to e^1.5 from first to last day."""
    return np.exp(rng.uniform(1.0, 1.5) * (np.arange(days) / days - 0.5))


RATES = {"season": season, "growth": growth}


def ageing(theta: Array, customers: int, days: int, rng: np.random.Generator) -> Simulated:
    """Simulate exponential gaps in lifetimes that end by age: Weibull, shape 4."""
    born = rng.integers(0, int(0.6 * days), customers)
    life = 500.0 * rng.weibull(4.0, customers)
    stop = np.minimum(life, days - born - 1e-9)
    number = rng.poisson(rng.gamma(theta[0], 1.0 / theta[1], customers) * stop)
    who = np.concatenate([np.arange(customers), np.repeat(np.arange(customers), number)])
    age = np.concatenate([np.zeros(customers), rng.random(number.sum()) * np.repeat(stop, number)])
    ids = np.array([f"c{i:06d}" for i in range(customers)], dtype=object)
    start = pd.Timestamp("2024-01-01")
    day = start + pd.to_timedelta(np.floor(born[who] + age), unit="D")
    rows = pd.DataFrame({"customer_id": ids[who], "event_at": day}).drop_duplicates()
    as_of = (start + pd.Timedelta(days - 1, "D")).date()
    log = log_from_frames({"purchases": rows}, as_of=as_of)
    truth = pd.DataFrame({"customer_id": ids, "alive": born + life > days})
    return Simulated(log, truth, theta, None)


def log_of(argument: str, customers: int) -> tuple[str, EventLog]:
    """Open the log that an argument names.

    argument: An embedded log, NAME=FILE:TIME (Parquet with `customer_id`, a column of times, and
        `amount`, or `quantity` and `unit_price`, where known), or KIND:SEED.
    customers: Of a simulated log.
    """
    if argument in EMBEDDED:
        return argument, open_log(DataConfig(name=argument))
    if "=" not in argument:
        kind, _, seed = argument.partition(":")
        return argument, simulated(kind, int(seed), customers).log
    name, _, place = argument.partition("=")
    path, _, time = place.rpartition(":")
    frame = pd.read_parquet(path).dropna(subset=["customer_id"])
    if "unit_price" in frame:
        frame = frame.assign(amount=frame["quantity"] * frame["unit_price"])
    if "amount" in frame:
        frame = frame[frame["amount"] > 0]
    frame = frame.rename(columns={time: "event_at"})
    frame = frame[[c for c in ("customer_id", "event_at", "amount") if c in frame]]
    return name, log_from_frames({"purchases": frame}, time_zone="UTC", duplicates="keep")
