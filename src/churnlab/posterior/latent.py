"""Exact draws of what is hidden in each customer: rate, dropout, being alive, the next purchase.

Every cell has a generator of its own, made from the seed and the cell's (group, x, t_x, T);
customers of a cell take their draws in the order of their ids. So the draws of a customer depend
neither on the order of rows nor on threads.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.errors import UsageError
from churnlab.models import Latent, Likelihood
from churnlab.models.draws import PopulationDraws
from churnlab.posterior.silence.stream import rows_of
from churnlab.summary.calendar import number
from churnlab.types import Array, Ints

if TYPE_CHECKING:
    from churnlab.summary import Summary

_CENTURY = 36_525


class _Cell(NamedTuple):
    """One cell: its population draws, its data, its customers, its generator."""

    theta: Array
    x: float
    t_x: float
    T: float
    customers: Ints
    rng: np.random.Generator


def sample_latent(
    summary: Summary, population: PopulationDraws, /, *, draws: int = 200, seed: int = 1
) -> dict[str, Array | NDArray[np.bool_]]:
    """Return exact posterior draws of each customer's rate, dropout and being alive.

    summary: Customers and cells.
    population: Posterior draws of the population's parameters. Row i of the result belongs to the
        same population draw for every customer, so rows are draws of all customers jointly.
    draws: Number of rows; memory is 17 bytes x draws x customers.
    Returns: ``rate`` (purchases per day while alive), ``dropout`` (probability per purchase; rate
        per day for Pareto/NBD), ``alive`` (at the cutoff), each (draw, customer) in the order of
        ``summary.customers``.
    """
    shape = (_checked(draws), len(summary.customers))
    rate, dropout = np.empty(shape), np.empty(shape)
    alive = np.empty(shape, bool)
    likelihood = population.likelihood
    for cell in _cells(summary, population, draws, seed):
        drawn = _draw(likelihood, cell)
        for out, values in zip((rate, dropout, alive), drawn[:3], strict=True):
            out[:, cell.customers] = values
    return {"rate": rate, "dropout": dropout, "alive": alive}


def sample_next_purchase(
    summary: Summary, population: PopulationDraws, /, *, draws: int = 200, seed: int = 1
) -> Array:
    """Return draws of the days from the cutoff to each customer's next purchase.

    Returns (draw, customer): Days after `summary.as_of`; infinite where the customer never buys
        again.
    """
    out = np.empty((_checked(draws), len(summary.customers)))
    likelihood = population.likelihood
    for cell in _cells(summary, population, draws, seed):
        latent = _draw(likelihood, cell)
        gap = likelihood.next_gap(latent, cell.T - cell.t_x, cell.rng)
        end = likelihood.time_to_death(latent, cell.rng)
        out[:, cell.customers] = np.where(latent.alive & (gap <= end), gap, np.inf)
    return out if summary.clock is None else _in_days(out, summary)


def _in_days(gap: Array, summary: Summary) -> Array:
    """Return clock days after the cutoff as days of the calendar.

    Beyond a century at the century's mean: the clock's table ends there.
    """
    assert summary.clock is not None
    clock, now = summary.clock, number(summary.as_of)
    century = float(clock.ahead(summary.as_of, _CENTURY))
    near = clock.day(clock.time(now) + np.minimum(gap, century)) - now
    return np.where(gap <= century, near, gap * (_CENTURY / century))


def spread(population: PopulationDraws, n: int) -> Array:
    """Return n draws spread evenly over the posterior, repeated if it has fewer: (n, group, P).

    An unseen group's parameters, where the draws have them, stand last.
    """
    rows = np.linspace(0, population.n_draws - 1, n).round().astype(int)
    theta = population.theta[rows]
    if population.unseen is None:
        values: Array = theta
        return values
    return np.concatenate([theta, population.unseen[rows, None]], axis=1)


def generator(seed: int, values: Iterable[float]) -> np.random.Generator:
    """Return a generator that depends on the seed and the numbers, and on nothing else."""
    words = np.asarray(list(values), np.float64).view(np.uint32)
    return np.random.default_rng([seed, *(int(w) for w in words)])


def _checked(draws: int) -> int:
    if draws < 1:
        raise UsageError(f"draws must be at least 1; got {draws}.")
    return draws


def _draw(likelihood: Likelihood, cell: _Cell) -> Latent:
    """Draw (draw, customer of the cell)."""
    theta = np.repeat(cell.theta.T[:, :, None], len(cell.customers), axis=2)
    return likelihood.sample_latent(theta, cell.x, cell.t_x, cell.T, cell.rng)


def _cells(summary: Summary, population: PopulationDraws, draws: int, seed: int) -> Iterable[_Cell]:
    """Yield the cells with their customers in the order of their ids."""
    rows = rows_of(summary.cells, population)
    theta = spread(population, draws)
    people = summary.customers
    cell = people["cell"].to_numpy()
    rank = np.argsort(pd.factorize(people["customer_id"], sort=True)[0], kind="stable")
    order = rank[np.argsort(cell[rank], kind="stable")]
    for customers in np.split(order, np.flatnonzero(np.diff(cell[order])) + 1):
        i = cell[customers[0]]
        group = 0 if theta.shape[1] == 1 else int(rows.group[i])
        data = (float(rows.x[i]), float(rows.t_x[i]), float(rows.T[i]))
        yield _Cell(theta[:, group, :], *data, customers, generator(seed, (group, *data)))
