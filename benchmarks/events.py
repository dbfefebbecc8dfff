"""From raw events to the cells of a model: how long it takes, by number of events.

    .venv/bin/python benchmarks/events.py [--events 1000000 10000000 100000000]
                                          [--memory 2GB] [--folder DIR] [--write]

DuckDB writes the events (20 a customer on average, few customers with very many) as Parquet; one
process per size then reads, checks, cleans and sums them up to the distinct (x, t_x, T): seconds
of wall and CPU of each part, peak memory, cells. The bar for 100,000,000 events of 5,000,000
customers on two idle cores: 60 s and 4 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pandas as pd

SIZES = (1_000_000, 10_000_000, 100_000_000)
PER_CUSTOMER, DAYS = 20, 730
BAR_EVENTS, BAR_SECONDS, BAR_GIGABYTES = 100_000_000, 60, 4
RESULTS = Path(__file__).parent / "results" / "events.md"
_MEASURE = """
import json, resource, sys, time
from churnlab.events import DataConfig, PurchasesTable, open_log
from churnlab.summary import summarise
path, memory = sys.argv[1:]
marks = [(time.perf_counter(), time.process_time())]
table = PurchasesTable(path=path)
log = open_log(DataConfig(purchases=table, memory_limit=None if memory == "none" else memory))
marks.append((time.perf_counter(), time.process_time()))
cells = summarise(log, log_gaps=False).cells
marks.append((time.perf_counter(), time.process_time()))
(w0, c0), (w1, c1), (w2, c2) = marks
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps({"customers": cells.n_customers, "cells": len(cells),
                  "read_s": w1 - w0, "read_cpu_s": c1 - c0, "sum_s": w2 - w1,
                  "sum_cpu_s": c2 - c1, "wall_s": w2 - w0, "cpu_s": c2 - c0, "peak_gb": used}))
"""


def write(events: int, path: Path) -> None:
    """Write the events; nearly half of them are of a tenth of the customers."""
    customers = max(events // PER_CUSTOMER, 1)
    with duckdb.connect() as db:
        db.execute("SET memory_limit = '2GB'")
        db.execute(f"SET temp_directory = '{path.parent}/spill'")
        db.execute("SET preserve_insertion_order = false")
        # a hash of the row's number: the same events on every machine, in no order
        db.execute(f"""
            COPY (
                SELECT
                    'c' || lpad(
                        floor({customers} * pow((hash(i) % 1000000007) / 1000000007.0, 3))::BIGINT
                        ::VARCHAR, 8, '0') AS customer_id,
                    TIMESTAMP '2023-01-01' + to_seconds((hash(i + 7) % {DAYS * 86_400})::BIGINT)
                        AS event_at
                FROM range({events}) AS t(i)
            ) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
        """)


def measure(path: Path, memory: str) -> dict[str, float]:
    """Return what one process needs for the events of a file."""
    command = [sys.executable, "-c", _MEASURE, str(path), memory]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def report(table: pd.DataFrame, memory: str) -> str:
    """Return the table with what it was measured on."""
    text = table.round(2).to_string(index=False)
    return (
        "# From events to cells\n\n"
        f"`benchmarks/events.py`, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the "
        f"end, data.memory_limit={memory}. Bar: {BAR_EVENTS:,} events in {BAR_SECONDS} s and "
        f"{BAR_GIGABYTES} GB on two idle cores.\n\n```\n{text}\n```\n"
    )


def main() -> None:
    """Write the events, measure each size, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=SIZES)
    parser.add_argument("--memory", default="2GB", help="data.memory_limit, or none")
    parser.add_argument("--folder", type=Path, help="keep the events here; default: none is kept")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    wanted = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = wanted.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for events in wanted.events:
            path = folder / f"events_{events}.parquet"
            if not path.exists():
                write(events, path)
            rows.append({"events": events, **measure(path, wanted.memory)})
            print(rows[-1], flush=True)
    text = report(pd.DataFrame(rows), wanted.memory)
    print(text)
    if wanted.write:
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
