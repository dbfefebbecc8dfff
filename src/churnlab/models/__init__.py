"""Buy-till-you-die likelihoods: one readable NumPy formula per model and one fused kernel each.

Importing this package needs NumPy and SciPy only; numba is loaded with the first kernel.
"""

from __future__ import annotations

from churnlab.errors import UsageError, nearest
from churnlab.models.base import Array, Latent, Likelihood
from churnlab.models.bg_nbd import BgNbd
from churnlab.models.erlang import BgCnbdK, MbgCnbdK
from churnlab.models.mbg_nbd import MbgNbd
from churnlab.models.pareto_nbd import ParetoNbd

#: A new model joins with one line here (and one file).
REGISTRY: dict[str, type[Likelihood]] = {
    model.name: model for model in (BgNbd, MbgNbd, ParetoNbd, BgCnbdK, MbgCnbdK)
}


def get(name: str, k: int = 1) -> Likelihood:
    """Return the likelihood called `name`, with Erlang-`k` gaps where the model has them.

    Parameters
    ----------
    name
        One of ``bg_nbd``, ``mbg_nbd``, ``pareto_nbd``, ``bg_cnbd_k``, ``mbg_cnbd_k``.
    k
        Erlang shape of the gaps between purchases; 1 is exponential, the only choice of the first
        three.

    Raises
    ------
    UsageError
        For an unknown name, and for a `k` that the model does not have.
    """
    if name not in REGISTRY:
        raise UsageError(
            f"Unknown model {name!r}; expected one of {', '.join(REGISTRY)}."
            + nearest(name, REGISTRY)
        )
    return REGISTRY[name](k)


__all__ = [
    "REGISTRY",
    "Array",
    "BgCnbdK",
    "BgNbd",
    "Latent",
    "Likelihood",
    "MbgCnbdK",
    "MbgNbd",
    "ParetoNbd",
    "get",
]
