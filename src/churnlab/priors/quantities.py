"""Natural quantities: what priors are on, and the unconstrained numbers that inference moves in."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from churnlab.errors import UsageError, nearest
from churnlab.priors.parse import Prior, parse
from churnlab.types import Array


class Quantity(NamedTuple):
    """One natural quantity of a model."""

    name: str
    support: str
    """"positive" (moves in log) or "unit" (moves in logit)."""
    per_time: bool
    """Whether it is a rate, so that its prior is in units of 1 / time_scale."""
    default: str
    """Default prior."""


class Coordinates:
    """The map between natural quantities and ``eta``, their logs or logits.

    Arrays have the quantity on the first axis and broadcast over the rest.
    """

    def __init__(self, quantities: tuple[Quantity, ...]) -> None:
        self.quantities = quantities

    def __len__(self) -> int:
        """Return the number of quantities."""
        return len(self.quantities)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the natural quantities, in the order of eta."""
        return tuple(q.name for q in self.quantities)

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


def stated_priors(
    owner: str, quantities: tuple[Quantity, ...], texts: dict[str, str] | None = None
) -> tuple[Prior, ...]:
    """Priors of `quantities`: their defaults, replaced by `texts` where given.

    Raises UsageError: A name that `owner` does not have, or a distribution whose support does not
        fit.
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
