"""How long a log of 2.77 million rows takes to be read and checked, from CSV and from Parquet.

    .venv/bin/python benchmarks/check.py [--rows N] [--repeat K]

Each measurement is a process of its own that opens the log once: seconds of `open_log` (imports
are not counted), CPU seconds of all threads, peak memory, and the seconds of `churnlab check` as a
whole. The bar is 4 s of `open_log` for the CSV on two idle cores.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROWS, BAR = 2_770_000, 4.0
_OPEN = """
import resource, sys, time
from churnlab.events import DataConfig, PurchasesTable, open_log
table = PurchasesTable(path=sys.argv[1])
wall, cpu = time.perf_counter(), time.process_time()
log = open_log(DataConfig(purchases=table))
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
assert log.report.tables["purchases"].kept == int(sys.argv[2])
print(wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


def write(rows: int, folder: Path) -> list[Path]:
    """Write orders of one to five lines: id, ISO time, amount, order, item."""
    rng = np.random.default_rng(1)
    lines = rng.integers(1, 6, rows)
    order = np.repeat(np.arange(rows), lines)[:rows]
    orders = int(order[-1]) + 1
    seconds = np.sort(rng.integers(0, 730 * 86_400, orders))
    frame = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 300_000, orders)[order],
            "event_at": (pd.Timestamp("2021-01-01") + pd.to_timedelta(seconds, unit="s"))[order],
            "amount": rng.gamma(3, 10, rows).round(2),
            "order_id": order,
            "item": rng.integers(0, 5_000, rows),
        }
    )
    frame["customer_id"] = "c" + frame["customer_id"].astype(str)
    csv, parquet = folder / "orders.csv", folder / "orders.parquet"
    frame.to_csv(csv, index=False)
    frame.to_parquet(parquet, index=False)
    return [csv, parquet]


def best(command: list[str], repeat: int) -> tuple[float, list[str]]:
    """Return the wall seconds of the fastest of several runs, and what that one said."""
    found = []
    for _ in range(repeat):
        start = time.perf_counter()
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found.append((time.perf_counter() - start, said.split()))
    return min(found)


def main() -> None:
    """Write the logs, open each, print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    print(f"{given.rows:,} rows, {os.cpu_count()} cores, best of {given.repeat}; bar {BAR} s")
    with tempfile.TemporaryDirectory() as folder:
        for path in write(given.rows, Path(folder)):
            opened = [sys.executable, "-c", _OPEN, str(path), str(given.rows)]
            wall, cpu, memory = map(float, best(opened, given.repeat)[1])
            check = ["check", f"data.purchases.path={path}", f"run_dir={folder}/run"]
            whole, _ = best([sys.executable, "-m", "churnlab", *check], given.repeat)
            print(
                f"{path.name:15} {path.stat().st_size / 2**20:4.0f} MB: {wall:5.2f} s wall, "
                f"{cpu:5.2f} s CPU, {memory:.2f} GB; `churnlab check` {whole:.2f} s"
            )


if __name__ == "__main__":
    main()
