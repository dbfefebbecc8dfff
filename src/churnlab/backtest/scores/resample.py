"""One bootstrap of customers for everything: scores, differences and costs share its draws.

The customer is drawn with all rows at all origins: overlapping windows share outcomes, so
customers x origins are never taken as independent. A pooled figure is the mean over origins.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from churnlab.backtest.origins.panel import Array
from churnlab.backtest.scores.board import Entry
from churnlab.metrics.binary import log_losses
from churnlab.metrics.bootstrap import CustomerBootstrap
from churnlab.metrics.paired import replicated_auc

_LEVELS = (0.05, 0.95)


class Resample:
    """Replicated metrics of entries, all on the same resamples of the panel's customers.

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
        self.drawn = CustomerBootstrap(n_customers, replicates, rng)
        self._replicated: dict[tuple[int, str], Array | None] = {}

    def mean(self, entry: Entry, losses: Array) -> Array:
        """Return the replicated mean of a per-customer score."""
        total, size = self.drawn.sums(entry.truth.past.customer, [losses, np.ones_like(losses)])
        return total / size

    def metric(self, entry: Entry, name: str) -> Array | None:
        """Return the replicated metric (replicate,), or None when it has none."""
        key = (id(entry), name)
        if key not in self._replicated:
            self._replicated[key] = self._compute(entry, name)
        return self._replicated[key]

    def _compute(self, entry: Entry, name: str) -> Array | None:
        outcome = entry.truth.outcome
        if name == "auc":
            return replicated_auc(self.drawn, entry.truth.past.customer, entry.score, outcome)[1]
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
