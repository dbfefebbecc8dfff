"""Flat cohorts: how many there are after day n, and how many chance alone would make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churnlab.nday.data import CohortCounts
from churnlab.types import Array


@dataclass(frozen=True)
class FlatShare:
    """Share of cohorts without any conversion in a span, beside the share expected from chance.

    Parameters
    ----------
    first_age, last_age : int
        The span, both included.
    cohorts : int
        Cohorts followed through the span.
    share : float
        Of these, without a conversion in it.
    expected, expected_q05, expected_q95 : float
        Under the fitted curve: each cohort's unconverted stay so with probability
        (1 - G(b)) / (1 - G(a - 1)) each, so small cohorts are flat by chance.
    p : float
        Probability of a share at least as high under the fitted curve.
    median_unconverted : float
        Size that drives chance: with 1% still to come, 50 are flat with probability .61.
    """

    first_age: int
    last_age: int
    cohorts: int
    share: float
    expected: float
    expected_q05: float
    expected_q95: float
    p: float
    median_unconverted: float


def chance_flat(rate: float, unconverted: float) -> float:
    """(1 - rate)^unconverted: probability of a perfectly flat cohort."""
    return float((1.0 - rate) ** unconverted)


def flat_share(
    counts: CohortCounts, G: Array, first_age: int, last_age: int, rng: np.random.Generator
) -> FlatShare:
    """Count the flat cohorts and simulate how many chance makes.

    Parameters
    ----------
    counts : CohortCounts
        Daily cohorts.
    G : array (draw, age)
        Population curve draws.
    first_age, last_age : int
        Span of ages, both included.
    """
    followed = counts.horizon >= last_age
    part = counts.select(followed)
    left = part.signups - part.conversions[:, :first_age].sum(axis=1)
    if len(left) == 0:
        nan = float("nan")
        return FlatShare(first_age, last_age, 0, nan, nan, nan, nan, nan, nan)
    flat = part.conversions[:, first_age : last_age + 1].sum(axis=1) == 0
    before = G[:, first_age - 1] if first_age > 0 else np.zeros(len(G))
    stay = (1.0 - G[:, last_age]) / np.maximum(1.0 - before, 1e-12)
    chance = stay[:, None] ** left[None, :]
    made = (rng.random(chance.shape) < chance).mean(axis=1)
    share = float(flat.mean())
    low, high = np.quantile(made, [0.05, 0.95])
    return FlatShare(
        first_age=first_age,
        last_age=last_age,
        cohorts=len(left),
        share=share,
        expected=float(chance.mean()),
        expected_q05=float(low),
        expected_q95=float(high),
        p=float(np.mean(made >= share - 1e-12)),
        median_unconverted=float(np.median(left)),
    )
