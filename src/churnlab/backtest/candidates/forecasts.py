"""Forecasts of a model from draws of its population parameters: closed forms averaged over draws.

The average of the formula, never the formula at the average (DOMAIN section 3). Equal rows are
computed once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from churnlab.backtest.panel import Array, Ints, Past
from churnlab.draws import PopulationDraws

#: Draw-by-row products per block: 2 MB per temporary array.
_BLOCK = 250_000
#: Columns of the count distribution, at most.
_MOST_COUNTS = 60


class Rows:
    """Distinct (x, t_x, T, window) of a history; results are spread back to customers.

    Parameters
    ----------
    past : Past
        Customers at the origin.
    windows : array (customer,)
        Forecast window of each customer, in days.
    """

    def __init__(self, past: Past, windows: Ints) -> None:
        table = np.column_stack([past.x, past.t_x, past.T, windows.astype(np.float64)])
        self.distinct, inverse = np.unique(table, axis=0, return_inverse=True)
        self.inverse = inverse.reshape(-1)

    def mean(
        self, draws: PopulationDraws, formula: Callable[[Array, Array, Array, Array, Array], Array]
    ) -> Array:
        """Average ``formula(theta, x, t_x, T, window)`` over draws; one value per customer."""
        theta = draws.theta_rows()
        size = max(1, _BLOCK // draws.n_draws)
        parts = [
            formula(theta, *self.distinct[i : i + size].T).mean(axis=0)
            for i in range(0, len(self.distinct), size)
        ]
        values: Array = np.concatenate(parts)[self.inverse]
        return values


def risk_of(rows: Rows, draws: PopulationDraws) -> Array:
    """P(no purchase in the window) per customer."""
    found = rows.mean(draws, draws.likelihood.p_no_purchase)
    return np.clip(found, 0.0, 1.0)


def p_alive_of(rows: Rows, draws: PopulationDraws) -> Array:
    """P(alive at the origin) per customer."""
    p_alive = draws.likelihood.p_alive
    found = rows.mean(draws, lambda theta, x, t_x, T, _: p_alive(theta, x, t_x, T))
    return np.clip(found, 0.0, 1.0)


def expected_of(rows: Rows, draws: PopulationDraws) -> Array:
    """Expected purchases in the window per customer."""
    return rows.mean(draws, draws.likelihood.expected_purchases)


def pmf_of(rows: Rows, draws: PopulationDraws, largest: int) -> Array:
    """P(n purchases in the window), n = 0 .. columns - 1, (customer, n)."""
    pmf, n = draws.likelihood.pmf, np.arange(min(largest, _MOST_COUNTS) + 1)
    theta = draws.theta_rows()[..., None]
    size = max(1, _BLOCK // (draws.n_draws * n.size))
    parts = []
    for i in range(0, len(rows.distinct), size):
        x, t_x, T, window = (column[:, None] for column in rows.distinct[i : i + size].T)
        parts.append(pmf(theta, n, x, t_x, T, window).mean(axis=0))
    values: Array = np.clip(np.concatenate(parts), 0.0, 1.0)[rows.inverse]
    return values
