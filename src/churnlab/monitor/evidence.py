"""Sequential evidence that customers buy at another rate than the bundle forecasts.

Week by week since the export, who buys is forecast one step ahead from all that is known at the
start of the week. Under a factor c on the rate, a customer who stays silent with probability q does
so with q^c. The evidence is a ratio of probabilities of all that was seen,

    E = mean over first weeks s, alternatives c, draws of P(weeks | draw, 1 before s, c from s on)
        / max over tolerated c of (mean over draws of P(weeks | draw, c)).

If some tolerated c is the truth, E is at most a non-negative martingale of mean one, so the
probability that it *ever* exceeds 1/a is at most a, however often one looks (Ville's inequality;
the maximum is that of universal inference, Wasserman, Ramdas and Balakrishnan, PNAS 2020).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp

from churnlab.bundle import ScoringBundle
from churnlab.events import EventLog
from churnlab.posterior import RiskConfig, risk_by_draw
from churnlab.summary import summarise
from churnlab.types import Array

WEEK = 7
#: Factors on the rate that count as no change, and those that are looked for.
TOLERANCE = 0.1
TOLERATED = np.exp(np.linspace(-1, 1, 5) * np.log1p(TOLERANCE))
_UNCHANGED = 2
ALTERNATIVES = np.array([0.25, 0.4, 0.55, 0.7, 0.8, 1.25, 1.5, 2.0, 3.0])
#: Draws that stand for the bundle's: the parameters' uncertainty, at a quarter of the work.
_DRAWS = 16

#: Who is looked at, and what moves them.
STRATA = {
    "all purchasers": "the rate of buying, or rows that are lost",
    "silent since the export": "the rate of those the dates were made for",
    "bought since the export": "dropout after a purchase, or who the new customers are",
}


class Evidence(NamedTuple):
    """What the weeks since the export say of one group of customers."""

    who: str
    weeks: int
    expected: float
    """Buyers forecast, summed over the weeks."""
    observed: float
    log_evidence: float
    """ln E of a change beyond the tolerated."""


class _Week(NamedTuple):
    """One week: per cell and group the customers, the buyers, and the probability of silence."""

    customers: Array
    """(stratum, cell)"""
    buyers: Array
    """(stratum, cell)"""
    quiet: Array
    """(cell, draw)"""


def evidence(rules: ScoringBundle, log: EventLog) -> list[Evidence]:
    """Return the evidence of each of `STRATA` over the whole weeks since the export.

    Parameters
    ----------
    rules : ScoringBundle
        The bundle; its draws stay as they are, the customers' histories grow.
    log : EventLog
        All history up to now.
    """
    factors = np.concatenate([TOLERATED, ALTERNATIVES])
    scores, counts = [], np.zeros((len(STRATA), 2))
    for week in _weeks(rules, log):
        scores.append(_log_probability(week, factors))
        forecast = week.customers @ (1 - week.quiet.mean(axis=1))
        counts += np.column_stack([forecast, week.buyers.sum(axis=1)])
    if not scores:
        return []
    found = _log_evidence(np.stack(scores))
    return [
        Evidence(who, len(scores), float(expected), float(observed), float(found[i]))
        for i, (who, (expected, observed)) in enumerate(zip(STRATA, counts, strict=True))
    ]


def _weeks(rules: ScoringBundle, log: EventLog) -> Iterator[_Week]:
    days = log.days("purchases")
    draws = rules.purchases.draws.thin(_DRAWS)
    window = RiskConfig(basis="fixed_days", horizon_days=WEEK)
    exported = pd.Timestamp(rules.as_of)
    start = rules.as_of
    while start + dt.timedelta(WEEK) <= log.as_of:
        summary = summarise(log, start, group=rules.grouping or None)
        people, cell = summary.customers, summary.customers["cell"].to_numpy()
        begin, end = pd.Timestamp(start), pd.Timestamp(start) + pd.Timedelta(days=WEEK)
        bought = days.loc[(days["day"] > begin) & (days["day"] <= end), "customer_id"].unique()
        buys = people["customer_id"].isin(bought).to_numpy()
        fresh = (people["last_purchase_at"] > exported).to_numpy()
        n = len(summary.cells)
        strata = (np.ones(len(people), bool), ~fresh, fresh)
        yield _Week(
            np.stack([_count(cell[s], n) for s in strata]),
            np.stack([_count(cell[s & buys], n) for s in strata]),
            risk_by_draw(draws, summary.cells, window),
        )
        start += dt.timedelta(WEEK)


def _count(cell: NDArray[np.int64], n: int) -> Array:
    return np.bincount(cell, minlength=n).astype(float)


def _log_probability(week: _Week, factors: Array) -> Array:
    """Return ln P(week | draw, factor) per group, (stratum, factor, draw)."""
    log_quiet = np.log(np.clip(week.quiet, 1e-300, 1 - 1e-12))
    silent = week.customers - week.buyers
    out = np.empty((len(week.customers), len(factors), week.quiet.shape[1]))
    for i, factor in enumerate(factors):
        scaled = factor * log_quiet
        out[:, i] = week.buyers @ np.log(-np.expm1(scaled)) + silent @ scaled
    return out


def _log_evidence(scores: Array) -> Array:
    """Return ln E per group from ln P of each week, (week, stratum, factor, draw).

    A change may begin with any week s = 0, 1, ...; it weighs 1 / ((s + 1) (s + 2)), which sums to
    one over all weeks to come, so that a change after a quiet year is not held against that year.
    """
    tolerated, others = np.split(scores, [len(TOLERATED)], axis=2)
    before = np.cumsum(tolerated[:, :, [_UNCHANGED]], axis=0) - tolerated[:, :, [_UNCHANGED]]
    since = np.cumsum(others[::-1], axis=0)[::-1]
    first = np.arange(len(scores))[:, None, None, None]
    begun = before + since - np.log((first + 1) * (first + 2))
    changed = logsumexp(begun, axis=(0, 2, 3)) - np.log(len(ALTERNATIVES) * scores.shape[3])
    same = logsumexp(tolerated.sum(axis=0), axis=2) - np.log(scores.shape[3])
    return np.asarray(changed - same.max(axis=1))
