"""Flat cohorts: how many there are after day n, and how many chance alone would make."""

import numpy as np
import pandas as pd

from churnlab.nday.data import CohortCounts
from churnlab.nday.draws import around
from churnlab.types import Array

#: Days that a cohort must be flat for, at most: after them it is not followed further.
SPAN_DAYS = 10
#: Before this age no cohort is expected to be flat.
FIRST_AGE = 3


def chance_flat(rate: float, unconverted: float) -> float:
    """(1 - rate)^unconverted: probability of a perfectly flat cohort."""
    return float((1.0 - rate) ** unconverted)


def flat_table(counts: CohortCounts, G: Array, rng: np.random.Generator) -> pd.DataFrame:
    """Flat cohorts beside chance, for spans from every age to `SPAN_DAYS` later or the end.

    Returns: `flat_share`'s figures by span, with `after_n` and `through` in the configured day
        count.
    """
    pooled, index, last = counts.pooled(), counts.day_index, counts.last_age
    rows = []
    for first in range(FIRST_AGE, last - 2):
        through = min(first + SPAN_DAYS - 1, last)
        found = flat_share(pooled, G, first, through, rng)
        if found is not None:
            rows.append({**found, "after_n": first + index - 1, "through": through + index})
    return pd.DataFrame(rows)


def flat_share(
    counts: CohortCounts, G: Array, first_age: int, last_age: int, rng: np.random.Generator
) -> dict[str, float] | None:
    """Count the flat cohorts of a span and simulate how many chance makes.

    counts: Daily cohorts.
    G (draw, age): Population curve draws.
    first_age, last_age: Span of ages, both included.
    Returns: None where no cohort is followed through the span. `cohorts` that are; `share` of these
        without a conversion in it; `expected`, `expected_q05`, `expected_q95` under the fitted
        curve, where each unconverted stays so with probability (1 - G(b)) / (1 - G(a - 1)), so that
        small cohorts are flat by chance; `p`, the probability of a share at least as high;
        `median_unconverted`, the size that drives chance.
    """
    part = counts.select(counts.horizon >= last_age)
    left = part.signups - part.conversions[:, :first_age].sum(axis=1)
    if len(left) == 0:
        return None
    flat = part.conversions[:, first_age : last_age + 1].sum(axis=1) == 0
    before = G[:, first_age - 1] if first_age > 0 else np.zeros(len(G))
    stay = (1.0 - G[:, last_age]) / np.maximum(1.0 - before, 1e-12)
    chance = stay[:, None] ** left[None, :]
    made = (rng.random(chance.shape) < chance).mean(axis=1)
    share = float(flat.mean())
    expected, low, high = around(made, mean=chance.mean())
    return {
        "cohorts": len(left),
        "share": share,
        "expected": float(expected),
        "expected_q05": float(low),
        "expected_q95": float(high),
        "p": float(np.mean(made >= share - 1e-12)),
        "median_unconverted": float(np.median(left)),
    }
