"""`churnlab simulate`: a shop with known truth."""

from __future__ import annotations

import numpy as np

from churnlab.cli.console import Console
from churnlab.config.schema import SimulateSettings
from churnlab.runs.folder import RunFolder
from churnlab.simulate import simulate_shop

TABLES = ("members", "visits", "purchases", "treatments", "items", "truth")


def run(settings: SimulateSettings, folder: RunFolder, console: Console) -> None:
    """Simulate the shop and write one Parquet file per table."""
    with console.stage("simulating the shop"):
        shop = simulate_shop(settings.shop, np.random.default_rng(settings.seed))
    for name in TABLES:
        frame = getattr(shop, name)
        folder.write_parquet(f"{name}.parquet", frame)
        console.say(f"{name + '.parquet':<20} {len(frame):>9,} rows")
    console.say(f"last complete day: {shop.as_of}; folder: {folder.path}")
