"""The AUC under resampled customers: candidates scored on the same draw are paired."""

import numpy as np

from churnlab.metrics.binary import placements
from churnlab.metrics.bootstrap import CustomerBootstrap
from churnlab.types import Array, Ints


def replicated_auc(
    drawn: CustomerBootstrap, customer: Ints, score: Array, outcome: Array
) -> tuple[float, Array]:
    """Return the AUC, and (replicate,) its values under resampled customers to first order.

    A resample changes both classes and with them every comparison; up to terms of order 1/n, where
    the spread is of order n^(-1/2), the AUC moves by the sum of what the mean placement moves in
    either class, others held. That needs sums only. Source: DeLong, DeLong, Clarke-Pearson (1988),
    Biometrics 44: 837-845 (the same expansion, for the variance).

    customer (row,): Whose rows they are.
    score, outcome: array (row,).
    """
    placed = placements(score, outcome)
    columns = [outcome * placed, outcome, (1 - outcome) * placed, 1 - outcome]
    area = float(columns[0].sum() / outcome.sum()) if 0 < outcome.sum() < outcome.size else np.nan
    hits, events, quiet, others = drawn.sums(customer, columns)
    with np.errstate(invalid="ignore", divide="ignore"):
        many: Array = hits / events + quiet / others - area
    return area, np.clip(many, 0.0, 1.0)
