"""A customer's dropout: mean and interval of the exact posterior, for the few that are looked at.

BG family: the probability to drop out after a purchase, a mixture A Beta(a, b+m) + (1-A)
Beta(a+1, b+m-1), m the tosses. Pareto/NBD: the death rate per day, A Gamma(s, beta+T) + (1-A)
Gamma(s+1, beta+tau) over the death time tau. Both over the draws of the population.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import betainc, gammainc

from churnlab.draws import PopulationDraws
from churnlab.likelihoods import Array
from churnlab.posterior.cycles import death_times
from churnlab.posterior.process import ParetoProcess, Process
from churnlab.posterior.roots import solve
from churnlab.posterior.stream import Cells, Ints, chunks, for_each_run, rows_of

#: Draws behind the interval, as for cycles.
DROPOUT_DRAWS = 128
#: Limits of ln odds (a probability) and of ln rate per day.
_LIMIT = 40.0

#: (values (row, 1), rows) -> distribution function given each draw, (row, draw)
_Law = Callable[[Array, Ints], Array]


class DropoutSummary(NamedTuple):
    """Posterior of each row's dropout; arrays (row,)."""

    mean: Array
    q05: Array
    q95: Array


def dropout_summary(
    draws: PopulationDraws, cells: Cells, *, threads: int | None = None
) -> DropoutSummary:
    """Return mean and 90% interval of each row's dropout (per purchase, or per day for Pareto/NBD).

    Parameters
    ----------
    draws
        Posterior draws of the population's parameters; at most `DROPOUT_DRAWS` are used.
    cells
        Rows with group, x, t_x, T (days).
    """
    rows = rows_of(cells, draws)
    out = np.empty((3, len(rows.x)))

    def work(process: Process, at: Ints) -> None:
        for part in chunks(len(at), process.n_draws):
            i = at[part]
            pareto = isinstance(process, ParetoProcess)
            mean, law = (_rate if pareto else _probability)(process, rows.t_x[i], rows.T[i])
            out[0, i] = mean
            for row, level in ((1, 0.05), (2, 0.95)):
                out[row, i] = _quantile(law, level, mean, odds=not pareto)

    top = float(rows.T.max(initial=0.0)) + 1.0
    thinned = draws.thin(DROPOUT_DRAWS)
    for_each_run(thinned, rows.group, rows.x, top, work, threads=threads)
    return DropoutSummary(*out)


def _probability(process: Process, t_x: Array, T: Array) -> tuple[Array, _Law]:
    alive = process.alive(t_x, T)
    a = process.theta[2]
    tosses = process.x + getattr(process.likelihood, "toss_at_first", False)
    b, b_dead = process.theta[3] + tosses, process.theta[3] + max(tosses - 1.0, 0.0)
    mean = alive * (a / (a + b)) + (1 - alive) * ((a + 1) / (a + 1 + b_dead))

    def law(value: Array, i: Ints) -> Array:
        lived, died = betainc(a, b, value), betainc(a + 1, b_dead, value)
        return np.asarray(alive[i] * lived + (1 - alive[i]) * died)

    return mean.mean(axis=1), law


def _rate(process: Process, t_x: Array, T: Array) -> tuple[Array, _Law]:
    assert isinstance(process, ParetoProcess)
    alive, s, beta = process.alive(t_x, T), process.s, process.beta
    now, deaths = beta + T[:, None], death_times(process, t_x, T)
    mean = alive * s / now
    for weight, tau in deaths:
        mean += (1 - alive) * weight * (s + 1) / (beta + tau)

    def law(value: Array, i: Ints) -> Array:
        total = alive[i] * gammainc(s, now[i] * value)
        for weight, tau in deaths:
            total += (1 - alive[i]) * weight[i] * gammainc(s + 1, (beta + tau[i]) * value)
        return np.asarray(total)

    return mean.mean(axis=1), law


def _quantile(law: _Law, level: float, mean: Array, *, odds: bool) -> Array:
    """Invert the distribution function in ln odds or ln rate."""

    def back(y: Array) -> Array:
        return 1 / (1 + np.exp(-y)) if odds else np.exp(y)

    def excess(y: Array, i: Ints) -> Array:
        return law(back(y)[:, None], i).mean(axis=1) - level

    start = np.log(mean / (1 - mean)) if odds else np.log(mean)
    low, high = np.full(len(mean), -_LIMIT), np.full(len(mean), _LIMIT)
    return back(solve(excess, start, low, high, x_tolerance=1e-7, f_tolerance=1e-9))
