"""What every simulation of the calibration shares: priors of its truths, ranks of a truth."""

from typing import NamedTuple

import numpy as np

from churnlab import models as likelihoods
from churnlab.models.draws import PopulationDraws
from churnlab.models.story import Customers, Latent
from churnlab.types import Array

#: Priors of the calibration: as loose as keeps nearly every simulated shop fittable.
PRIORS: dict[str, str] = {
    "rate_mean": "LogNormal(mu=1, sigma=0.5)",
    "rate_shape": "LogNormal(mu=0, sigma=0.5)",
    "dropout_mean": "Beta(alpha=3, beta=7)",
    "dropout_concentration": "LogNormal(mu=1, sigma=0.5)",
    "dropout_rate_mean": "LogNormal(mu=0, sigma=0.5)",
    "dropout_shape": "LogNormal(mu=0, sigma=0.5)",
    "ageing_rate": "LogNormal(mu=0, sigma=0.5)",
}
#: Days per unit of the priors' time, and the horizon of P(no purchase in H).
TIME_SCALE = 200.0
HORIZON = 60.0
#: Posterior draws that a truth is ranked among.
THINNED = 99


class Simulation(NamedTuple):
    """Ranks of one simulated population, by quantity; None when it could not be fitted."""

    ranks: dict[str, int] | None
    reason: str


def model_priors_of(model: str) -> dict[str, str]:
    """Return the priors that truths of a model are drawn from, by natural quantity."""
    return {name: PRIORS[name] for name in likelihoods.get(model).map.names}


def hidden_ranks(
    draws: PopulationDraws, people: Customers, rng: np.random.Generator
) -> dict[str, int]:
    """Ranks of one customer's hidden quantities among exact draws given the data."""
    data = (people.x[0], people.t_x[0], people.T[0])
    model, theta = draws.likelihood, draws.theta[:, 0].T
    drawn, silence = model.sample_latent(theta, *data, rng), people.T[0] - people.t_x[0]
    truth = Latent(*(np.broadcast_to(v, people.x.shape)[:1] for v in people.hidden))
    true_risk, risk = (model.p_no_purchase_given(v, silence, HORIZON) for v in (truth, drawn))
    gap, death = model.next_gap(drawn, silence, rng), model.time_to_death(drawn, rng)
    waits = np.where(drawn.alive & (gap <= death), gap, np.inf)
    return {
        "customer_rate": rank(truth.rate[0], drawn.rate, rng),
        "customer_dropout": rank(truth.dropout[0], drawn.dropout, rng),
        "p_no_purchase": rank(float(true_risk[0]), risk, rng),
        "next_purchase": rank(people.next_purchase[0], waits, rng),
    }


def rank(truth: float, draws: Array, rng: np.random.Generator) -> int:
    """Number of draws below the truth; ties are broken at random."""
    below, equal = int(np.sum(draws < truth)), int(np.sum(draws == truth))
    return below + int(rng.integers(equal + 1))
