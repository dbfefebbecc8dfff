"""What decisions cost: a contact wasted, a churn missed.

Both are regrets: contacting someone who would have bought costs `wasted`; leaving alone someone
who does not buy costs `missed`. The other two outcomes cost nothing (see DOMAIN section 3).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from churnlab.metrics._arrays import (
    Array,
    as_outcome,
    as_vector,
    as_weight,
    run_starts,
    same_length,
    segment_sums,
)


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


class _Cuts:
    """Every distinct cut of a score, sorted once; costs under many weights by cumulative sums.

    Cut j flags the j highest distinct scores; j = 0 flags nobody, j = distinct flags all.
    """

    def __init__(self, score: Array, outcome: Array) -> None:
        self.order = np.argsort(-score, kind="stable")
        self.sorted = score[self.order]
        self.starts = run_starts(-self.sorted)
        self.distinct = self.sorted[self.starts]
        self.outcome = outcome[self.order]

    def costs(self, weight: Array, wasted: float, missed: float) -> Array:
        """Return the mean cost of each cut under `weight` (n,), shape (distinct + 1,)."""
        w = weight[self.order]
        events = segment_sums(w * self.outcome, self.starts)
        others = segment_sums(w * (1 - self.outcome), self.starts)
        flagged_others = np.r_[0.0, np.cumsum(others)]
        missed_events = np.r_[0.0, np.cumsum(events)]
        missed_events = missed_events[-1] - missed_events
        return (wasted * flagged_others + missed * missed_events) / w.sum()

    def value(self, j: int, lowest: float, highest: float) -> float:
        """Return the cut as a score: half way between the last flagged and the first not."""
        if j == 0:
            return max(highest, float(self.distinct[0]))
        if j == self.distinct.size:
            return min(lowest, float(self.distinct[-1]))
        return float((self.distinct[j - 1] + self.distinct[j]) / 2)


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
    return least_cost_cuts(s, y, as_weight(weight, s)[None, :], wasted, missed, lowest, highest)[0]


def least_cost_cuts(
    score: Array,
    outcome: Array,
    weights: Array,
    wasted: float,
    missed: float,
    lowest: float = 0.0,
    highest: float = 1.0,
) -> Array:
    """Return the least-cost cut under each row of `weights` (replicate, n)."""
    cuts = _Cuts(score, outcome)
    best = [int(np.argmin(cuts.costs(w, wasted, missed).round(12))) for w in weights]
    return np.array([cuts.value(j, lowest, highest) for j in best])


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
    w = as_weight(weight, s)
    best = float(_Cuts(s, y).costs(w, wasted, missed).min())
    return realised_cost(s, y, cut, wasted, missed, w) - best


def cost_curve(
    score: ArrayLike,
    outcome: ArrayLike,
    cuts: ArrayLike,
    wasted: float,
    missed: float,
    weight: ArrayLike | None = None,
) -> pd.DataFrame:
    """Table of what each cut does.

    Returns
    -------
    DataFrame
        threshold, flagged_share, precision, recall, cost_per_customer.
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
