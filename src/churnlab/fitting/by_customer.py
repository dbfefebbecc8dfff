"""A fit's posterior as ArviZ compares and checks it: one observation a customer.

The observation is the customer's history of repeat purchases; its predictive draws are their
number. Below `LIMIT` values every posterior draw is there; above it draws are thinned, and from
`LEAST_DRAWS` draws on the groups are left out (`churnlab.compare` works on cells of any size).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from churnlab.types import Array

if TYPE_CHECKING:
    from xarray import DataTree

    from churnlab.fitting.fitted import Fit

#: Largest (draw x customer) table.
LIMIT: Final = 20_000_000
#: Fewer draws than this say nothing of a customer left out.
LEAST_DRAWS: Final = 100
#: The variable's name in `log_likelihood`, `observed_data` and `posterior_predictive`.
OBSERVED: Final = "repeat_purchases"


def with_customers(fit: Fit, *, limit: int = LIMIT) -> DataTree:
    """Return the fit's DataTree with log-likelihood, predictive draws and data by customer.

    Parameters
    ----------
    limit : int
        Largest number of values of a table, draws times customers.
    """
    from xarray import DataTree

    tree = fit.population.to_datatree()
    rows = _rows(fit, limit)
    if rows is None:
        tree.attrs["by_customer"] = "too many customers: churnlab.compare works on their cells"
        return tree
    people = fit.summary.customers
    whole = len(rows) == len(fit.population.u)  # else draws were thinned across chains
    chains = fit.population.chains if whole else 1
    shape = (chains, -1, len(people))
    coords = {
        "chain": np.arange(chains),
        "draw": np.arange(len(rows) // chains),
        "customer": people["customer_id"].astype(str).to_numpy(object),
    }
    tables = {
        "log_likelihood": _log_likelihood(fit, rows),
        "posterior_predictive": _predictive(fit, rows),
    }
    dims = ("chain", "draw", "customer")
    groups = {name: _dataset(dims, t.reshape(shape), coords) for name, t in tables.items()}
    observed = _dataset(
        dims[2:], people["x"].to_numpy(np.float64), {"customer": coords["customer"]}
    )
    for name, dataset in (groups | {"observed_data": observed}).items():
        tree[name] = DataTree(dataset)
    return tree


def _rows(fit: Fit, limit: int) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    """Return the draws taken, evenly spread; None where too few would be left."""
    kept = min(fit.draws.n_draws, limit // max(len(fit.summary.customers), 1))
    if kept < min(LEAST_DRAWS, fit.draws.n_draws):
        return None
    return np.linspace(0, fit.draws.n_draws - 1, kept).round().astype(np.int64)


def _log_likelihood(fit: Fit, rows: Any) -> Array:
    cells, likelihood = fit.summary.cells, fit.draws.likelihood
    values = likelihood.cell_log_likelihoods(
        fit.draws.theta[rows].transpose(0, 2, 1),
        cells.group, cells.x, cells.t_x, cells.T, cells.sum_log_gap,
    )  # fmt: skip
    own: Array = values[:, fit.summary.customers["cell"].to_numpy()]
    return own


def _predictive(fit: Fit, rows: Any) -> Array:
    """Return simulated repeat purchases, (draw, customer), of customers of the same ages."""
    rng = np.random.default_rng(0)
    cells, likelihood = fit.summary.cells, fit.draws.likelihood
    of = fit.summary.customers["cell"].to_numpy()
    T, group = cells.T[of], cells.group[of]
    theta = fit.draws.theta[rows]
    parameters = theta[:, group] if theta.shape[1] > 1 else theta
    return np.stack(
        [likelihood.simulate(one.T if len(one) > 1 else one[0], T, rng)[0] for one in parameters]
    ).astype(np.float64)


def _dataset(dims: tuple[str, ...], values: Array, coords: dict[str, Any]) -> Any:
    from xarray import Dataset

    return Dataset({OBSERVED: (dims, values)}, coords)
