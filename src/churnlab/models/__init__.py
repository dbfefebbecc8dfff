"""Buy-till-you-die models: an object and a folder each.

A family's folder holds the readable NumPy formula (`formula`), the fused kernels (`kernel`,
`many`), what it says of a silence (`silence`, `counts`) and its priors' quantities (`dropout`).
Importing this package needs NumPy and SciPy only; numba is loaded with the first kernel.
"""

from churnlab.errors import one_of
from churnlab.models.base import Likelihood
from churnlab.models.geometric import BgCnbdK, BgNbd, MbgCnbdK, MbgNbd
from churnlab.models.gompertz import GGomNbd
from churnlab.models.pareto import ParetoNbd
from churnlab.models.story import Latent

#: A new model joins with one line here (and one folder): the names that configurations,
#: backtests, bundles and simulators know follow from it.
REGISTRY: dict[str, type[Likelihood]] = {
    model.name: model for model in (BgNbd, MbgNbd, ParetoNbd, BgCnbdK, MbgCnbdK, GGomNbd)
}
#: The names, in that order.
MODELS = REGISTRY.keys()


def named(name: str) -> type[Likelihood]:
    """Return the model called `name`.

    Raises UsageError for an unknown name.
    """
    one_of("the model", name, REGISTRY)
    return REGISTRY[name]


def get(name: str, k: int = 1) -> Likelihood:
    """Return the likelihood called `name`, with Erlang-`k` gaps where the model has them.

    name: One of `MODELS`.
    k: Erlang shape of the gaps; 1 is exponential, the only choice of models that are not
        `Likelihood.regular`.
    Raises UsageError for an unknown name, and for a `k` that the model does not have.
    """
    return named(name)(k)


__all__ = [
    "MODELS", "REGISTRY", "BgCnbdK", "BgNbd", "GGomNbd", "Latent", "Likelihood", "MbgCnbdK",
    "MbgNbd", "ParetoNbd", "get", "named",
]  # fmt: skip
