"""A fit's posterior as ArviZ compares and checks it: one observation a customer.

The observation is the customer's history of repeat purchases; its predictive draws are their
number. A fit on a clock is compared in days like any other (`in_days`). Who bought for the first
time on the last day has no history yet (likelihood 1 under every draw, on which importance sampling
fails) and is left out. Below `LIMIT` values every posterior draw is there; above it draws are
thinned, and from `LEAST_DRAWS` draws on the groups are left out (`churnlab.compare` works on cells
of any size).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from churnlab.fitting.fitted import FittedModel
from churnlab.inference import to_datatree
from churnlab.types import Array, Ints

if TYPE_CHECKING:
    from xarray import DataTree

#: Largest (draw x customer) table.
LIMIT: Final = 20_000_000
#: Fewer draws than this say nothing of a customer left out.
LEAST_DRAWS: Final = 100
#: The variable's name in `log_likelihood`, `observed_data` and `posterior_predictive`.
OBSERVED: Final = "repeat_purchases"


def with_customers(fit: FittedModel, *, limit: int = LIMIT) -> DataTree:
    """Return the fit's DataTree with log-likelihood, predictive draws and data by customer.

    limit: Largest number of values of a table, draws times customers.
    """
    from xarray import DataTree

    tree = to_datatree(fit.population)
    rows = _rows(fit, limit)
    if rows is None or (clock := in_days(fit)) is None:
        tree.attrs["by_customer"] = "too many customers: churnlab.compare works on their cells"
        return tree
    people = fit.data.customers
    seen = people["T"].to_numpy() > 0
    people = people[seen]
    of = people["cell"].to_numpy()
    coords = {
        "chain": np.arange(rows.shape[0]),
        "draw": np.arange(rows.shape[1]),
        "customer": people["customer_id"].astype(str).to_numpy(object),
    }
    tables = {
        "log_likelihood": _log_likelihood(fit, rows.ravel(), of) + clock[seen],
        "posterior_predictive": _predictive(fit, rows.ravel(), of),
    }
    dims = ("chain", "draw", "customer")
    shape = (*rows.shape, len(people))
    groups = {name: _dataset(dims, t.reshape(shape), coords) for name, t in tables.items()}
    observed = _dataset(
        dims[2:], people["x"].to_numpy(np.float64), {"customer": coords["customer"]}
    )
    for name, dataset in (groups | {"observed_data": observed}).items():
        tree[name] = DataTree(dataset)
    return tree


def in_days(fit: FittedModel) -> Array | None:
    """Return what turns each customer's log-likelihood on a clock into one in days, (customer,).

    A purchase on a day that counts m clock days is m times as dense per day: ln m is added for each
    repeat purchase. The clock stands at its estimate, whoever is left out; so its multipliers are
    paid for as parameters are by AIC, in equal shares.

    Returns (customer,): Zeros without a clock; None where not everybody's purchase-days are known
        (a fit of more than `summary.customers.MOST_DATED` customers that was read from a folder).
    """
    people = fit.data.customers
    plus = np.zeros(len(people))
    if fit.seasons is None or fit.data.clock is None or fit.data.histories is None:
        return plus
    days = fit.data.histories(people["customer_id"].tolist())
    who = pd.Index(people["customer_id"]).get_indexer(days["customer_id"])
    if len(np.unique(who)) < len(people):
        return None
    day = days["day"].to_numpy().astype("datetime64[D]").astype(np.int64)
    again = np.diff(who, prepend=-1) == 0
    np.add.at(plus, who[again], np.log(fit.data.clock.rate(day[again])))
    return plus - fit.seasons.learnt / len(people)


def _rows(fit: FittedModel, limit: int) -> Ints | None:
    """Return the draws taken, (chain, draw), evenly spread over each; None where too few."""
    # draws by profiles of covariates may be fewer than were sampled, and then of no chain
    chains = fit.population.chains if fit.draws.n_draws == len(fit.population.u) else 1
    each = fit.draws.n_draws // chains
    kept = min(each, limit // (chains * max(len(fit.data.customers), 1)))
    if kept < min(LEAST_DRAWS // chains, each):
        return None
    within = np.linspace(0, each - 1, kept).round().astype(np.int64)
    return each * np.arange(chains)[:, None] + within


def _log_likelihood(fit: FittedModel, rows: Ints, of: Ints) -> Array:
    cells, likelihood = fit.data.cells, fit.draws.likelihood
    values = likelihood.cell_log_likelihoods(
        fit.draws.theta[rows].transpose(0, 2, 1),
        cells.group, cells.x, cells.t_x, cells.T, cells.sum_log_gap,
    )  # fmt: skip
    own: Array = values[:, of]
    return own


def _predictive(fit: FittedModel, rows: Ints, of: Ints) -> Array:
    """Return simulated repeat purchases, (draw, customer), of customers of the same ages."""
    rng = np.random.default_rng(0)
    cells, likelihood = fit.data.cells, fit.draws.likelihood
    T, group = cells.T[of], cells.group[of]
    theta = fit.draws.theta[rows]
    parameters = theta[:, group] if theta.shape[1] > 1 else theta
    return np.stack(
        [likelihood.simulate(one.T if len(one) > 1 else one[0], T, rng)[0] for one in parameters]
    ).astype(np.float64)


def _dataset(dims: tuple[str, ...], values: Array, coords: dict[str, Any]) -> Any:
    from xarray import Dataset

    return Dataset({OBSERVED: (dims, values)}, coords)
