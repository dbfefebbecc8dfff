"""Event logs with known truth: buy-till-you-die populations and a whole simulated shop."""

from churnlab.simulate.btyd import simulate_btyd
from churnlab.simulate.config import ShopConfig
from churnlab.simulate.shop import Shop, simulate_shop

__all__ = ["Shop", "ShopConfig", "simulate_btyd", "simulate_shop"]
