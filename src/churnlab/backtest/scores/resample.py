"""One bootstrap of customers for everything: scores, differences and costs share its draws.

The customer is drawn with all rows at all origins: overlapping windows share outcomes, so
customers x origins are never taken as independent. A pooled figure is the mean over origins.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from churnlab.backtest.origins.panel import Array
from churnlab.backtest.scores.board import Entry
from churnlab.metrics.binary import auc_of_weights, log_losses
from churnlab.metrics.paired import cluster_weights

#: AUC costs a sort per candidate and a pass per replicate: fewer of them.
_AUC_REPLICATES = 100
_LEVELS = (0.05, 0.95)


class Resample:
    """Bootstrap weights of all customers, and replicated metrics of entries.

    Parameters
    ----------
    n_customers : int
        Customers of the panel.
    replicates : int
        Bootstrap replicates.
    rng : Generator
        Draws the customers.
    """

    def __init__(self, n_customers: int, replicates: int, rng: np.random.Generator) -> None:
        self.weights = cluster_weights(n_customers, replicates, rng).astype(np.float32)
        self._replicated: dict[tuple[int, str], Array] = {}
        self._gathered: tuple[dt.date, NDArray[np.float32]] | None = None

    def weights_at(self, entry: Entry) -> NDArray[np.float32]:
        """Return the weights of the customers of an origin, (replicate, customer)."""
        origin = entry.truth.origin
        if self._gathered is None or self._gathered[0] != origin:
            self._gathered = (origin, self.weights[:, entry.truth.past.customer])
        return self._gathered[1]

    def mean(self, entry: Entry, losses: Array) -> Array:
        """Return the replicated mean of a per-customer score."""
        weights = self.weights_at(entry)
        total = weights @ losses.astype(np.float32)
        return (total / weights.sum(axis=1)).astype(np.float64)

    def metric(self, entry: Entry, name: str) -> Array | None:
        """Return the replicated metric (replicate,), or None when it has none."""
        key = (id(entry), name)
        if key not in self._replicated:
            found = self._compute(entry, name)
            if found is None:
                return None
            self._replicated[key] = found
        return self._replicated[key]

    def _compute(self, entry: Entry, name: str) -> Array | None:
        outcome = entry.truth.outcome
        if name == "auc":
            weights = self.weights_at(entry)[:_AUC_REPLICATES].astype(np.float64)
            blocks = np.array_split(weights, max(1, weights.size // 500_000))
            return np.concatenate([auc_of_weights(entry.score, outcome, b) for b in blocks])
        if name == "crps" and entry.crps is not None:
            return self.mean(entry, entry.crps)
        if entry.risk is None:
            return None
        if name == "brier":
            return self.mean(entry, (entry.risk - outcome) ** 2)
        if name == "log_score":
            return self.mean(entry, log_losses(entry.risk, outcome))
        return None

    def interval(self, entry: Entry, name: str) -> tuple[float, float]:
        """Return the 90% interval of a metric of one entry (NaN where there is none)."""
        if name == "auc" and entry.variant == "recalibrated":
            return np.nan, np.nan  # the ranking of the plain candidate, up to ties
        found = self.metric(entry, name)
        return (np.nan, np.nan) if found is None else quantiles(found)


def quantiles(values: Array) -> tuple[float, float]:
    """Return the 5% and 95% quantiles, NaN ignored."""
    if np.isnan(values).all():
        return float("nan"), float("nan")
    low, high = np.nanquantile(values, _LEVELS)
    return float(low), float(high)


def simultaneous_high(values: Sequence[float], replicated: Sequence[Array]) -> Array:
    """Return upper 95% bounds that hold for all differences together.

    The best of many candidates looks better than it is; the bound is widened by the bootstrap
    quantile of the largest studentised deviation (max-t).

    Parameters
    ----------
    values : sequence of float
        Differences candidate - bar.
    replicated : sequence of array (replicate,)
        Their bootstrap replicates, on the same draws.
    """
    point, draws = np.asarray(values), np.stack(replicated)
    spread = np.maximum(draws.std(axis=1), 1e-12)
    worst = ((draws - point[:, None]) / spread[:, None]).max(axis=0)
    critical = float(np.quantile(worst, _LEVELS[1]))
    bound: Array = point + critical * spread
    return bound
