"""Simulation-based calibration: does the machinery return the posterior it claims to?

Talts, Betancourt, Simpson, Vehtari and Gelman (2018). Parameters are drawn from the prior, data
from the model, and the truth is ranked among posterior draws: all ranks must be uniform. Beside the
population's parameters, quantities of one customer are ranked: rate, dropout, P(no purchase in H)
given what is hidden, and the time to the next purchase. The customer is simulated with the hidden
state kept (`Likelihood.simulate_customers`), so the exact latent draws are on trial, too.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from churnlab import models as likelihoods
from churnlab.errors import DataError, UsageError
from churnlab.inference.diagnostics import check_cells
from churnlab.inference.targets.target import Target
from churnlab.inference.ways.laplace import sample_laplace
from churnlab.inference.ways.mode import find_mode
from churnlab.models.draws import PopulationDraws
from churnlab.progress import Update
from churnlab.studies.ranks import (
    THINNED,
    TIME_SCALE,
    Simulation,
    hidden_ranks,
    model_priors_of,
    rank,
)
from churnlab.studies.sbc_groups import simulate_groups_once
from churnlab.types import Array

if TYPE_CHECKING:
    from churnlab.summary import Cells


def sbc_table(
    model: str,
    *,
    k: int = 1,
    simulations: int = 200,
    customers: int = 300,
    groups: int = 0,
    effects: str = "locations",
    seed: int = 1,
    progress: Update | None = None,
) -> pd.DataFrame:
    """Ranks of the truth among posterior draws, one row per simulation and quantity.

    model, k: The model and its Erlang shape.
    simulations, customers: Simulated populations, and customers in each.
    groups, effects: Groups that pool partially (0: none), and what varies between them.
    seed: Everything random follows from it; simulation i does not depend on how many there are.
    Returns: Columns simulation, quantity, rank (0..`THINNED`), n_ranks, refused. A population that
        laplace refuses has rank -1 and refused true (it is not swept under the rug: see
        `sbc_summary`).
    """
    if simulations < 1 or customers < 2:
        raise UsageError(
            "sbc needs at least 1 simulation of at least 2 customers; got "
            f"{simulations} of {customers}."
        )
    simulate = partial(simulate_once, model, k, customers)
    if groups:
        simulate = partial(simulate_groups_once, model, k, customers, groups, effects)
    rows = []
    for i in range(simulations):
        found = simulate(np.random.default_rng([seed, i]))
        ranks = found.ranks or {"all": -1}
        rows += [(i, name, rank, THINNED + 1, found.ranks is None) for name, rank in ranks.items()]
        if progress:
            progress(f"sbc {model}", (i + 1) / simulations)
    return pd.DataFrame(rows, columns=["simulation", "quantity", "rank", "n_ranks", "refused"])


def simulate_once(model: str, k: int, customers: int, rng: np.random.Generator) -> Simulation:
    """Draw a truth, simulate, fit, rank."""
    priors = model_priors_of(model)
    truth, theta = _draw_truth(model, k, priors, rng)
    ages = rng.uniform(60.0, 400.0, customers)
    people = likelihoods.get(model, k).simulate_customers(theta, ages, rng)
    cells = _cells(people.x, people.t_x, people.T, people.sum_log_gap)
    try:
        check_cells(cells, k)
    except DataError as error:
        return Simulation(None, str(error))
    target = Target(cells, model, k, priors, time_scale=TIME_SCALE)
    sample = sample_laplace(target, find_mode(target), 4 * THINNED, rng)
    if sample.reason:
        return Simulation(None, sample.reason)
    u = sample.u[rng.permutation(len(sample.u))[:THINNED]]
    drawn = target.natural_days(u).T
    ranks = {
        name: rank(one, draws, rng)
        for name, one, draws in zip(target.map.names, truth, drawn, strict=True)
    }
    draws = PopulationDraws(model, k, target.theta_days(u))
    return Simulation(ranks | hidden_ranks(draws, people, rng), "")


def _draw_truth(
    model: str, k: int, priors: dict[str, str], rng: np.random.Generator
) -> tuple[Array, Array]:
    """Natural quantities and model parameters (days) from the priors."""
    blank = _cells(np.zeros(2), np.zeros(2), np.full(2, 100.0), np.zeros(2))
    target = Target(blank, model, k, priors, time_scale=TIME_SCALE)
    u = target.prior_draws(1, rng)
    return target.natural_days(u)[0], target.theta_days(u)[0, 0]


def _cells(x: Array, t_x: Array, T: Array, gaps: Array) -> Cells:
    from churnlab.summary import Cells  # its event engine is imported late

    return Cells.collapse(x, t_x, T, sum_log_gap=gaps)[0]


def sbc_summary(table: pd.DataFrame, bins: int = 20) -> pd.DataFrame:
    """Test the uniformity of ranks, per quantity.

    table: From `sbc_table`.
    bins: Bins of the chi-square test; must divide the number of ranks.
    Returns: Per quantity: n, chi2_p (p-value of the chi-square test), ecdf_p (of the largest
        distance between the ranks' distribution and the uniform), refused (share of populations
        refused).
    """
    from scipy import stats  # a third of a second to import

    good = table.loc[~table["refused"]]
    refused = table.groupby("simulation")["refused"].first().mean()
    rows = []
    for name, ranks in good.groupby("quantity", sort=False)["rank"]:
        size = int(good["n_ranks"].iloc[0])
        if size % bins:
            raise UsageError(f"bins must divide {size}; got {bins}.")
        counts = np.bincount(ranks.to_numpy() * bins // size, minlength=bins)
        ecdf_p = stats.kstest((ranks + 0.5) / size, "uniform").pvalue
        rows.append((name, len(ranks), stats.chisquare(counts).pvalue, ecdf_p, refused))
    columns = ["quantity", "n", "chi2_p", "ecdf_p", "refused"]
    return pd.DataFrame(rows, columns=columns).set_index("quantity")


def sbc_ecdf(table: pd.DataFrame, level: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Difference of the ranks' distribution to the uniform, with a simultaneous envelope.

    table: From `sbc_table`.
    level: Probability that a calibrated quantity stays inside its envelope everywhere (Sailynoja,
        Burkner and Vehtari 2022; by simulation).
    seed: Of that simulation.
    Returns: Columns quantity, share (0..1), difference, low, high: what a rank plot draws.
    """
    good = table.loc[~table["refused"]]
    parts = []
    for name, ranks in good.groupby("quantity", sort=False)["rank"]:
        size, n = int(good["n_ranks"].iloc[0]), len(ranks)
        share = np.arange(1, size) / size
        counts = np.bincount(ranks, minlength=size)
        difference = np.cumsum(counts)[:-1] / n - share
        low, high = _envelope(n, share, level, np.random.default_rng(seed))
        parts.append(
            pd.DataFrame(
                {
                    "quantity": name,
                    "share": share,
                    "difference": difference,
                    "low": low,
                    "high": high,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _envelope(
    n: int, share: Array, level: float, rng: np.random.Generator, repeats: int = 2000
) -> tuple[Array, Array]:
    """Pointwise binomial band, as wide as keeps `level` of uniform samples inside everywhere."""
    from scipy import stats

    uniform = np.sort(rng.random((repeats, n)), axis=1)
    counts = np.stack([np.searchsorted(row, share, side="right") for row in uniform])
    tails = np.minimum(stats.binom.cdf(counts, n, share), stats.binom.sf(counts - 1, n, share))
    cut = np.quantile(tails.min(axis=1), 1 - level)
    low = (stats.binom.ppf(cut, n, share)) / n - share
    high = stats.binom.isf(cut, n, share) / n - share
    return low, high
