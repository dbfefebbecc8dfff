"""The population model in PyMC: priors from the same text, the kernel as its likelihood.

The free variable is ``z``, whitened by the curvature at the mode: ``u = mode + axes @ z``. In z the
posterior is close to a standard normal, so NUTS needs no long adaptation and few leapfrog steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from churnlab.models.pymc.kernel_op import WeightedLogLikelihood, arguments
from churnlab.priors import Parametrisation, Prior

Array = NDArray[np.float64]


def to_pymc(prior: Prior) -> Any:
    """Return the PyMC distribution (unregistered) that the prior's text names."""
    family = getattr(pm, prior.family)
    # PyTensor stores bare Python floats in single precision where that looks exact: say double.
    arguments = {n: np.asarray(v, np.float64) for n, v in prior.distribution.arguments().items()}
    return family.dist(**arguments)


def natural(parametrisation: Parametrisation, eta: Any) -> list[Any]:
    """Symbolic natural quantities of eta (quantity, ...)."""
    return [
        pt.sigmoid(eta[i]) if q.support == "unit" else pt.exp(eta[i])
        for i, q in enumerate(parametrisation.quantities)
    ]


def theta(parametrisation: Parametrisation, eta: Any) -> Any:
    """Symbolic model parameters (parameter, group) of eta (quantity, group)."""
    r, alpha = pt.exp(eta[1]), pt.exp(eta[1] - eta[0]) / parametrisation.k
    fourth = pt.exp(eta[3])
    if parametrisation.beta_dropout:
        rows = [r, alpha, pt.sigmoid(eta[2]) * fourth, pt.sigmoid(-eta[2]) * fourth]
    else:
        rows = [r, alpha, fourth, pt.exp(eta[3] - eta[2])]
    return pt.stack(rows)


def log_prior(parametrisation: Parametrisation, priors: tuple[Prior, ...], u: Any) -> Any:
    """Symbolic log prior density of u, with the Jacobian of the map to natural quantities."""
    total = pt.constant(0.0)
    for q, prior, value, row in zip(
        parametrisation.quantities, priors, natural(parametrisation, u), u, strict=False
    ):
        jacobian = -pt.softplus(row) - pt.softplus(-row) if q.support == "unit" else row
        total = total + pm.logp(to_pymc(prior), value) + jacobian
    return total


def pooled_model(
    model: str,
    parametrisation: Parametrisation,
    priors: tuple[Prior, ...],
    columns: tuple[Any, ...],
    centre: Array,
    axes: Array,
) -> pm.Model:
    """One population, no groups.

    Parameters
    ----------
    model
        Name of the model.
    parametrisation, priors
        The map from u to theta and the priors on natural quantities.
    columns
        (group, x, t_x, T, weight) on inner time.
    centre, axes
        Mode of u and its whitening axes.
    """
    with pm.Model() as built:
        data = [
            pm.Data(f"column_{i}", column) for i, column in enumerate(arguments(model, columns))
        ]
        z = pm.Flat("z", shape=len(centre))
        u = pt.constant(centre) + pt.dot(pt.constant(axes), z)
        rows = [u[i] for i in range(len(centre))]
        op = WeightedLogLikelihood(model, parametrisation.k)
        value = op.make_node(theta(parametrisation, u[:, None]), *data).outputs[0]
        pm.Potential("log_likelihood", value)
        pm.Potential("log_prior", log_prior(parametrisation, priors, rows))
    return built
