"""Learning a calendar's multipliers jointly with the population, by maximum a posteriori."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from churnlab import models as likelihoods
from churnlab.errors import DataError, FitRefusedError, UsageError
from churnlab.inference.targets.clock_target import ClockTarget, DatedDays
from churnlab.inference.targets.density import Mode
from churnlab.inference.ways.mode import find_mode
from churnlab.priors import Prior, parse
from churnlab.summary import Calendar, Clock, Dated
from churnlab.summary.calendar import SPREAD, date
from churnlab.types import Ints

#: A bucket where fewer repeat purchases than this would come at an even rate is not estimated.
FEW_PURCHASES = 20.0
_YEAR = 365
_Z90 = 1.6448536269514722
#: Rounds of (mode given the spread, spread given the mode); the second moves it by a few percent.
_ROUNDS = 3
_SPREADS = (1e-3, 3.0)


@dataclass(frozen=True)
class Seasons:
    """A learnt clock with what is known of it.

    clock: Multipliers at the mode.
    table: Per bucket: bucket, multiplier, q05, q95 (curvature of the log at the mode), days (of the
        log), customer_days, repeats (purchases), pooled (multiplier set to 1).
    spread: Standard deviation of the log multipliers that the prior and the data settled on.
    widening: By what factor the sd of the population's parameters is too small with the clock held
        fixed, the worst of its coordinates, from the joint curvature.
    warnings: What the data cannot support, in words.
    """

    clock: Clock
    table: pd.DataFrame
    spread: float
    widening: float
    warnings: list[str]

    @property
    def learnt(self) -> float:
        """How many multipliers the data settled: 1 each, 0 where all of it is the prior's."""
        kept = self.table[~self.table["pooled"]]
        sd = np.log(kept["q95"] / kept["q05"]) / (2 * _Z90)
        return float(np.maximum(1 - (sd / self.spread) ** 2, 0.0).sum())

    def to_dict(self) -> dict[str, Any]:
        """Return what `fit.json` holds under `calendar`."""
        return {
            **self.clock.calendar.to_dict(),
            "origin": self.clock.origin,
            "spread": self.spread,
            "widening": self.widening,
            "buckets": self.table.to_dict("records"),
        }


def fit_seasons(
    dated: Dated,
    calendar: Calendar,
    *,
    model: str = "mbg_nbd",
    priors: dict[str, str] | None = None,
    spread: str = SPREAD,
) -> Seasons:
    """Learn the multipliers of a calendar.

    dated: Customers by first and last day, all in one group.
    calendar: Buckets.
    model: A model with exponential gaps.
    priors: Prior texts of the population, by natural quantity.
    spread: Prior of the sd of log multipliers, as text; a number fixes it.
    Raises UsageError: Erlang gaps, or a prior that is not of a positive number.
    Raises DataError: An event without a day in the log, or no bucket that can be told from the
        others.
    Raises FitRefusedError: No proper mode.
    """
    prior = check_calendar(model, spread)
    days = DatedDays(dated, calendar)
    free = _free_buckets(days, dated, calendar)
    sd = prior if isinstance(prior, float) else 0.3
    target = ClockTarget(dated, days, free, model, priors, sd)
    mode = _mode(target, None)
    for _ in range(0 if isinstance(prior, float) else _ROUNDS):
        assert not isinstance(prior, float)
        target.sd = _best_spread(target, mode, prior)
        mode = _mode(target, mode)
    return _seasons(target, mode, dated, calendar)


def _mode(target: ClockTarget, near: Mode | None) -> Mode:
    """Return the joint mode, from the mode of the flat calendar or from one near by."""
    if near is None:
        beta = np.zeros(len(target.free))
        even = find_mode(target.population_at(beta)).u
        start = np.concatenate([even, beta])
    else:
        start = near.u
    mode = find_mode(target, start)
    if not mode.proper:
        raise FitRefusedError(
            "the calendar's multipliers and the population have no proper joint mode; fit without "
            "a calendar first, or with fewer buckets (model.calendar=month)."
        )
    return mode


def _best_spread(target: ClockTarget, mode: Mode, prior: Prior) -> float:
    """Return the sd with the highest marginal posterior density of its log.

    The likelihood of beta, u integrated out, is taken as Gaussian from the joint curvature: with
    precision P = V^-1 - I/sd^2 and P b = V^-1 beta, ln p(data | sd) = -J ln sd - ln|P + I/sd^2|/2
    + (P b)' (P + I/sd^2)^-1 (P b) / 2. On the log scale an sd of 0 has no density, so that
    intervals cannot collapse (Chung et al. 2013).
    """
    n = target.n_population
    covariance = np.linalg.inv(-mode.hessian)[n:, n:]
    precision, beta = np.linalg.inv(covariance), mode.u[n:]
    pull = precision @ beta
    roots, axes = np.linalg.eigh(precision - np.eye(len(beta)) / target.sd**2)
    roots, pull = np.maximum(roots, 0.0), axes.T @ pull

    def negative(log_sd: float) -> float:
        sd = np.exp(log_sd)
        both = roots + 1.0 / sd**2
        evidence = -len(beta) * log_sd - 0.5 * np.log(both).sum() + 0.5 * np.sum(pull**2 / both)
        return -float(evidence + prior.logpdf(np.array(sd)) + log_sd)

    found = minimize_scalar(negative, bounds=np.log(_SPREADS), method="bounded")
    return float(np.exp(found.x))


def _seasons(target: ClockTarget, mode: Mode, dated: Dated, calendar: Calendar) -> Seasons:
    n, days = target.n_population, target.calendar
    covariance = np.linalg.inv(-mode.hessian)
    beta = mode.u[n:]
    jacobian = target.jacobian(beta)
    sd = np.zeros(days.n_buckets)
    sd[target.free] = np.sqrt(np.diag(jacobian @ covariance[n:, n:] @ jacobian.T))
    given = np.linalg.inv(-mode.hessian[:n, :n])
    m = target.multipliers(beta)
    pooled = ~np.isin(np.arange(days.n_buckets), target.free)
    low, high = (np.where(pooled, np.nan, m * np.exp(sign * _Z90 * sd)) for sign in (-1, 1))
    table = pd.DataFrame(
        {
            "bucket": calendar.buckets,
            "multiplier": m,
            "q05": low,
            "q95": high,
            "days": days.days.astype(np.int64),
            "customer_days": days.exposure,
            "repeats": days.repeats,
            "pooled": pooled,
        }
    )
    widening = float(np.sqrt((np.diag(covariance[:n, :n]) / np.diag(given)).max()))
    clock = Clock(calendar, tuple(map(float, m)), date(dated.start))
    return Seasons(clock, table, target.sd, widening, _warnings(table, dated, calendar))


def _free_buckets(days: DatedDays, dated: Dated, calendar: Calendar) -> Ints:
    """Return the buckets with enough exposure, refusing events outside of the log."""
    names = calendar.buckets
    for one in dict.fromkeys(r.name for r in calendar.ranges):
        if days.days[names.index(one)] == 0:
            raise DataError(
                f"event {one!r} has no day between {date(dated.start + 1)} and {dated.as_of}, so "
                "its multiplier cannot be learnt; name an occasion inside the data, or drop it."
            )
    even = days.repeats.sum() / max(days.exposure.sum(), 1.0) * days.exposure
    free = np.flatnonzero((even >= FEW_PURCHASES) & (days.days > 0))
    if len(free) < 2:
        raise DataError(
            f"a calendar needs two buckets with {FEW_PURCHASES:.0f} repeat purchases to be expected"
            f" in each; this log has {len(free)}. Leave the calendar out, or give more data."
        )
    return free


def _warnings(table: pd.DataFrame, dated: Dated, calendar: Calendar) -> list[str]:
    found = []
    span = len(dated.days) - 1
    unseen = list(table.loc[table["pooled"] & (table["days"] == 0), "bucket"])
    thin = list(table.loc[table["pooled"] & (table["days"] > 0), "bucket"])
    once = _seen_once(table, calendar.codes(dated.days[1:]))
    if calendar.kind is not None and span < _YEAR:
        found.append(
            f"Calendar: {span} days of data are less than a year, so an effect of the "
            f"{calendar.kind} cannot be told from growth or decay of the rate as customers age: it "
            "comes again only if it was the season."
        )
    elif once:
        found.append(
            f"Calendar: {_listed(once)} seen once, so the multiplier may be that occasion's and "
            "not the season's."
        )
    if len(unseen):
        found.append(
            f"Calendar: {_listed(unseen)} never seen; counted as average days (multiplier 1)."
        )
    if len(thin):
        found.append(
            f"Calendar: {_listed(thin)} with fewer than {FEW_PURCHASES:.0f} repeat purchases to be "
            "expected; counted as average days (multiplier 1)."
        )
    return found


def _seen_once(table: pd.DataFrame, code: Ints) -> list[str]:
    """Return the estimated buckets whose days are one stretch of the log."""
    starts = code[np.concatenate([[True], np.diff(code) != 0])]
    stretches = np.bincount(starts, minlength=len(table))
    return list(table.loc[~table["pooled"] & (stretches == 1), "bucket"])


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:6])
    return shown + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def check_calendar(model: str, spread: str | float) -> Prior | float:
    """Return the prior of the sd of log multipliers, or the number that fixes it.

    Raises UsageError: Erlang gaps, or a prior that is not of a positive number.
    """
    if likelihoods.named(model).regular:
        raise UsageError(
            f"model={model} with a calendar is not built: Erlang gaps on a clock need the date of "
            "every gap. Take mbg_nbd, bg_nbd or pareto_nbd, or leave the calendar out."
        )
    try:
        fixed = float(spread)
    except ValueError:
        prior = parse(str(spread))
        if not prior.fits("positive"):
            raise UsageError(
                f"model.calendar_spread must be a prior of a positive number; got {spread}."
            ) from None
        return prior
    if not 0 < fixed < np.inf:
        raise UsageError(f"model.calendar_spread must be positive; got {spread}.")
    return fixed
