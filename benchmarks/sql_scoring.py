"""Scoring SQL on ten million customers: DuckDB, two cores, 64 draws.

Run with ``python benchmarks/sql_scoring.py [customers]``. The bar of issue 8: under 60 seconds for
P(alive) and risk with BG/NBD or MBG/NBD. Customers are spread over 730 days on a day grid, which
gives about as many distinct (x, t_x, T) as a live customer base does.
"""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np

from churnlab.bundle import PurchaseRule, ScoringBundle
from churnlab.export.sql import SummarySource, score_sql
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import RiskConfig

DRAWS, THREADS = 64, 2
BASES = ("p_alive", "personal_cycles", "fixed_days")
CENTRES = {"bg_nbd": (0.243, 4.414 * 7, 0.793, 2.426), "mbg_nbd": (0.525, 6.183 * 7, 0.891, 1.614)}

CUSTOMERS = """
CREATE TABLE customer_summary AS
SELECT customer_id, x, T + 1 AS T,
       CASE WHEN x = 0 THEN 0 ELSE CAST(1 + FLOOR(u * T) AS INTEGER) END AS t_x
FROM (
    SELECT i AS customer_id, CAST(FLOOR(-LN(1 - random()) * 1.5) AS INTEGER) AS x,
           CAST(FLOOR(random() * 729) AS INTEGER) + 1 AS T, POWER(random(), 0.5) AS u
    FROM range({n}) AS r(i)
)
"""


def rules(model: str, basis: str) -> ScoringBundle:
    rng = np.random.default_rng(1)
    theta = np.array(CENTRES[model]) * np.exp(0.1 * rng.normal(size=(DRAWS, 1, 4)))
    rule = PurchaseRule(PopulationDraws(model, 1, theta), RiskConfig(basis=basis), 0.5, 0.5)
    return ScoringBundle("cb-benchmark", dt.date(2024, 6, 30), "UTC", rule, None)


def main(n: int) -> None:
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(Path(folder) / "bench.db") as con:
        con.execute(f"SET threads = {THREADS}")
        con.execute("SELECT setseed(0.5)")
        con.execute(CUSTOMERS.format(n=n))
        [(cells,)] = con.execute(
            "SELECT COUNT(*) FROM (SELECT DISTINCT x, t_x, T FROM customer_summary)"
        ).fetchall()
        print(f"{n:,} customers, {cells:,} distinct cells, {DRAWS} draws, {THREADS} threads")
        for model in CENTRES:
            for basis in BASES:
                text = score_sql(rules(model, basis), "duckdb", SummarySource())
                start, busy = time.perf_counter(), time.process_time()
                con.execute("CREATE OR REPLACE TABLE scored AS " + text.split("\n", 2)[2])
                seconds, busy = time.perf_counter() - start, time.process_time() - busy
                [(rows, mean)] = con.execute("SELECT COUNT(*), AVG(p_alive) FROM scored").fetchall()
                print(
                    f"{model:8} {basis:16} {seconds:6.1f} s wall, {busy:6.1f} s of CPU, "
                    f"{rows:,} rows, mean {mean:.4f}",
                    flush=True,
                )


if __name__ == "__main__":
    main(int(float(sys.argv[1])) if len(sys.argv) > 1 else 10_000_000)
