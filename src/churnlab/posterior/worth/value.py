"""Residual value: what the purchases after the cutoff are worth today.

The mean is the posterior's: expected discounted purchases times expected margin (the two are
independent in the model). q05 and q95 are quantiles of the customer's *own* value, from futures
simulated with the customer's own rate, dropout, mean amount and luck: they hold what a customer may
turn out to be worth, not how well its expectation is known.

Monte Carlo error: the mean rests on `COUNT_DRAWS` draws of the population, P(alive) on all of them
(within 1% of the whole posterior's). q05 and q95 rest on `VALUE_DRAWS` futures: their *level* has a
standard deviation of at most .014, so that "95%" lies between 92% and 98%. Who returns with at most
5% has both ends at 0 exactly, without a simulation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.errors import UsageError
from churnlab.kernels.special import legendre
from churnlab.models.draws import PopulationDraws, SpendDraws
from churnlab.models.silence import Process
from churnlab.posterior.counts import alive_of_all, count_draws
from churnlab.posterior.latent import generator
from churnlab.posterior.settings import DAYS_PER_YEAR, ValueConfig
from churnlab.posterior.silence.stream import Cells, chunks, for_each_run, rows_of
from churnlab.posterior.worth.amounts import (
    AMOUNT_COLUMNS,
    VALUE_DRAWS,
    SpendLatents,
    expected_amounts,
)
from churnlab.posterior.worth.futures import purchases_ahead
from churnlab.summary.cells import distinct_rows
from churnlab.types import Array, Ints

if TYPE_CHECKING:
    from churnlab.summary import SpendSummary, Summary

VALUE_COLUMNS = (
    "residual_value",
    "residual_value_q05",
    "residual_value_q95",
    "residual_value_if_returns",
)
#: Nodes of the discount integral: within 3e-7 of daily sums over a year, 5e-6 over five. The
#: expectations of BG models themselves are up to .2% low at five years and 1% at ten (`counts`).
_NODES = 8
#: Draws of the discount integral: it is taken as a share of the undiscounted number, and that share
#: hardly differs between draws.
_SHARE_DRAWS = 16
#: Rows x draws simulated together; fixed, because the stream of random numbers depends on it.
_BLOCK = 1 << 17
_LEVELS = (0.05, 0.95)


class Discounted(NamedTuple):
    """Purchases to come, per cell."""

    purchases: Array
    """Expected discounted number within the horizon."""
    returns: Array
    """P(at least one purchase within the horizon)."""


def discounted_purchases(
    draws: PopulationDraws,
    cells: Cells,
    value: ValueConfig,
    *,
    alive: Array | None = None,
    threads: int | None = None,
) -> Discounted:
    """Return the expected discounted purchases in (T, T + horizon], and the chance of any.

    With M(t) the expected purchases in (T, T + t] and d(t) = e^(-delta t), by parts,

        integral of d dM = d(H) M(H) + delta * integral of d(t) M(t) dt over (0, H),

    so a few values of M, which is smooth, serve every model; no purchase is moved to the end of a
    month. The integral comes as a multiple of M(H), from few draws.

    alive: Mean P(alive) per cell (`counts.mean_alive`), where it is known.
    """
    rows = rows_of(cells, draws)
    horizon = float(value.horizon_days)
    nodes, weights = legendre(_NODES)
    delta = np.log1p(value.discount_rate) / DAYS_PER_YEAR
    times = horizon * nodes if delta > 0 else np.zeros(0)
    parts = delta * horizon * weights[: len(times)] * value.discount(times)
    out = np.empty((2, len(rows.x)))

    def work(process: Process, at: Ints) -> None:
        some = count_draws(process)
        few, share = some.thin(_SHARE_DRAWS), np.empty(len(at))
        early = few.mean_by_horizon()
        for part in chunks(len(at), few.n_draws):
            within = early(rows.t_x[at[part]], rows.T[at[part]])
            share[part] = sum(
                weight * within(float(t)).mean(axis=1)
                for weight, t in zip(parts, times, strict=True)
            )
            all_of_it = within(horizon).mean(axis=1)
            np.divide(share[part], all_of_it, out=share[part], where=all_of_it > 0)
        mean = some.mean_by_horizon()
        for part in chunks(len(at), some.n_draws):
            i = at[part]
            t_x, T = rows.t_x[i], rows.T[i]
            bought = mean(t_x, T)(horizon).mean(axis=1)
            out[0, i] = bought * (value.discount(horizon) + share[part])
            living, silent = some.states(t_x, T, np.full(len(i), horizon))
            # not 1 - no_purchase(): of those long gone 1e-17 must be left to divide by
            out[1, i] = (living * (1.0 - silent)).mean(axis=1)
        known = None if alive is None else alive[at]
        out[:, at] *= alive_of_all(process, some, rows.t_x[at], rows.T[at], known)

    oldest = float(rows.T.max(initial=0.0)) + horizon + 1.0
    for_each_run(draws, rows.group, rows.x, oldest, work, age=rows.T, threads=threads)
    return Discounted(*out)


def value_table(
    summary: Summary,
    draws: PopulationDraws,
    value: ValueConfig,
    *,
    amounts: SpendSummary | None = None,
    spend: SpendDraws | None = None,
    first_draws: PopulationDraws | None = None,
    alive: Array | None = None,
    seed: int = 1,
    threads: int | None = None,
) -> pd.DataFrame:
    """Return amount per purchase and residual value, one row per customer of `summary`.

    summary, draws: Customers and the posterior of purchases.
    value: Horizon, discount and margin. With `per_purchase` the value rests on it and not on
        `spend`.
    amounts, spend: Amounts per customer and the posterior of the spend model. Customers without an
        amount get the population's.
    first_draws: Purchases of customers with one so far, as in `customers_table`.
    alive: Mean P(alive) of each cell by the draws that judge it, where it is known.
    seed: Of the simulated futures.
    Returns: customer_id; with `spend` amount_per_purchase, _q05, _q95; residual_value, _q05, _q95,
        residual_value_if_returns. ``attrs["worth"]`` says what a purchase is worth by: `amount` or
        `value.per_purchase`.
    """
    people = summary.customers
    out: dict[str, object] = {"customer_id": people["customer_id"].array}
    n = mean = np.zeros(len(people))
    margin: Array | float
    if spend is not None and amounts is not None:
        _same_day(summary, amounts)
        n, mean = amounts.of(people["customer_id"])
        found = expected_amounts(spend, n, mean, seed=seed)
        out |= dict(zip(AMOUNT_COLUMNS, found, strict=True))
    if value.per_purchase is not None:
        latents, margin = None, value.per_purchase
    elif spend is not None and amounts is not None:
        latents = SpendLatents(spend, seed)
        margin = value.margin_rate * found.mean
    else:
        raise UsageError(
            "a residual value needs amounts (spend=fit_spend(summarise_spend(log))) or "
            "value.per_purchase, the margin of one purchase."
        )
    cell = people["cell"].to_numpy()
    coming = np.empty((2, len(summary.cells.x)))
    low, high = np.zeros((2, len(people)))
    for model, here in _judged(summary, draws, first_draws):
        rows = rows_of(summary.cells, model).at(here)
        known = None if alive is None else alive[here]
        coming[:, here] = discounted_purchases(model, rows, value, alive=known, threads=threads)
        likely = np.where(here, coming[1], 0.0)
        futures = _Futures(summary, model, value, latents, n, mean, seed)
        own = here[cell]
        low[own], high[own] = futures.quantiles(likely, threads=threads)[:, own]
    purchases, returns = coming
    expected = purchases[cell] * margin
    with np.errstate(invalid="ignore", divide="ignore"):
        if_returns = expected / returns[cell]
    columns = (expected, low, high, np.where(returns[cell] > 0, if_returns, np.nan))
    table = pd.DataFrame(out | dict(zip(VALUE_COLUMNS, columns, strict=True)))
    table.attrs["worth"] = "amount" if value.per_purchase is None else "value.per_purchase"
    return table


def _judged(
    summary: Summary, draws: PopulationDraws, first_draws: PopulationDraws | None
) -> list[tuple[PopulationDraws, NDArray[np.bool_]]]:
    """Return the draws with the cells that they judge."""
    once = summary.cells.x == 0
    if first_draws is None or not once.any():
        return [(draws, np.ones(once.shape, bool))]
    return [(draws, ~once), (first_draws, once)]


def _same_day(summary: Summary, amounts: SpendSummary) -> None:
    if amounts.as_of is not None and amounts.as_of != summary.as_of:
        raise UsageError(
            f"the amounts are those up to {amounts.as_of}, the purchases those up to "
            f"{summary.as_of}; summarise both as of one day."
        )


class _Futures:
    """Simulated values of every customer, quantile by quantile.

    What the living buy depends on x and the age alone where gaps are exponential, so that those
    futures (which purchases come, when, of what share of an amount) serve all cells of one x and
    age, and a cell's futures all its customers: each customer's draws are exact, and no two
    customers are compared draw by draw.
    """

    def __init__(
        self,
        summary: Summary,
        draws: PopulationDraws,
        value: ValueConfig,
        latents: SpendLatents | None,
        n: Array,
        mean: Array,
        seed: int,
    ) -> None:
        self.rows = rows_of(summary.cells, draws)
        even = np.linspace(0, draws.n_draws - 1, VALUE_DRAWS).round().astype(int)
        self.draws = draws.keep(even)
        self.value, self.latents, self.seed = value, latents, seed
        self.inverse_nu = None if latents is None else latents.inverse_nu(n, mean)
        cell = summary.customers["cell"].to_numpy()
        self.order = np.argsort(cell, kind="stable")
        self.starts = np.searchsorted(cell[self.order], np.arange(len(self.rows.x) + 1))

    def quantiles(self, returns: Array, *, threads: int | None = None) -> Array:
        """Return the 5% and 95% quantiles, (2, customer).

        returns: P(at least one purchase within the horizon), (cell,): who returns too rarely is
            worth 0 at both levels.
        """
        out = np.zeros((2, len(self.order)))
        likely = np.flatnonzero(returns > 1.0 - _LEVELS[-1])
        group = self.rows.group[likely]
        x, t_x, T = self.rows.x[likely], self.rows.t_x[likely], self.rows.T[likely]

        def work(process: Process, run: Ints) -> None:
            run = run[np.lexsort((t_x[run], T[run]))]
            same = (T[run],) if process.k == 1 else (T[run], t_x[run])
            first, future = distinct_rows(*same)
            rng = generator(self.seed, (int(group[run[0]]), process.x))
            for some in chunks(len(first), VALUE_DRAWS, _BLOCK):
                worth = self._worth(process, likely[run[first[some]]], rng)
                own = np.flatnonzero((future >= some.start) & (future < some.stop))
                for part in chunks(len(own), VALUE_DRAWS, _BLOCK):
                    at, of = likely[run[own[part]]], future[own[part]] - some.start
                    self._fill(out, at, np.where(self._alive(process, at, rng), worth[of], 0.0))

        oldest = float(T.max(initial=0.0)) + 1.0
        for_each_run(self.draws, group, x, oldest, work, threads=threads)
        return out

    def _worth(self, process: Process, at: Ints, rng: np.random.Generator) -> Array:
        """Value of the futures of the living, for 1 / nu = 1 where amounts vary, (cell, draw).

        Amounts z_j ~ Gamma(p, nu) weighted by discounts d_j add up to nearly Gamma(p D1^2 / D2,
        nu D1 / D2), D1 = sum d, D2 = sum d^2: exact in mean and variance, and exact altogether
        without a discount.
        """
        draw = np.tile(np.arange(VALUE_DRAWS), len(at))
        once, twice = self._simulate(process, np.repeat(at, VALUE_DRAWS), draw, rng)
        if self.latents is None:
            return (once * float(self.value.per_purchase or 0.0)).reshape(len(at), -1)
        worth, buys = np.zeros(len(once)), np.flatnonzero(once > 0)
        once, twice = once[buys], twice[buys]
        shape = self.latents.draws.theta[draw[buys], 0] * once**2 / twice
        worth[buys] = self.value.margin_rate * twice / once * rng.standard_gamma(shape)
        return worth.reshape(len(at), -1)

    def _alive(
        self, process: Process, at: Ints, rng: np.random.Generator
    ) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
        """Who is alive at the cutoff, (cell, draw): each with its own probability, and as many of a
        cell's draws as their sum says, to within one (systematic sampling).
        """
        chance = process.alive(self.rows.t_x[at], self.rows.T[at])
        so_far = np.cumsum(chance, axis=1) + rng.random((len(at), 1))
        return np.asarray(np.diff(np.floor(so_far), axis=1, prepend=0.0) > 0)

    def _simulate(
        self, process: Process, cell: Ints, draw: Ints, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Sums of discounts and of their squares over purchases of the living, (future,)."""
        likelihood = process.likelihood
        t_x, T = self.rows.t_x[cell], self.rows.T[cell]
        latent = likelihood.sample_alive(process.theta[:, draw], process.x, t_x, T, rng)
        once, twice = np.zeros(len(draw)), np.zeros(len(draw))
        end = float(self.value.horizon_days)
        for active, time in purchases_ahead(likelihood, latent, T - t_x, once * 0.0, end, rng):
            discount = self.value.discount(time)
            if self.latents is not None:
                positive = self.latents.draws.positive[draw[active]]
                discount = discount * (rng.random(active.size) < positive)
            once[active] += discount
            twice[active] += discount**2
        return once, twice

    def _fill(self, out: Array, at: Ints, worth: Array) -> None:
        """Write the quantiles of the customers of cells `at`."""
        sizes = self.starts[at + 1] - self.starts[at]
        where = np.repeat(np.arange(len(at)), sizes)
        people = np.concatenate([self.order[self.starts[c] : self.starts[c + 1]] for c in at])
        if (nu := self.inverse_nu) is None:
            out[:, people] = np.quantile(worth, _LEVELS, axis=1)[:, where]
            return
        from churnlab.kernels.rows import tails_of_values  # compiled, loaded when first needed

        own = np.empty((2, len(people)))
        of_each = nu.total[people], nu.standard, nu.size[people]
        tails_of_values(worth, where, nu.gamma, *of_each, *_LEVELS, own)
        out[:, people] = own
