"""Dropout tossed after purchases: BG/NBD, MBG/NBD and their kin with Erlang-k gaps."""

from typing import ClassVar

from churnlab.models.geometric.formula import GeometricDropout


class BgNbd(GeometricDropout):
    """BG/NBD of Fader, Hardie and Lee (2005); parameters r, alpha, a, b.

    P(alive) is 1 for every customer without a repeat purchase, because dropout is tossed only
    after one: never let this model decide a first-purchase state.
    """

    name: ClassVar[str] = "bg_nbd"
    lifetimes_fitter: ClassVar[str | None] = "BetaGeoFitter"
    kin_for_first_purchasers: ClassVar[str | None] = "mbg_nbd"


class MbgNbd(GeometricDropout):
    """MBG/NBD of Batislam, Denizel and Filiztekin (2007): a toss already after the first purchase.

    P(alive) on a purchase day itself is (b + x) / (a + b + x), not 1.
    """

    name: ClassVar[str] = "mbg_nbd"
    lifetimes_fitter: ClassVar[str | None] = "ModifiedBetaGeoFitter"
    toss_at_first: ClassVar[bool] = True


class BgCnbdK(BgNbd):
    """BG/CNBD-k of Reutterer, Platzer and Schroeder (2021); BG/NBD at k = 1.

    Erlang-k gaps, for purchases more regular than Poisson; `rate` in latent draws is lambda / k,
    the purchases per unit of time.
    """

    name: ClassVar[str] = "bg_cnbd_k"
    kin_for_first_purchasers: ClassVar[str | None] = "mbg_cnbd_k"
    lifetimes_fitter: ClassVar[str | None] = None
    regular: ClassVar[bool] = True
    default_k: ClassVar[int] = 2


class MbgCnbdK(MbgNbd):
    """MBG/CNBD-k of Platzer and Reutterer (2016); MBG/NBD at k = 1. See `BgCnbdK`."""

    name: ClassVar[str] = "mbg_cnbd_k"
    lifetimes_fitter: ClassVar[str | None] = None
    regular: ClassVar[bool] = True
    default_k: ClassVar[int] = 2
