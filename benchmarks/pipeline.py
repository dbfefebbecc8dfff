"""Every stage of the main job from Parquet to report, by number of customers.

    .venv/bin/python benchmarks/pipeline.py [--customers 10000 100000 1000000]
                                            [--stages fit segment] [--folder DIR] [--write]

Simulates purchases with amounts, visits and members once per size; each stage is the command
itself in a process of its own: wall time, CPU time (of all threads) and peak memory. With --folder
stages may be measured one by one: the table holds the last measurement of each. With --write it
goes to benchmarks/results/pipeline.md, which is worth doing on an idle machine only. `once_s` is
what DuckDB takes to read a stage's Parquet files once and to write those that it made once: no
stage can be faster; `times_once` says how far it is from that.
10,000,000 customers are one more size: --customers 1000000 10000000 (bar: 20 minutes and 12 GB).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd
from logs import TRUTH

from churnlab.simulate import simulate_btyd

SIZES = (10_000, 100_000, 1_000_000)
DAYS, CHUNK = 546, 250_000
RESULTS = Path(__file__).parent / "results" / "pipeline.md"


class Bar(NamedTuple):
    """What a stage may take for 1,000,000 customers on two idle cores."""

    seconds: float
    gigabytes: float | None = None


#: The export's bar is for export and verify together; every stage may grow with an exponent of 1.
BARS = {
    "fit": Bar(20, 1.5), "segment": Bar(40), "backtest": Bar(60, 2.5), "export": Bar(40),
    "pipeline": Bar(180, 3),
}  # fmt: skip
#: Words of each command; what a stage reads of earlier ones stands in braces.
STAGES = {
    "check": "check {data}",
    "fit": "fit {data}",
    "segment": "segment {data} segments.periods=4",
    "backtest": "backtest {data} candidates=[mbg_nbd,pareto_nbd] cache_dir=null",
    "export": "export runs=[{segment},{backtest}]",
    "verify": "verify bundle={export}",
    "score": "score bundle={export} {data}",
    "pipeline": "pipeline {data} cache_dir=null",
    "report": "report run={pipeline}",
}


def simulate(n: int, folder: Path, seed: int = 1) -> None:
    """Write purchases with amounts, visits that follow them, and members, in files of parts."""
    rng = np.random.default_rng(seed)
    for part, start in enumerate(range(0, n, CHUNK)):
        size = min(CHUNK, n - start)
        log = simulate_btyd("mbg_nbd", TRUTH["mbg_nbd"], size, DAYS, rng, prefix=f"c{part:03d}_")
        bought = log.purchases.assign(amount=rng.gamma(3, 10, len(log.purchases)).round(2))
        after = pd.to_timedelta(rng.exponential(20, 2 * len(bought)).round(), unit="D")
        visits = pd.concat([bought[["customer_id", "event_at"]]] * 2, ignore_index=True)
        visits["event_at"] += after
        visits = visits[visits["event_at"] <= pd.Timestamp(log.as_of)].drop_duplicates()
        members = pd.DataFrame(
            {
                "customer_id": log.truth["customer_id"],
                "signed_up_at": log.truth["first_purchase_at"],
                "channel": rng.choice(["search", "social", "direct"], size),
            }
        )
        for name, frame in (("purchases", bought), ("visits", visits), ("members", members)):
            frame.to_parquet(folder / f"{name}_{part:03d}.parquet", index=False)


def data_words(folder: Path) -> str:
    """Return the settings that name the simulated tables."""
    tables = ("purchases", "visits", "members")
    return " ".join(["data=files", *(f"data.{t}.path={folder}/{t}_*.parquet" for t in tables)])


def measure(words: list[str], log: Path) -> dict[str, float]:
    """Run a command of churnlab; return wall and CPU seconds and the peak in gigabytes.

    Raises
    ------
    RuntimeError
        When it fails; what it printed stands in `log`.
    """
    started = time.perf_counter()
    with log.open("w") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", "churnlab", *words], stdout=out, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"churnlab {words[0]} failed; see {log}:\n{log.read_text()[-1500:]}")
    return {
        "wall_s": wall,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_gb": used.ru_maxrss / 1024**2,
    }


def once(read: list[Path], written: list[Path], scratch: Path) -> float:
    """Return the seconds that DuckDB takes to read Parquet files once, and to write others once."""
    engine = duckdb.connect()
    started = time.perf_counter()
    for path in read:
        engine.sql(f"SELECT bit_xor(hash(t)) FROM read_parquet('{path}') AS t").fetchall()
    for path in written:
        engine.sql(f"COPY (FROM read_parquet('{path}')) TO '{scratch}' (FORMAT parquet)")
    seconds = time.perf_counter() - started
    scratch.unlink(missing_ok=True)
    return seconds


def tables_of(words: str, here: Path) -> list[Path]:
    """Return the Parquet files that a stage reads: the simulated ones, or those of earlier ones."""
    earlier = [stage for stage in STAGES if f"{{{stage}}}" in words]
    found = list(here.glob("*.parquet")) if "{data}" in words else []
    return found + [p for stage in earlier for p in (here / stage).rglob("*.parquet")]


def run(n: int, stages: list[str], folder: Path) -> list[dict[str, object]]:
    """Measure stages at one size."""
    here = folder / str(n)
    here.mkdir(parents=True, exist_ok=True)
    if not list(here.glob("members_*.parquet")):
        simulate(n, here)
    places = {stage: str(here / stage) for stage in STAGES} | {"data": data_words(here)}
    rows: list[dict[str, object]] = []
    for stage in stages:
        words = STAGES[stage].format(**places).split()
        found = measure([*words, f"run_dir={here / stage}"], here / f"{stage}.log")
        made = list((here / stage).rglob("*.parquet"))
        found["once_s"] = once(tables_of(STAGES[stage], here), made, here / "once.tmp")
        rows.append({"stage": stage, "customers": n, **found})
        print(f"{stage:<10}{n:>12,}" + "".join(f"  {k} {v:8.2f}" for k, v in found.items()),
              flush=True)  # fmt: skip
    return rows


def with_earlier(rows: list[dict[str, object]], kept: Path) -> pd.DataFrame:
    """Return the last measurement of every stage and size in a folder: stages may come singly."""
    earlier = json.loads(kept.read_text()) if kept.exists() else []
    found = {(r["stage"], r["customers"]): r for r in (*earlier, *rows)}
    kept.write_text(json.dumps(list(found.values())))
    return pd.DataFrame(list(found.values()))


def with_bars(table: pd.DataFrame) -> pd.DataFrame:
    """Add, per stage, the exponent of growth since the size before, and the bars at 1,000,000."""
    table = table.sort_values(["stage", "customers"], kind="stable")
    before = table.groupby("stage")[["customers", "wall_s", "cpu_s"]].shift()
    step = np.log(table["customers"] / before["customers"])
    for kind in ("wall", "cpu"):
        table[f"{kind}_exponent"] = np.log(table[f"{kind}_s"] / before[f"{kind}_s"]) / step
    table["times_once"] = table["wall_s"] / table["once_s"]
    bars = [BARS.get(s) if n == 1_000_000 else None for s, n in zip(
        table["stage"], table["customers"], strict=True)]  # fmt: skip
    table["bar_s"] = [np.nan if b is None else b.seconds for b in bars]
    table["bar_gb"] = [np.nan if b is None or b.gigabytes is None else b.gigabytes for b in bars]
    order = {stage: i for i, stage in enumerate(STAGES)}
    return table.sort_values(["stage", "customers"], key=lambda c: c.replace(order))


def report(table: pd.DataFrame) -> str:
    """Return the table with what it was measured on."""
    text = with_bars(table).round(2).to_string(index=False, na_rep="")
    return (
        "# The main job by number of customers\n\n"
        f"`benchmarks/pipeline.py`, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the "
        "end, one run; each stage is a process of its own, its start (some 3 s) included. Bars are "
        "for two idle cores; the export's is for export and verify together; exponents are of the "
        "growth since the size before (bar: 1); `once_s`: DuckDB reads a stage's files once and "
        "writes those that it made once; `times_once`: the wall time over it."
        f"\n\n```\n{text}\n```\n"
    )


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, nargs="+", default=SIZES)
    parser.add_argument("--stages", nargs="+", choices=list(STAGES), default=list(STAGES))
    parser.add_argument(
        "--folder", type=Path, help="keep data and runs here; default: none is kept"
    )
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = wanted.folder or Path(scratch)
        rows = [r for n in sorted(wanted.customers) for r in run(n, wanted.stages, folder)]
        text = report(with_earlier(rows, folder / "measured.json"))
    print(text)
    if wanted.write:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
