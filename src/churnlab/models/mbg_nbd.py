"""MBG/NBD: as BG/NBD, with a dropout toss already after the first purchase."""

from __future__ import annotations

from typing import ClassVar

from churnlab.models.bg_nbd import only_exponential
from churnlab.models.geometric import GeometricDropout


class MbgNbd(GeometricDropout):
    """MBG/NBD of Batislam, Denizel and Filiztekin (2007); parameters r, alpha, a, b.

    P(alive) on a purchase day itself is (b + x) / (a + b + x), not 1.
    """

    name: ClassVar[str] = "mbg_nbd"
    toss_at_first: ClassVar[bool] = True

    def __init__(self, k: int = 1) -> None:
        only_exponential(self.name, k)
