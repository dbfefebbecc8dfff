"""From unconstrained numbers to the models' parameters, and priors that carry no unit.

Inference moves in ``eta`` (log or logit of *natural* quantities); a kernel wants ``theta``.

============================  =====================================  =============================
natural quantity              meaning                                theta
============================  =====================================  =============================
rate_mean                     mean purchases per time while alive    alpha = r / (k rate_mean)
rate_shape                    Gamma shape of the rates               r
dropout_mean                  mean dropout probability (BG family)   a = mean * concentration
dropout_concentration         a + b                                  b = (1 - mean) * concentration
dropout_rate_mean             mean dropout rate per time (Pareto)    beta = s / dropout_rate_mean
dropout_shape                 Gamma shape of the dropout rates       s
============================  =====================================  =============================

Priors are on these, with rates in units of 1 / time_scale, the mean age of the customers. Hence the
posterior of a rate per day does not depend on the unit of the input, which a prior on alpha or beta
(as peers have it) cannot give.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from churnlab.errors import UsageError, nearest
from churnlab.priors.parse import Prior, parse

Array = NDArray[np.float64]


class Quantity(NamedTuple):
    """One natural quantity of a model."""

    name: str
    support: str
    """"positive" (moves in log) or "unit" (moves in logit)."""
    per_time: bool
    """Whether it is a rate, so that its prior is in units of 1 / time_scale."""
    default: str
    """Default prior."""


#: Weakly informative (docs/inference.md): a factor of 20 either way for rates, of 7 for shapes.
_RATE = (
    Quantity("rate_mean", "positive", True, "LogNormal(mu=0, sigma=1.5)"),
    Quantity("rate_shape", "positive", False, "LogNormal(mu=0, sigma=1)"),
)
_BETA_DROPOUT = (
    Quantity("dropout_mean", "unit", False, "Beta(alpha=1, beta=1)"),
    Quantity("dropout_concentration", "positive", False, "LogNormal(mu=1, sigma=1)"),
)
_GAMMA_DROPOUT = (
    Quantity("dropout_rate_mean", "positive", True, "LogNormal(mu=0, sigma=1.5)"),
    Quantity("dropout_shape", "positive", False, "LogNormal(mu=0, sigma=1)"),
)

QUANTITIES: dict[str, tuple[Quantity, ...]] = {
    "bg_nbd": _RATE + _BETA_DROPOUT,
    "mbg_nbd": _RATE + _BETA_DROPOUT,
    "bg_cnbd_k": _RATE + _BETA_DROPOUT,
    "mbg_cnbd_k": _RATE + _BETA_DROPOUT,
    "pareto_nbd": _RATE + _GAMMA_DROPOUT,
}


@dataclass(frozen=True)
class Parametrisation:
    """The map eta -> natural -> theta of one model, with its derivatives.

    Arrays have the parameter on the first axis and broadcast over the rest. Times are in units of
    the time scale (the caller divides by it).
    """

    quantities: tuple[Quantity, ...]
    k: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the natural quantities, in the order of eta."""
        return tuple(q.name for q in self.quantities)

    @property
    def beta_dropout(self) -> bool:
        """Whether dropout is a Beta probability (BG family) rather than a Gamma rate (Pareto)."""
        return self.quantities[2].support == "unit"

    def natural(self, eta: Array) -> Array:
        """Natural quantities of `eta`; infinite where they overflow."""
        with np.errstate(over="ignore"):  # proposals far out, which end without weight
            return np.stack(
                [
                    expit(row) if q.support == "unit" else np.exp(row)
                    for q, row in zip(self.quantities, eta, strict=True)
                ]
            )

    def eta(self, natural: Array) -> Array:
        """Inverse of `natural`."""
        return np.stack(
            [
                logit(row) if q.support == "unit" else np.log(row)
                for q, row in zip(self.quantities, natural, strict=True)
            ]
        )

    def theta(self, eta: Array) -> Array:
        """Model parameters (r, alpha, a, b) or (r, alpha, s, beta) of `eta`.

        Infinite, or NaN, where they overflow.
        """
        log_rate, log_shape, third, log_fourth = eta
        with np.errstate(over="ignore", invalid="ignore"):
            r = np.exp(log_shape)
            alpha = np.exp(log_shape - log_rate) / self.k
            fourth = np.exp(log_fourth)
            if self.beta_dropout:
                return np.stack([r, alpha, expit(third) * fourth, expit(-third) * fourth])
            return np.stack([r, alpha, fourth, np.exp(log_fourth - third)])

    def from_theta(self, theta: Array) -> Array:
        """Inverse of `theta`."""
        r, alpha, third, fourth = theta
        log_rate = np.log(r) - np.log(alpha) - np.log(self.k)
        if self.beta_dropout:
            ratio = np.log(third) - np.log(fourth)
            return np.stack([log_rate, np.log(r), ratio, np.log(third + fourth)])
        return np.stack([log_rate, np.log(r), np.log(third) - np.log(fourth), np.log(third)])

    def pull_back(self, eta: Array, theta: Array, gradient: Array) -> Array:
        """Turn a gradient with respect to theta into one with respect to eta."""
        r, alpha, third, fourth = theta
        g_r, g_alpha, g_third, g_fourth = gradient
        first = -alpha * g_alpha
        second = r * g_r + alpha * g_alpha
        both = third * g_third + fourth * g_fourth
        if self.beta_dropout:
            spread = expit(eta[2]) * fourth  # concentration * mean * (1 - mean)
            return np.stack([first, second, spread * (g_third - g_fourth), both])
        return np.stack([first, second, -fourth * g_fourth, both])

    def log_jacobian(self, eta: Array) -> tuple[Array, Array]:
        """Log |d natural / d eta| summed over quantities, and its gradient."""
        value = np.zeros(np.shape(eta)[1:])
        gradient = np.ones_like(np.asarray(eta, float))
        for i, q in enumerate(self.quantities):
            if q.support == "unit":
                value = value - np.logaddexp(0, eta[i]) - np.logaddexp(0, -eta[i])
                gradient[i] = expit(-eta[i]) - expit(eta[i])
            else:
                value = value + eta[i]
        return value, gradient


def parametrisation(model: str, k: int = 1) -> Parametrisation:
    """Return the map of `model`; `k` is the Erlang shape."""
    if model not in QUANTITIES:
        raise UsageError(
            f"Unknown model {model!r}; known: {', '.join(QUANTITIES)}." + nearest(model, QUANTITIES)
        )
    return Parametrisation(QUANTITIES[model], k)


def model_priors(model: str, texts: dict[str, str] | None = None) -> tuple[Prior, ...]:
    """Priors of a model's natural quantities: the defaults, replaced by `texts` where given.

    Raises
    ------
    UsageError
        A name that the model does not have, or a distribution whose support does not fit.
    """
    return stated_priors(model, parametrisation(model).quantities, texts)


def stated_priors(
    owner: str, quantities: tuple[Quantity, ...], texts: dict[str, str] | None = None
) -> tuple[Prior, ...]:
    """Priors of `quantities`: their defaults, replaced by `texts` where given.

    Raises
    ------
    UsageError
        A name that `owner` does not have, or a distribution whose support does not fit.
    """
    names = [q.name for q in quantities]
    texts = dict(texts or {})
    for name in texts:
        if name not in names:
            raise UsageError(
                f"{owner} has no prior {name!r}; it has {', '.join(names)}." + nearest(name, names)
            )
    priors = []
    for q in quantities:
        prior = parse(texts.get(q.name, q.default))
        if not prior.fits(q.support):
            where = "between 0 and 1" if q.support == "unit" else "above 0"
            raise UsageError(
                f"The prior of {q.name} must live {where}; {prior.text!r} lives on the "
                f"{prior.support} numbers. The default is {q.default}."
            )
        priors.append(prior)
    return tuple(priors)
