"""What decisions cost: a contact wasted, a churn missed.

Both are regrets: contacting someone who would have bought costs `wasted`; leaving alone someone
who does not buy costs `missed`. The other two outcomes cost nothing (docs/backtesting.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from churnlab.metrics._arrays import as_outcome, as_vector, as_weight, same_length
from churnlab.metrics.bootstrap import CustomerBootstrap, score_levels
from churnlab.types import Array, Ints


def cost_of_flags(flag: ArrayLike, outcome: ArrayLike, wasted: float, missed: float) -> Array:
    """Cost per customer of the decision `flag` (1 = contact) given what happened."""
    f, y = as_outcome(np.asarray(flag, dtype=np.float64)), as_outcome(outcome)
    same_length(f, y)
    return wasted * f * (1 - y) + missed * (1 - f) * y


def realised_cost(
    score: ArrayLike,
    outcome: ArrayLike,
    cut: float,
    wasted: float,
    missed: float,
    weight: ArrayLike | None = None,
) -> float:
    """Mean cost per customer of contacting those with score >= cut."""
    s = as_vector(score, "score")
    costs = cost_of_flags(s >= cut, outcome, wasted, missed)
    return float(np.average(costs, weights=as_weight(weight, s)))


class Ranked(NamedTuple):
    """Customers and events at each distinct score, the highest first, in one or many resamples.

    Cut j flags the j highest scores; j = 0 flags nobody.
    """

    score: Array
    """(level,)"""
    size: Array
    """(level, replicate): customers."""
    events: Array
    """(level, replicate): customers whose outcome is 1."""

    @classmethod
    def of(cls, score: Array, outcome: Array, weight: ArrayLike | None = None) -> Ranked:
        """Rank the data themselves: one replicate, every distinct score."""
        w = as_weight(weight, score)
        distinct, code = np.unique(score, return_inverse=True)
        size, events = np.bincount(code, w), np.bincount(code, w * outcome)
        return cls(distinct[::-1], size[::-1, None], events[::-1, None])

    @classmethod
    def resampled(
        cls,
        score: Array,
        outcome: Array,
        customer: Ints,
        drawn: CustomerBootstrap,
        row: Ints | None = None,
    ) -> Iterator[Ranked]:
        """Rank every resample of the customers, in blocks of replicates.

        score, outcome (row,): Of rows that stand for one or several customers each.
        customer, row (member,): Who is in which row; without `row` member i is in row i.
        """
        row = np.arange(score.size) if row is None else row
        levels, code = score_levels(
            score, np.bincount(row, minlength=score.size).astype(np.float64)
        )
        key = 2 * (levels.size - 1 - code) + (outcome == 1)
        for table in drawn.counts(customer, key[row], 2 * levels.size):
            others, events = table[0::2], table[1::2]
            yield cls(levels[::-1], others + events, events)

    def costs(self, wasted: float, missed: float) -> Array:
        """Return the mean cost of each cut, (level + 1, replicate)."""
        none = np.zeros((1, self.size.shape[1]))
        flagged = np.concatenate([none, np.cumsum(self.size, axis=0)])
        hit = np.concatenate([none, np.cumsum(self.events, axis=0)])
        values: Array = (wasted * (flagged - hit) + missed * (hit[-1] - hit)) / flagged[-1]
        return values

    def cut(self, j: int, lowest: float = 0.0, highest: float = 1.0) -> float:
        """Return cut j as a score: half way between the last flagged and the first not."""
        if j == 0:
            return max(highest, float(self.score[0]))
        if j == self.score.size:
            return min(lowest, float(self.score[-1]))
        return float((self.score[j - 1] + self.score[j]) / 2)


def least_cost_cut(
    score: ArrayLike,
    outcome: ArrayLike,
    wasted: float,
    missed: float,
    weight: ArrayLike | None = None,
    *,
    lowest: float = 0.0,
    highest: float = 1.0,
) -> float:
    """Return the cut with the least realised cost.

    It is the same cut as mapping the score to the outcome by isotonic regression and flagging
    where the mapped rate passes wasted / (wasted + missed) (a test holds the two together).
    Ties go to the higher cut (fewer contacts). `lowest` stands for "all", `highest` for "nobody".
    """
    s, y = as_vector(score, "score"), as_outcome(outcome)
    same_length(s, y)
    ranked = Ranked.of(s, y, weight)
    return float(least_cost_cuts(ranked, wasted, missed, lowest, highest)[0])


def least_cost_cuts(
    ranked: Ranked, wasted: float, missed: float, lowest: float = 0.0, highest: float = 1.0
) -> Array:
    """Return the least-cost cut under each replicate."""
    best = ranked.costs(wasted, missed).round(12).argmin(axis=0)
    return np.array([ranked.cut(int(j), lowest, highest) for j in best])


def regret(
    score: ArrayLike,
    outcome: ArrayLike,
    cut: float,
    wasted: float,
    missed: float,
    weight: ArrayLike | None = None,
) -> float:
    """Return the cost of `cut` beyond the best cut in hindsight of the same score (>= 0)."""
    s, y = as_vector(score, "score"), as_outcome(outcome)
    best = float(Ranked.of(s, y, weight).costs(wasted, missed).min())
    return realised_cost(s, y, cut, wasted, missed, weight) - best


def cost_curve(
    score: ArrayLike,
    outcome: ArrayLike,
    cuts: ArrayLike,
    wasted: float,
    missed: float,
    weight: ArrayLike | None = None,
) -> pd.DataFrame:
    """Table of what each cut does.

    Returns: threshold, flagged_share, precision, recall, cost_per_customer.
    """
    s, y = as_vector(score, "score"), as_outcome(outcome)
    same_length(s, y)
    w = as_weight(weight, s)
    at = as_vector(cuts, "cuts")
    order = np.argsort(s, kind="stable")
    position = np.searchsorted(s[order], at, side="left")
    total, events = w.sum(), float((w * y).sum())
    flagged = total - np.r_[0.0, np.cumsum(w[order])][position]
    hit = events - np.r_[0.0, np.cumsum((w * y)[order])][position]
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(flagged > 0, hit / flagged, np.nan)
        recall = np.where(events > 0, hit / events, np.nan)
    cost = (wasted * (flagged - hit) + missed * (events - hit)) / total
    columns = {"threshold": at, "flagged_share": flagged / total, "precision": precision}
    return pd.DataFrame({**columns, "recall": recall, "cost_per_customer": cost})
