"""Paired differences between candidates, with intervals that resample customers.

Windows of different origins share customers and outcomes: the unit drawn is the customer, with
all their rows, and both candidates are scored on the same draw.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from churnlab.metrics._arrays import as_vector, same_length
from churnlab.metrics.binary import placements
from churnlab.metrics.bootstrap import CustomerBootstrap, cluster_codes
from churnlab.types import Array, Ints


class Difference(NamedTuple):
    """A paired difference ``a - b``."""

    value: float
    low: float
    high: float
    n_customers: int
    share_below: float
    """Share of the replicates below zero: how sure it is that `a` scores lower."""


def paired_difference(
    score_a: ArrayLike,
    score_b: ArrayLike,
    customer: ArrayLike,
    rng: np.random.Generator,
    *,
    replicates: int = 500,
    level: float = 0.9,
) -> Difference:
    """Difference of two mean scores (Brier, log score, cost, CRPS: one value per row).

    Parameters
    ----------
    score_a, score_b : array (row,)
        Scores of both candidates on the same rows (customer x origin).
    customer : array (row,)
        Who the row belongs to: the cluster that is resampled.
    """
    a, b = as_vector(score_a, "score_a"), as_vector(score_b, "score_b")
    same_length(a, b)
    codes, n = cluster_codes(customer)
    drawn = CustomerBootstrap(n, replicates, rng)
    total, rows = drawn.sums(codes, [a - b, np.ones(a.size)])
    return _summarise(float((a - b).mean()), total / rows, n, level)


def replicated_auc(
    drawn: CustomerBootstrap, customer: Ints, score: Array, outcome: Array
) -> tuple[float, Array]:
    """Return the AUC, and (replicate,) its values under resampled customers to first order.

    A resample changes both classes and with them every comparison; up to terms of order 1/n, where
    the spread is of order n^(-1/2), the AUC moves by the sum of what the mean placement moves in
    either class, others held. That needs sums only. Source: DeLong, DeLong, Clarke-Pearson (1988),
    Biometrics 44: 837-845 (the same expansion, for the variance).

    Parameters
    ----------
    customer : array of int (row,)
        Whose rows they are.
    score, outcome : array (row,)
    """
    placed = placements(score, outcome)
    columns = [outcome * placed, outcome, (1 - outcome) * placed, 1 - outcome]
    area = float(columns[0].sum() / outcome.sum()) if 0 < outcome.sum() < outcome.size else np.nan
    hits, events, quiet, others = drawn.sums(customer, columns)
    with np.errstate(invalid="ignore", divide="ignore"):
        many: Array = hits / events + quiet / others - area
    return area, np.clip(many, 0.0, 1.0)


def _summarise(value: float, replicated: Array, n: int, level: float) -> Difference:
    tail = (1 - level) / 2
    low, high = np.nanquantile(replicated, (tail, 1 - tail))
    return Difference(value, float(low), float(high), n, float((replicated < 0).mean()))
