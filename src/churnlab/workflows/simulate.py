"""Simulate a shop with known truth."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from churnlab.progress import SILENT, Progress
from churnlab.runs import Result
from churnlab.simulate import Shop, simulate_shop
from churnlab.workflows.steps.settings import SimulateSettings

TABLES = ("members", "visits", "purchases", "treatments", "items", "truth")


@dataclass(frozen=True)
class Simulated(Result):
    """A simulated shop."""

    shop: Shop

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The events, and the truth behind them."""
        return {name: getattr(self.shop, name) for name in TABLES}

    @property
    def lines(self) -> list[str]:
        """Rows by table, and the last day."""
        rows = [f"{name + '.parquet':<20} {len(t):>9,} rows" for name, t in self.tables.items()]
        return [*rows, f"last complete day: {self.shop.as_of}"]


def simulate(settings: SimulateSettings, progress: Progress = SILENT) -> Simulated:
    """Simulate members, visits, purchases, treatments and items."""
    with progress.stage("simulating the shop"):
        return Simulated(simulate_shop(settings.shop, np.random.default_rng(settings.seed)))
