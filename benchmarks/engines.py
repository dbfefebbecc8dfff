"""One `churnlab fit` on DuckDB and where the log stays in Spark: wall time, and equal tables.

    SPARK_LOCAL_IP=127.0.0.1 .venv/bin/python benchmarks/engines.py [--customers 1000000] [--write]

Both read the same Parquet files of purchases and write every customer's row; Spark is `local[*]` of
this machine, its start included. Calendars are off in both, and amounts are not read.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pipeline import measure, simulate

RESULTS = Path(__file__).parent / "results" / "engines.md"


def differs(one: pd.DataFrame, other: pd.DataFrame) -> float:
    """Return the largest relative difference of numbers; refuse any other difference.

    Raises
    ------
    ValueError
        Ids, counts or dates differ.
    """
    worst = 0.0
    for name in other:
        a, b = one[name], other[name]
        if pd.api.types.is_numeric_dtype(a):
            x, y = (v.to_numpy(float, na_value=np.nan) for v in (a, b))
            if (np.isnan(x) != np.isnan(y)).any():
                raise ValueError(f"{name} is missing elsewhere")
            off = np.abs(x - y) / np.maximum(np.abs(x), 1e-300)
            worst = max(worst, float(np.nan_to_num(off).max()))
        elif (a.astype("str").to_numpy() != b.astype("str").to_numpy()).any():
            raise ValueError(f"{name} differs")
    return worst


def main() -> None:
    """Measure, compare, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(wanted.customers, folder)
        rows: list[dict[str, Any]] = []
        tables = []
        for engine in ("duckdb", "spark"):
            words = (
                f"fit data=files data.engine={engine} data.purchases.path={folder}/purchases_*."
                f"parquet data.purchases.amount=null model.calendar=null forecast.name=none "
                f"rule.learn=never run_dir={folder / engine}"
            )
            found = measure(words.split(), folder / f"{engine}.log")
            rows.append({"engine": engine, "wall_s": found["wall_s"]})
            table = pd.read_parquet(folder / engine / "customers.parquet")
            tables.append(table.sort_values("customer_id", ignore_index=True))
        worst = differs(*tables)
    factor = rows[1]["wall_s"] / rows[0]["wall_s"]
    text = (
        f"# One fit on two engines\n\n`benchmarks/engines.py`, {wanted.customers:,} customers, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end, Python "
        f"{sys.version.split()[0]}.\n\n```\n{pd.DataFrame(rows).round(1).to_string(index=False)}\n"
        f"factor of Spark: {factor:.2f}\n"
        f"largest relative difference of a number: {worst:.1e}\n```\n"
    )
    print(text)
    if wanted.write:
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
