"""What monitoring finds, when, and how often it is wrong: 3,600 purchasers, known truth.

Run with ``python benchmarks/monitor.py [shops]``. Each shop is simulated from MBG/NBD, fitted at
its export, and looked at after every step since; a change begins on the day after the export.
Beside it stands the best test that there can be: the ratio of likelihoods that knows the true
parameters, every purchase to the second, and the change that is looked for.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, roots_jacobi

from churnlab.fitting import fit
from churnlab.models.draws import PopulationDraws
from churnlab.monitor.alarms import FALSE_FAILURES, FALSE_WARNINGS
from churnlab.monitor.evidence import DRAWS, score_step, weigh
from churnlab.monitor.steps import Step, lengths
from churnlab.posterior import Rows
from churnlab.summary import Summary

#: r, alpha, a, b: 1.2 purchases in 48 days, one in ten leaves after a purchase.
THETA = (1.2, 48.0, 0.5, 4.5)
PURCHASERS, HISTORY_DAYS = 3600, 540
LOOKS = (1, 7, 14, 28, 56, 84, 119, 182, 364)


@dataclass(frozen=True)
class Change:
    """What begins on the day after the export."""

    rate: float = 1.0
    dropout: float = 1.0
    kept: float = 1.0
    """Share of the new rows that arrive."""


CHANGES = {
    "nothing": Change(),
    "rate x 0.7": Change(rate=0.7),
    "rate x 1.5": Change(rate=1.5),
    "dropout x 2": Change(dropout=2.0),
    "30% of rows lost": Change(kept=0.7),
}


@dataclass(frozen=True)
class Shop:
    """Purchases in order of customer and time."""

    customer: NDArray[np.int64]
    time: NDArray[np.float64]
    """Days since the first day of the history."""

    def days(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the distinct (customer, day)."""
        both = np.unique(np.column_stack([self.customer, np.floor(self.time)]), axis=0)
        return both[:, 0].astype(np.int64), both[:, 1].astype(np.int64)


def simulate(
    change: Change,
    days_after: int,
    rng: np.random.Generator,
    theta: tuple[float, ...] = THETA,
    purchasers: int = PURCHASERS,
) -> Shop:
    """Simulate a shop whose customers come at a constant pace, also after the export."""
    r, alpha, a, b = theta
    n, export = round(purchasers * (1 + days_after / HISTORY_DAYS)), HISTORY_DAYS
    rate, leave = np.maximum(rng.gamma(r, 1 / alpha, n), 1e-9), rng.beta(a, b, n)
    now = rng.uniform(0, export + days_after, n)
    active, who, when = np.arange(n), [], []
    while active.size:
        who.append(active)
        when.append(now[active])
        toss = np.minimum(leave[active] * np.where(now[active] >= export, change.dropout, 1.0), 1.0)
        active = active[rng.random(active.size) >= toss]
        later = now[active] + rng.exponential(1 / rate[active])
        beyond = np.maximum(later - np.maximum(now[active], export), 0.0)
        now[active] = later - beyond + beyond / change.rate
        active = active[now[active] < export + days_after]
    customer, time = np.concatenate(who), np.concatenate(when)
    kept = (time < export) | (rng.random(len(time)) < change.kept)
    order = np.lexsort((time[kept], customer[kept]))
    return Shop(customer[kept][order], time[kept][order])


def histories(shop: Shop, before: int) -> tuple[NDArray[np.int64], Rows]:
    """Return who bought before a day, and (x, t_x, T) on the day before it."""
    customer, day = shop.days()
    known = day < before
    who, first, n = np.unique(customer[known], return_index=True, return_counts=True)
    day = day[known]
    begin, last = day[first], day[first + n - 1]
    x, t_x, age = (v.astype(np.float64) for v in (n - 1, last - begin, before - 1 - begin))
    return who, Rows(np.zeros(len(who), np.int64), x, t_x, age)


def steps_of(shop: Shop, days_after: int) -> Iterator[Step]:
    """Yield what `churnlab.monitor.steps.steps` would of the shop's log."""
    customer, day = shop.days()
    start = HISTORY_DAYS
    for length in lengths():
        if start + length > HISTORY_DAYS + days_after:
            return
        who, rows = histories(shop, start)
        bought = np.isin(who, customer[(day >= start) & (day < start + length)]).astype(float)
        yield Step(rows, np.ones(len(who)), bought, start - HISTORY_DAYS, length)
        start += length


def fitted(shop: Shop) -> PopulationDraws:
    """Fit the shop as it was at its export."""
    _, rows = histories(shop, HISTORY_DAYS)
    summary = Summary.from_arrays(rows.x, rows.t_x, rows.T, as_of="2024-06-30")
    return fit(summary, seed=1).draws


def curve(shop: Shop, days_after: int) -> dict[int, float]:
    """Return ln evidence by days after the export."""
    draws = fitted(shop).thin(DRAWS)
    scored = [score_step(draws, step) for step in steps_of(shop, days_after)]
    return {s.end: weigh(scored[: i + 1]).log_evidence for i, s in enumerate(scored)}


def oracle(shop: Shop, days_after: int, change: Change, theta: tuple[float, ...] = THETA) -> float:
    """Return ln P(all purchases | changed dropout) - ln P(... | unchanged), all else known."""
    r, alpha, a, b = theta
    who, first, n = np.unique(shop.customer, return_index=True, return_counts=True)
    after = np.bincount(shop.customer, shop.time >= HISTORY_DAYS)[who]
    moved = after > 0  # nobody else tells anything of dropout after a purchase
    birth, last = shop.time[first][moved], shop.time[first + n - 1][moved]
    n, after = n[moved], after[moved]
    node, weight = roots_jacobi(48, b - 1, a - 1)
    p = (node + 1) / 2

    def silent(until: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(-(r + n - 1) * np.log(alpha + until - birth))

    def total(later: NDArray[np.float64]) -> float:
        stayed = (n - after)[:, None] * np.log1p(-p) + (after - 1)[:, None] * np.log1p(-later)
        gone = np.log(later) + silent(last)[:, None]
        here = np.log1p(-later) + silent(np.full(len(n), float(HISTORY_DAYS + days_after)))[:, None]
        mixed = stayed + np.logaddexp(gone, here) + np.log(weight / weight.sum())
        return float(logsumexp(mixed, axis=1).sum())

    return total(np.minimum(change.dropout * p, 1 - 1e-12)) - total(p)


def main(shops: int) -> None:
    """Print the share of shops with an alarm by days after the export, for each change."""
    for name, change in CHANGES.items():
        last = 364 if name == "nothing" else 119
        curves = [curve(_shop(i, change, last), last) for i in range(shops)]
        ends = np.array(list(curves[0]))
        highest = np.maximum.accumulate([list(c.values()) for c in curves], axis=1)
        for word, rate in (("warns", FALSE_WARNINGS), ("fails", FALSE_FAILURES)):
            found = (highest > np.log(1 / rate)).mean(axis=0)
            shares = [f"day {d} {found[ends == d][0]:.2f}" for d in LOOKS if d <= last]
            print(f"{name:18} {word}: {'  '.join(shares)}", flush=True)
        print(f"{name:18} highest ln evidence {highest[:, -1].max():.1f}", flush=True)
    doubled = CHANGES["dropout x 2"]
    for purchasers, last in itertools.product((3600, 15_000, 30_000), (28, 56, 84)):
        ratios = [oracle(_shop(i, doubled, last, purchasers), last, doubled) for i in range(shops)]
        power = np.mean(np.array(ratios) > np.log(1 / FALSE_WARNINGS))
        print(
            f"best test, dropout x 2, {purchasers:,} purchasers, day {last}: finds {power:.2f}, "
            f"mean ln ratio {np.mean(ratios):.1f}",
            flush=True,
        )


def _shop(seed: int, change: Change, days: int, purchasers: int = PURCHASERS) -> Shop:
    return simulate(change, days, np.random.default_rng(seed), purchasers=purchasers)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
