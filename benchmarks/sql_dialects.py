"""Scoring SQL for a million customers on DuckDB, PostgreSQL and Spark, in one run, 64 draws.

Run with ``python benchmarks/sql_dialects.py [customers] [postgres=DSN] [spark]``. Each engine gets
the same table `customer_summary` and writes the scored table; loading is not counted. DuckDB and
Spark have two threads, PostgreSQL what its server gives.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
from sql_scoring import CENTRES, CUSTOMERS, THREADS, rules

from churnlab.export.sql import SummarySource, score_sql

CENTRES["pareto_nbd"] = (0.553, 10.58 * 7, 0.606, 11.67 * 7)
CASES = (("mbg_nbd", "fixed_days"), ("pareto_nbd", "p_alive"))


def body(model: str, basis: str, dialect: str) -> str:
    return score_sql(rules(model, basis), dialect, SummarySource())


def timed(name: str, model: str, basis: str, work: Callable[[], Any]) -> None:
    start = time.perf_counter()
    rows = work()
    print(f"{name:9} {model:10} {basis:10} {time.perf_counter() - start:7.1f} s, {rows:,} rows",
          flush=True)  # fmt: skip


def on_postgres(address: str, data: Path) -> None:
    import psycopg
    import pyarrow.parquet as pq

    with psycopg.connect(address, autocommit=True) as link, link.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS customer_summary, scored")
        cursor.execute('CREATE TABLE customer_summary (customer_id text, x int, t_x int, "T" int)')
        rows = pq.read_table(data).select(["customer_id", "x", "t_x", "T"]).to_pylist()
        with cursor.copy("COPY customer_summary FROM STDIN") as copy:
            for row in rows:
                copy.write_row(tuple(row.values()))
        cursor.execute("ANALYZE customer_summary")
        for model, basis in CASES:

            def work(model: str = model, basis: str = basis) -> int:
                cursor.execute("DROP TABLE IF EXISTS scored")
                cursor.execute("CREATE TABLE scored AS " + body(model, basis, "postgres"))
                return cursor.rowcount

            timed("postgres", model, basis, work)


def on_spark(data: Path) -> None:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(f"local[{THREADS}]").config("spark.driver.memory", "8g")
    settings = {"spark.ui.enabled": "false", "spark.sql.session.timeZone": "UTC",
                "spark.sql.shuffle.partitions": "8", "spark.driver.host": "127.0.0.1"}  # fmt: skip
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.read.parquet(str(data)).createOrReplaceTempView("customer_summary")
    for model, basis in CASES:

        def work(model: str = model, basis: str = basis) -> int:
            place = str(data.with_name(f"scored_{model}"))
            session.sql(body(model, basis, "spark")).write.mode("overwrite").parquet(place)
            return session.read.parquet(place).count()

        timed("spark", model, basis, work)
    session.stop()


def main(n: int, address: str | None, spark: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
        data = Path(folder) / "customer_summary.parquet"
        con.execute(f"SET threads = {THREADS}")
        con.execute("SELECT setseed(0.5)")
        con.execute(CUSTOMERS.format(n=n))
        con.execute(
            "CREATE OR REPLACE TABLE customer_summary AS SELECT CAST(customer_id AS VARCHAR) AS "
            "customer_id, x, t_x, CAST(T AS INTEGER) AS T FROM customer_summary"
        )
        con.execute(f"COPY customer_summary TO '{data}' (FORMAT parquet)")
        [(cells,)] = con.execute(
            "SELECT COUNT(*) FROM (SELECT DISTINCT x, t_x, T FROM customer_summary)"
        ).fetchall()
        print(f"{n:,} customers, {cells:,} distinct cells")
        for model, basis in CASES:

            def work(model: str = model, basis: str = basis) -> int:
                con.execute("CREATE OR REPLACE TABLE scored AS " + body(model, basis, "duckdb"))
                [(rows,)] = con.execute("SELECT COUNT(*) FROM scored").fetchall()
                return int(rows)

            timed("duckdb", model, basis, work)
        if address:
            on_postgres(address, data)
        if spark:
            on_spark(data)


if __name__ == "__main__":
    given = sys.argv[1:]
    named = dict(word.split("=", 1) for word in given if "=" in word)
    size = next((int(float(word)) for word in given if word[0].isdigit()), 1_000_000)
    main(size, named.get("postgres"), "spark" in given)
