"""Simulation-based calibration of partial pooling: population, spreads, a group, a customer.

Truths come from the priors of the hierarchy; the two-stage way is on trial.
"""

import numpy as np

from churnlab import models as likelihoods
from churnlab.errors import DataError
from churnlab.inference.diagnostics import check_cells
from churnlab.inference.targets.groups import GroupTarget
from churnlab.inference.targets.target import Target
from churnlab.inference.ways.mode import find_mode
from churnlab.inference.ways.twostage import sample_two_stage
from churnlab.models.draws import PopulationDraws
from churnlab.models.parametrisation import SPREADS, varying_rows
from churnlab.studies.ranks import (
    THINNED,
    TIME_SCALE,
    Simulation,
    hidden_ranks,
    model_priors_of,
    rank,
)


def simulate_groups_once(
    model: str, k: int, customers: int, groups: int, effects: str, rng: np.random.Generator
) -> Simulation:
    """Draw a truth with groups, simulate, fit in two stages, rank.

    customers, groups: Customers in all, and groups, which take equal shares of them.
    effects: ``locations`` or ``all``.
    """
    from churnlab.priors import parse
    from churnlab.summary import Cells  # its event engine is imported late

    priors = model_priors_of(model)
    blank, _ = Cells.collapse(np.zeros(2), np.zeros(2), np.full(2, 100.0))
    prior = Target(blank, model, k, priors, time_scale=TIME_SCALE)
    rows = list(varying_rows(effects, len(prior.map)))
    m = prior.prior_draws(1, rng)[0]
    spread = np.array([parse(SPREADS[row][1]).sample(1, rng)[0] for row in rows])
    eta = np.repeat(m[:, None], groups, axis=1)
    eta[rows] += spread[:, None] * rng.standard_normal((len(rows), groups))
    group = np.arange(customers) % groups
    theta = prior.theta_days(eta.T)[:, 0].T
    ages = rng.uniform(60, 400, customers)
    people = likelihoods.get(model, k).simulate_customers(theta[:, group], ages, rng)
    cells, _ = Cells.collapse(
        people.x, people.t_x, people.T, sum_log_gap=people.sum_log_gap,
        group=group, groups=tuple(f"g{i}" for i in range(groups)),
    )  # fmt: skip
    try:
        check_cells(cells, k)
    except DataError as error:
        return Simulation(None, str(error))
    pooled = Target(cells, model, k, priors, time_scale=TIME_SCALE)
    mode = find_mode(pooled)
    target = GroupTarget(cells, pooled, mode, {}, effects)
    sample = sample_two_stage(target, 4 * THINNED, rng)
    if sample.reason:
        return Simulation(None, sample.reason)
    u = sample.u[rng.permutation(len(sample.u))[:THINNED]]
    ranks = {
        name: rank(one, draws, rng)
        for name, one, draws in zip(
            target.map.names, prior.natural_days(m[None])[0], target.natural_days(u).T, strict=True
        )
    }
    drawn = list(target.spreads(u).items())
    ranks |= {name: rank(s, draws, rng) for s, (name, draws) in zip(spread, drawn, strict=True)}
    first = target.eta(u.T)[:, 0]
    ranks |= {f"{target.map.names[row]}[g0]": rank(eta[row, 0], first[row], rng) for row in rows}
    draws = PopulationDraws(model, k, target.theta_days(u)[:, :1])
    return Simulation(ranks | hidden_ranks(draws, people, rng), "")
