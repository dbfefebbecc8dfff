"""Purchases to come of all customers together, with an interval of their number."""

from typing import Final

import numpy as np

from churnlab.fitting.fitted import FittedModel
from churnlab.posterior import weekly_forecast
from churnlab.posterior.forecast import DAYS_PER_WEEK
from churnlab.summary import Cells

#: Customers whose futures are simulated, and futures of each.
_PEOPLE: Final = 5_000
_DRAWS: Final = 200


def purchases_to_come(
    fit: FittedModel, mean: float, horizon_days: float, seed: int = 1
) -> dict[str, float]:
    """Return the expected number of purchases in the days ahead, and its 90% interval.

    mean: Sum of the customers' `expected_purchases`, which look `horizon_days` ahead.
    horizon_days: Days.
    Returns: ``days, mean, q05, q95``.

    The interval's width is that of simulated futures of some of
    the customers: what the parameters leave open moves all customers alike and grows with their
    number, what chance leaves open with its root.
    """
    cells, share = _some(fit.data.cells, np.random.default_rng(seed))
    weeks = max(1, round(horizon_days / DAYS_PER_WEEK))
    found = weekly_forecast(
        fit.draws, cells, weeks, np.random.default_rng(seed), n_draws=_DRAWS, ahead=fit.data.ahead
    )
    expected, predicted = found.expected.sum(axis=1), found.predicted.sum(axis=1)
    total = expected / share + (predicted - expected) / np.sqrt(share)
    scale = mean / max(float(expected.mean() / share), 1e-12)
    low, high = np.quantile(total * scale, (0.05, 0.95))
    return {
        "days": horizon_days,
        "mean": mean,
        "q05": float(np.floor(max(low, 0.0))),
        "q95": float(np.ceil(high)),
    }


def _some(cells: Cells, rng: np.random.Generator) -> tuple[Cells, float]:
    """Return cells of up to `_PEOPLE` customers drawn at random, and which share they are."""
    n = cells.n_customers
    if n <= _PEOPLE:
        return cells, 1.0
    people = np.repeat(np.arange(len(cells)), np.rint(cells.weight).astype(np.int64))
    weight = np.bincount(rng.choice(people, _PEOPLE, replace=False), minlength=len(cells))
    at = np.flatnonzero(weight)
    kept = {name: getattr(cells, name)[at] for name in ("x", "t_x", "T", "sum_log_gap", "group")}
    return Cells(**kept, weight=weight[at].astype(float), groups=cells.groups), _PEOPLE / n
