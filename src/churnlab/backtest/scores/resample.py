"""One bootstrap of customers for everything: scores, differences and costs share its draws.

The customer is drawn with all rows at all origins: overlapping windows share outcomes, so
customers x origins are never taken as independent. A pooled figure is the mean over origins.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from churnlab.backtest.scores.board import RECALIBRATED, Entry
from churnlab.metrics.binary import log_losses
from churnlab.metrics.bootstrap import CustomerBootstrap
from churnlab.metrics.paired import replicated_auc
from churnlab.types import Array

_LEVELS = (0.05, 0.95)


class Estimate(NamedTuple):
    """A figure and its replicates."""

    value: float
    many: Array
    """(replicate,)"""


class Resample:
    """Replicated metrics of entries, all on the same resamples of the panel's customers.

    n_customers: Customers of the panel.
    rng: Draws the customers.
    """

    def __init__(self, n_customers: int, replicates: int, rng: np.random.Generator) -> None:
        self.drawn = CustomerBootstrap(n_customers, replicates, rng)
        self._found: dict[int, dict[str, Estimate]] = {}

    def mean(self, entry: Entry, *losses: Array) -> list[Estimate]:
        """Return means over customers of values of each row of an entry."""
        rows = [loss[entry.cells.code] for loss in (*losses, np.ones(entry.score.size))]
        *totals, size = self.drawn.sums(entry.truth.past.customer, rows)
        points = [entry.mean(loss) for loss in losses]
        return [Estimate(p, t / size) for p, t in zip(points, totals, strict=True)]

    def metrics(self, entry: Entry) -> dict[str, Estimate]:
        """Return the metrics that have replicates, by name; a recalibrated ranking has none."""
        if id(entry) not in self._found:
            losses = _losses(entry)
            found = dict(zip(losses, self.mean(entry, *losses.values()), strict=True))
            if entry.variant != RECALIBRATED:
                code = entry.cells.code
                score, outcome = entry.score[code], entry.truth.outcome
                found["auc"] = Estimate(
                    *replicated_auc(self.drawn, entry.truth.past.customer, score, outcome)
                )
            self._found[id(entry)] = found
        return self._found[id(entry)]

    def interval(self, entry: Entry, name: str) -> tuple[float, float]:
        """Return the 90% interval of a metric of one entry (NaN where there is none)."""
        found = self.metrics(entry).get(name)
        return (np.nan, np.nan) if found is None else quantiles(found.many)


def _losses(entry: Entry) -> dict[str, Array]:
    """Return the scores that are means over customers, (cell,)."""
    found = {}
    if entry.risk is not None:
        found["brier"] = (entry.risk - entry.outcome) ** 2
        found["log_score"] = log_losses(entry.risk, entry.outcome)
    if entry.crps is not None:
        found["crps"] = entry.crps
    return found


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

    values: Differences candidate - bar.
    replicated (replicate,): Their bootstrap replicates, on the same draws.
    """
    point, draws = np.asarray(values), np.stack(replicated)
    spread = np.maximum(draws.std(axis=1), 1e-12)
    worst = ((draws - point[:, None]) / spread[:, None]).max(axis=0)
    critical = float(np.quantile(worst, _LEVELS[1]))
    bound: Array = point + critical * spread
    return bound


def simultaneous_band(values: Sequence[float], replicated: Sequence[Array]) -> tuple[Array, Array]:
    """Return 90% intervals that hold for all differences together: max-t, on both sides.

    Parameters: see `simultaneous_high`.
    """
    point, draws = np.asarray(values), np.stack(replicated)
    spread = np.maximum(draws.std(axis=1), 1e-12)
    worst = np.abs((draws - point[:, None]) / spread[:, None]).max(axis=0)
    critical = float(np.quantile(worst, _LEVELS[1] - _LEVELS[0]))
    return point - critical * spread, point + critical * spread
