"""BG/CNBD-k and MBG/CNBD-k: Erlang-k gaps, for purchases more regular than Poisson."""

from __future__ import annotations

from typing import ClassVar

from churnlab.errors import UsageError
from churnlab.models.geometric import GeometricDropout


class _ErlangGaps(GeometricDropout):
    """Erlang-k gaps; `rate` in latent draws is lambda / k, the purchases per unit of time."""

    def __init__(self, k: int = 2) -> None:
        if not isinstance(k, int) or isinstance(k, bool) or k < 1:
            raise UsageError(f"k must be a whole number of at least 1; got {k!r}.")
        self.k = k


class BgCnbdK(_ErlangGaps):
    """BG/CNBD-k of Reutterer, Platzer and Schroeder (2021); BG/NBD at k = 1."""

    name: ClassVar[str] = "bg_cnbd_k"
    toss_at_first: ClassVar[bool] = False


class MbgCnbdK(_ErlangGaps):
    """MBG/CNBD-k of Platzer and Reutterer (2016); MBG/NBD at k = 1."""

    name: ClassVar[str] = "mbg_cnbd_k"
    toss_at_first: ClassVar[bool] = True
