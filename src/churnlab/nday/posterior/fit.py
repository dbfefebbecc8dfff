"""Posterior of the conversion curve from counts: exact draws, whatever the curve's shape.

    y_a of r_a unconverted convert at age a:    h_a ~ Beta(e + y_a, 1/2 + r_a - y_a),   e = 1/A

A the number of ages, so that the prior weighs one conversion over the whole window: Jeffreys' half
a conversion *per age* would nearly double ten late ones. Ages are independent: nothing is smoothed
across a drop. Cohorts differ by more than chance; their levels (gamma, mean 1, variance by moments)
widen the pooled curve by the variance of the average level, and spread cohorts to come. Weekdays,
campaigns and groups have levels of their own, shrunk to 1; a group's ages are shrunk to the pooled
shape.

References
----------
Hjort (1990), Annals of Statistics 18 (beta processes for discrete hazards).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.nday.data import CohortConfig, CohortCounts, level_columns, level_names
from churnlab.nday.posterior.levels import level_draws, level_variance, worth_draws
from churnlab.types import Array

_ALMOST_ALL = 1 - 1e-9


@dataclass(frozen=True)
class ConversionFit:
    """Posterior draws of the daily hazard, pooled and by group, and of what moves cohorts.

    rates (draw, age): -log(1 - hazard) per group, and of all cohorts together under ``all``.
    effects (draw,): Levels of weekdays and campaigns (``weekday_mon``, ``campaign_NAME``) against
        the average.
    variance: Of the cohort levels: 0.04 means that cohorts differ by 20% beyond chance.
    config: How the cohorts were cut.
    seconds: Time of the fit.
    """

    rates: dict[str, Array]
    effects: dict[str, Array]
    variance: float
    config: CohortConfig
    seconds: float
    name: str = "counts"
    method: str = "conjugate"

    @property
    def draws(self) -> int:
        """How many posterior draws there are."""
        return len(self.rates["all"])

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups the fit has seen; ``all`` alone without groups."""
        return tuple(g for g in self.rates if g != "all") or ("all",)

    @property
    def table(self) -> pd.DataFrame:
        """`parameter`, `mean`, `sd`, `q05`, `q95`: conversion, spread of cohorts, levels."""
        drawn = {f"converted_{g}": -np.expm1(-r.sum(axis=1)) for g, r in self.rates.items()}
        spread = {"cohort_spread": np.full(self.draws, np.sqrt(self.variance))}
        values = drawn | spread | self.effects
        rows = [(k, v.mean(), v.std(), *np.quantile(v, [0.05, 0.95])) for k, v in values.items()]
        return pd.DataFrame(rows, columns=["parameter", "mean", "sd", "q05", "q95"])

    def cohort_levels(self, counts: CohortCounts, rows: NDArray[np.int64]) -> Array:
        """Known level of each cohort, (draw, cohort): its weekday's times its campaigns'."""
        names = tuple(self.effects)
        if not names:
            return np.ones((len(rows), len(counts.cohorts)))
        logs = np.log(np.stack([self.effects[name][rows] for name in names], axis=1))
        return np.asarray(np.exp(logs @ level_columns(counts, self.config, names).T))

    def cohort_rates(self, counts: CohortCounts, row: int) -> Array:
        """Rates of each cohort's group in one draw, (cohort, age); unseen: all together."""
        known = [g if g in self.rates else "all" for g in counts.cohorts["group"]]
        return np.stack([self.rates[g][row] for g in known])


def fit_conversion(
    counts: CohortCounts, config: CohortConfig, *, draws: int = 1000, rng: np.random.Generator
) -> ConversionFit:
    """Draw the conversion curve from cohort counts.

    counts: Cohort x age counts up to their `as_of`.
    config: Weekdays and campaigns.
    rng: Same state, same result.
    """
    began = time.perf_counter()
    pooled = Pooled.of(counts)
    hazard = _hazard_draws(pooled, draws, rng)
    base = -np.log1p(-hazard)
    by_group = _group_rates(counts, base, draws, rng)
    effects = _effects(counts, config, pooled, draws, rng)
    wide = pooled.average_level(pooled.variance, draws, rng)
    rates = {"all": base * wide} | {g: r * wide for g, r in by_group.items()}
    return ConversionFit(rates, effects, pooled.variance, config, time.perf_counter() - began)


@dataclass(frozen=True)
class Pooled:
    """Events and unconverted by age, and what each cohort was expected to convert."""

    events: Array
    at_risk: Array
    seen: Array
    expected: Array
    variance: float

    @classmethod
    def of(cls, counts: CohortCounts) -> Pooled:
        """Pool cohorts; their spread is what is left beyond their group's own hazard."""
        y, r = counts.conversions.astype(float), counts.at_risk.astype(float)
        expected, noise = np.zeros(len(y)), np.zeros(len(y))
        for group in counts.groups:
            own = (counts.cohorts["group"] == group).to_numpy()
            h = y[own].sum(axis=0) / np.maximum(r[own].sum(axis=0), 1.0)
            expected[own], noise[own] = r[own] @ h, r[own] @ (h * (1 - h))
        seen = y.sum(axis=1)
        variance = level_variance(seen, expected, noise)
        return cls(y.sum(axis=0), r.sum(axis=0), seen, expected, variance)

    def average_level(self, variance: float, n: int, rng: np.random.Generator) -> Array:
        """Level of the average cohort, (draw, 1): its variance shrinks with the cohorts."""
        share = float((self.expected**2).sum() / max(self.expected.sum(), 1e-12) ** 2)
        shape = 1.0 / (variance * share)
        return rng.gamma(shape, size=(n, 1)) / shape


def _hazard_draws(pooled: Pooled, draws: int, rng: np.random.Generator) -> Array:
    size = len(pooled.events)
    failures = 0.5 + pooled.at_risk - pooled.events
    drawn = rng.beta(1.0 / size + pooled.events, failures, size=(draws, size))
    return np.minimum(drawn, _ALMOST_ALL)


def _group_rates(
    counts: CohortCounts, base: Array, draws: int, rng: np.random.Generator
) -> dict[str, Array]:
    """Partial pooling: a group's level is shrunk to 1, its ages to the pooled shape.

    The pooled shape is worth so many conversions of its own, early and late in proportion. How many
    is read off quarters of the conversions and not off days: groups that go flat on different days
    are alike on most of them, and the late days, which the decision rests on, would be smoothed.
    """
    if len(counts.groups) < 2:
        return {}
    code, n = counts.group_codes, len(counts.groups)
    events, at_risk = np.zeros((2, n, base.shape[1]))
    np.add.at(events, code, counts.conversions)
    np.add.at(at_risk, code, counts.at_risk)
    # Those who convert are exposed for half of their day.
    exposed = at_risk - events / 2
    rate = base.mean(axis=0)
    total, mean = events.sum(axis=1), (exposed * rate).sum(axis=1)
    worth = worth_draws(total, mean, 1.0, draws, rng)
    level = rng.gamma(worth + total) / (worth + mean)
    share = np.exp(-np.cumsum(rate) + rate) - np.exp(-np.cumsum(rate))
    share = share / share.sum()
    quarter = np.eye(4)[(4 * (np.cumsum(share) - share / 2)).astype(int)]
    expected = exposed * rate * level.mean(axis=0)[:, None]
    worth = worth_draws(events @ quarter, expected @ quarter, share @ quarter, draws, rng)
    out = {}
    for g, group in enumerate(counts.groups):
        own = base * level[:, [g]]
        prior = worth * share
        out[group] = own * rng.gamma(prior + events[g]) / (prior + exposed[g] * own)
    return out


def _effects(
    counts: CohortCounts, config: CohortConfig, pooled: Pooled, draws: int,
    rng: np.random.Generator,
) -> dict[str, Array]:  # fmt: skip
    """Levels of weekdays and campaigns, each kind with a spread of its own."""
    out: dict[str, Array] = {}
    for own in level_names(counts, config).values():
        if not own:
            continue
        inside = level_columns(counts, config, own)
        seen, expected = inside.T @ pooled.seen, inside.T @ pooled.expected
        # Cohorts of a weekday differ among themselves as well.
        noise = expected + pooled.variance * (inside.T @ pooled.expected**2)
        heat = noise / np.maximum(expected, 1e-12)
        spread = level_variance(seen, expected, noise)
        drawn = level_draws(seen / heat, expected / heat, spread, draws, rng)
        out |= dict(zip(own, drawn.T, strict=True))
    return out
