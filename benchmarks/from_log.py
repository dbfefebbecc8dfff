"""From one log of purchases to P(alive) of every customer: what a user would pick instead.

    .venv/bin/python benchmarks/from_log.py [--customers 10000 100000 1000000] [--limit 600]
                                            [--jobs churnlab lifetimes] [--write]

Everybody reads the same Parquet file of purchases and writes one of a row a customer; every
measurement is a process of its own, its start included, and stops at the limit. The model is
MBG/NBD. `churnlab fit` is the whole command with all defaults (dates, thresholds, values, a
forecast); `churnlab` is the library, to mean and interval of P(alive). Peers run in their own
environment (see run.py). The second table ends at x, t_x and T of every customer, beside what one
would write by hand in PySpark (`local[*]`, Java's start included).
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
SIZES = (10_000, 100_000, 1_000_000)
RESULTS = HERE / "results" / "from_log.md"
END = "2025-06-29"


def churnlab(source: str, target: str) -> None:
    """Library: mean and interval of P(alive)."""
    import churnlab as cl

    summary = cl.summarise(cl.read_events(source, as_of=END))
    cl.fit(summary, model="mbg_nbd").p_alive().to_parquet(target)


def churnlab_fit(source: str, target: str) -> None:
    """Command: everything that a fit says of a customer."""
    words = ["fit", "data=files", f"data.purchases.path={source}", f"as_of={END}"]
    run = [sys.executable, "-m", "churnlab", *words, f"run_dir={Path(target).with_suffix('')}"]
    subprocess.run(run, check=True, capture_output=True)


def churnlab_summary(source: str, target: str) -> None:
    """Read and checked by the contract, then x, t_x and T."""
    import churnlab as cl

    log = cl.read_events(source, as_of=END)
    cl.summarise(log).customers.to_parquet(target)


def lifetimes(source: str, target: str) -> None:
    """Maximum likelihood, one P(alive) a customer."""
    import lifetimes as peer
    import pandas as pd
    from lifetimes.utils import summary_data_from_transaction_data

    log = pd.read_parquet(source)
    table = summary_data_from_transaction_data(
        log, "customer_id", "event_at", observation_period_end=END
    )
    known = table["frequency"], table["recency"], table["T"]
    model = peer.ModifiedBetaGeoFitter().fit(*known)
    alive = model.conditional_probability_alive(*known)
    pd.DataFrame({"p_alive": alive}, index=table.index).to_parquet(target)


def marketing(source: str, target: str, method: str) -> None:
    """pymc-marketing: mean and 90% interval of P(alive), as far as there are draws."""
    import pandas as pd
    from pymc_marketing import clv

    table = clv.rfm_summary(
        pd.read_parquet(source), "customer_id", "event_at", observation_period_end=END
    )
    options = {"random_seed": 1, "progressbar": False} if method == "mcmc" else {}
    model = clv.ModifiedBetaGeoModel()
    model.fit(data=table, method=method, **options)
    alive = model.expected_probability_alive(table)
    over = ("chain", "draw")
    found = {"p_alive": alive.mean(over).to_numpy()}
    if method == "mcmc":
        low, high = alive.quantile([0.05, 0.95], over).to_numpy()
        found |= {"p_alive_q05": low, "p_alive_q95": high}
    pd.DataFrame(found, index=table["customer_id"]).to_parquet(target)


def pyspark(source: str, target: str) -> None:
    """What one would write by hand: days, then counts and ends of them."""
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as f

    session = SparkSession.builder.master("local[*]").getOrCreate()
    day = f.to_date("event_at").alias("day")
    days = session.read.parquet(source).select("customer_id", day).distinct()
    first, last = f.min("day"), f.max("day")
    days.groupBy("customer_id").agg(
        (f.count("day") - 1).alias("x"),
        f.datediff(last, first).alias("t_x"),
        f.datediff(f.lit(END), first).alias("T"),
    ).write.parquet(target)
    session.stop()


JOBS: dict[str, Callable[[str, str], None]] = {
    "churnlab": churnlab,
    "churnlab fit": churnlab_fit,
    "lifetimes": lifetimes,
    "pymc-marketing map": lambda source, target: marketing(source, target, "map"),
    "pymc-marketing mcmc": lambda source, target: marketing(source, target, "mcmc"),
    "churnlab summary": churnlab_summary,
    "PySpark by hand": pyspark,
}
SUMMARIES = ("churnlab summary", "PySpark by hand")


def one_file(n: int, folder: Path) -> Path:
    """Return a file of the purchases that `pipeline.py` simulates, of `n` customers."""
    import duckdb
    from pipeline import simulate

    parts = folder / str(n)
    parts.mkdir()
    simulate(n, parts)
    path = folder / f"{n}.parquet"
    duckdb.sql(f"COPY (FROM '{parts}/purchases_*.parquet') TO '{path}' (FORMAT parquet)")
    return path


def measure(job: str, source: Path, peers: str, limit: float) -> dict[str, object]:
    """Return wall seconds and peak memory of one process, or why there are none."""
    peer = job.startswith(("lifetimes", "pymc"))
    with tempfile.TemporaryDirectory() as folder:
        words = [peers if peer else sys.executable, __file__, "--job", job, str(source)]
        start = time.perf_counter()
        try:
            done = subprocess.run(
                [*words, f"{folder}/out.parquet"], capture_output=True, text=True, timeout=limit
            )
        except subprocess.TimeoutExpired:
            return {"wall_s": limit, "note": f"did not finish in {limit:g} s"}
        wall = time.perf_counter() - start
    if done.returncode:
        return {"note": f"failed: {done.stderr.splitlines()[-1] if done.stderr else 'killed'}"}
    return {"wall_s": wall, "peak_gb": float(done.stdout.splitlines()[-1]), "note": ""}


def hopeless(job: str, rows: list[dict[str, object]], limit: float) -> str | None:
    """Why a job need not be tried: on fewer customers it failed or took half the limit."""
    for row in rows:
        if row["who"] == job and float(str(row.get("wall_s", limit))) >= limit / 2:
            return f"not tried: {row['note'] or 'slow'} on {row['customers']:,}"
    return None


def report(rows: list[dict[str, object]]) -> str:
    """Return both tables, with how often churnlab's time each takes."""
    import pandas as pd

    table = pd.DataFrame(rows).drop_duplicates(["customers", "who"], keep="last")
    table["times"] = float("nan")
    parts = []
    for names, against in (
        (set(JOBS) - set(SUMMARIES), "churnlab"),
        (set(SUMMARIES), SUMMARIES[0]),
    ):
        some = table[table["who"].isin(names)].copy()
        own = some[some["who"] == against].set_index("customers")["wall_s"]
        some["times"] = some["wall_s"] / some["customers"].map(own)
        parts.append(some.round(2).to_string(index=False, na_rep=""))
    return (
        "# From a log to P(alive), and to x, t_x, T\n\n"
        f"`benchmarks/from_log.py`, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the "
        "end, one run; `times`: wall time against churnlab's of the same size; where a peer did "
        "not finish, what it takes is more. Peaks are of Python: Java's is not counted.\n\n"
        f"```\n{parts[0]}\n```\n\n```\n{parts[1]}\n```\n"
    )


def main() -> None:
    """Simulate, measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, nargs="+", default=SIZES)
    parser.add_argument("--jobs", nargs="+", default=list(JOBS), choices=list(JOBS))
    parser.add_argument("--peers", default=str(HERE / ".venv/bin/python"))
    parser.add_argument("--limit", type=float, default=600.0, help="seconds a measurement")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    wanted = parser.parse_args()
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for n in sorted(wanted.customers):
            source = one_file(n, Path(folder))
            for job in wanted.jobs:
                why = hopeless(job, rows, wanted.limit)
                found = {"note": why} if why else measure(job, source, wanted.peers, wanted.limit)
                rows.append({"customers": n, "who": job} | found)
                print(rows[-1], flush=True)
    text = report(rows)
    print(text)
    if wanted.write:
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--job"]:
        JOBS[sys.argv[2]](*sys.argv[3:])
        kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        print(max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 2**20)
    else:
        main()
