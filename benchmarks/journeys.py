"""A million baskets: pairs and triples of goods within ten days, against chance.

    .venv/bin/python benchmarks/journeys.py [--baskets N] [--goods G]

Simulates customers with rates and tastes of their own (gamma rates: some come daily), baskets of
one to a dozen goods by a popularity that falls like 1/rank, and writes them to Parquet. A process
of its own then reads the log and looks for journeys; measured are wall time, CPU time of all
threads and the peak memory of the whole process. Writes benchmarks/results/journeys.md.
Bar: pairs of 1,000,000 baskets in 60 s and 4 GB; triples come on top here.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

RESULTS = Path(__file__).parent / "results" / "journeys.md"
BAR_SECONDS, BAR_GB = 60.0, 4.0
DAYS, START = 365, pd.Timestamp("2024-01-01")


def simulated(baskets: int, goods: int, seed: int = 1) -> pd.DataFrame:
    """Return rows of customer, time, order and item for about so many baskets."""
    rng = np.random.default_rng(seed)
    customers = max(baskets // 20, 1)
    per = rng.poisson(rng.gamma(0.8, baskets / customers / 0.8, customers))
    who = np.repeat(np.arange(customers), per)
    at = rng.uniform(0, DAYS * 86_400, len(who)).astype(np.int64)
    size = 1 + rng.poisson(rng.gamma(1.0, 2.0, len(who)))
    order = np.repeat(np.arange(len(who)), size)
    popular = np.cumsum(1 / np.arange(1, goods + 1))
    common = np.searchsorted(popular / popular[-1], rng.random(len(order)))
    # Half of the goods are of one's own taste: a few that the customer keeps to.
    own = rng.integers(0, goods, (customers, 4))[who[order], rng.integers(0, 4, len(order))]
    item = np.where(rng.random(len(order)) < 0.5, own, common)
    return pd.DataFrame(
        {
            "customer_id": "c" + pd.Series(who[order]).astype(str),
            "event_at": START + pd.to_timedelta(at[order], unit="s"),
            "order_id": "o" + pd.Series(order).astype(str),
            "item": "i" + pd.Series(item).astype(str),
        }
    )


def measure(path: str) -> None:
    """Read the log, find journeys, print what it took."""
    from churnlab.events import read_events
    from churnlab.journeys import JourneyConfig
    from churnlab.journeys.baskets import read_baskets
    from churnlab.journeys.mine import mine

    config = JourneyConfig()
    wall, cpu = time.perf_counter(), time.process_time()
    log = read_events(purchases=path, as_of="2024-12-31", duplicates="keep")
    read = time.perf_counter() - wall, time.process_time() - cpu
    baskets = read_baskets(
        log, level="item", window_days=config.window_days, most_items=config.most_items
    )
    found = mine(baskets, config).journeys
    n = int(baskets.table.count().execute())
    length = found["length"].value_counts()
    took = time.perf_counter() - wall - read[0], time.process_time() - cpu - read[1]
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"| {n:,} | {len(baskets.items)} of {baskets.n_items:,} | {length.get(2, 0)} | "
        f"{length.get(3, 0)} | {read[1]:.1f} | {took[0]:.1f} | {took[1]:.1f} | {gigabytes:.2f} |"
    )


def main() -> None:
    """Simulate, measure in a process of its own, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--baskets", type=int, default=1_000_000)
    parser.add_argument("--goods", type=int, default=500)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        measure(args.measure)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/orders.parquet"
        simulated(args.baskets, args.goods).to_parquet(path)
        command = [sys.executable, __file__, "--measure", path]
        row = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    text = (
        "# Journeys of a million baskets\n\n"
        "`python benchmarks/journeys.py`, one run. Seconds of reading the log are apart; peak "
        f"memory is the whole process'. Bar: pairs in {BAR_SECONDS:.0f} s and {BAR_GB:.0f} GB.\n\n"
        "| baskets | goods studied | pairs | triples | reading, CPU s | journeys, wall s | "
        "journeys, CPU s | GB |\n|---:|---|---:|---:|---:|---:|---:|---:|\n" + row + "\n"
    )
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
