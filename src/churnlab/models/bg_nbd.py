"""BG/NBD: Poisson purchases, dropout tossed after each repeat purchase."""

from __future__ import annotations

from typing import ClassVar

from churnlab.errors import UsageError
from churnlab.models.geometric import GeometricDropout


def only_exponential(name: str, k: int) -> None:
    """Refuse Erlang gaps for a model that has exponential ones only."""
    if k != 1:
        raise UsageError(
            f"Model {name!r} has exponential gaps (k = 1); got k = {k}. "
            f"For Erlang-k gaps choose bg_cnbd_k or mbg_cnbd_k."
        )


class BgNbd(GeometricDropout):
    """BG/NBD of Fader, Hardie and Lee (2005); parameters r, alpha, a, b.

    P(alive) is 1 for every customer without a repeat purchase, because dropout is tossed only
    after one: never let this model decide a first-purchase state.
    """

    name: ClassVar[str] = "bg_nbd"
    toss_at_first: ClassVar[bool] = False

    def __init__(self, k: int = 1) -> None:
        only_exponential(self.name, k)
