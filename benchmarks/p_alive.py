"""P(alive) of every customer with its interval: churnlab beside pymc-marketing, in one run.

    .venv/bin/python benchmarks/p_alive.py

Each measurement is a process of its own. churnlab: mean, 5% and 95% quantile over all draws, from
cells in memory back to customers. The peer: `expected_probability_alive` of all draws, then their
mean and quantiles; left out where its environment is missing. Both ratios are printed: of the first
call in a process, which is what a user waits for (the peer compiles then), and of the fastest.
Each row of ours states the floor: the time in which this machine takes one exponential of, and
partially sorts, cells x draws numbers in cache.
Writes benchmarks/results/p_alive.json.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
PEER = HERE / ".venv/bin/python"


def main() -> None:
    from logs import write_customers

    rows = []
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # or every process compiles what it imports
    with tempfile.TemporaryDirectory() as folder:
        small = write_customers("bg_nbd", 2357, Path(folder))
        large = write_customers("mbg_nbd", 1_000_000, Path(folder))
        jobs = [
            (sys.executable, "own", small, "bg_nbd", 2000),
            (str(PEER), "peer", small, "bg_nbd", 2000),
            (sys.executable, "own", small, "pareto_nbd", 2000),
            (str(PEER), "peer", small, "pareto_nbd", 2000),
            (sys.executable, "own", large, "mbg_nbd", 1000),
        ]
        for python, who, path, model, draws in jobs:
            if not Path(python).exists():
                print(f"{python} is missing (see benchmarks/run.py): peer left out", flush=True)
                continue
            words = [python, __file__, who, str(path), model, str(draws)]
            if who == "own":  # once to write byte code and compiled loops, as an installed package
                subprocess.run(words, capture_output=True, check=True, env=environment)
            done = subprocess.run(
                words, capture_output=True, text=True, check=True, env=environment
            )
            rows.append({"model": model} | json.loads(done.stdout.strip().splitlines()[-1]))
            print(json.dumps(rows[-1]), flush=True)
    found = {which: ratios(rows, which) for which in ("first_s", "seconds")}
    for model, first in found["first_s"].items():
        again = found["seconds"][model]
        print(
            f"{model}, 2,357 customers x 2,000 draws: {first:.0f} times pymc-marketing's speed at "
            f"the first call, {again:.0f} times when called again"
        )
    result = {"rows": rows, "times_faster": found}
    (HERE / "results" / "p_alive.json").write_text(json.dumps(result, indent=1) + "\n")


def ratios(rows: list[dict[str, object]], which: str) -> dict[str, float]:
    """The peer's time over ours, per model of which both were measured."""
    times = {(r["who"], r["model"], r["customers"]): float(str(r[which])) for r in rows}
    return {
        str(model): seconds / times["churnlab", model, customers]
        for (who, model, customers), seconds in times.items()
        if who != "churnlab"
    }


def own(path: str, model: str, draws: int) -> None:
    import pandas as pd

    from churnlab.inference import fit_population
    from churnlab.posterior import RiskConfig, risk_summary
    from churnlab.summary import Cells

    frame = pd.read_parquet(path)
    cells, inverse = Cells.collapse(frame["frequency"], frame["recency"], frame["T"])
    fit = fit_population(cells, model=model, draws=draws)
    times = []
    for _ in range(8):
        start = time.perf_counter()
        found = risk_summary(fit.draws, cells, RiskConfig(basis="p_alive"))
        _ = [1 - v[inverse] for v in (found.mean, found.q05, found.q95)]
        times.append(time.perf_counter() - start)
    floor = hardware_floor(len(cells), fit.draws.n_draws)
    report("churnlab", len(frame), fit.draws.n_draws, len(cells), times, floor_s=floor)


def hardware_floor(rows: int, draws: int) -> float:
    """Seconds of one exponential and one partial sort of rows x draws numbers, both cores."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    from churnlab.posterior.silence.stream import chunks

    values = np.random.default_rng(1).normal(size=(64, draws))

    def work(part: slice) -> None:
        some = np.exp(values[: part.stop - part.start])
        np.partition(some, draws // 20, axis=1)

    start = time.perf_counter()
    with ThreadPoolExecutor() as pool:
        list(pool.map(work, chunks(rows, draws, 64 * draws)))
    return time.perf_counter() - start


def peer(path: str, model: str, draws: int) -> None:
    import pandas as pd
    from pymc_marketing import clv

    frame = pd.read_parquet(path)[["customer_id", "frequency", "recency", "T"]]
    fitted = {"bg_nbd": clv.BetaGeoModel, "pareto_nbd": clv.ParetoNBDModel}[model]()
    # Its sampler takes many minutes for Pareto/NBD; the time of P(alive) depends on the number of
    # draws only, so the mode is spread out to as many of them.
    fitted.fit(data=frame, method="map")
    spread_out(fitted, draws)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        found = fitted.expected_probability_alive(frame)
        _ = found.mean(("chain", "draw")), found.quantile((0.05, 0.95), ("chain", "draw"))
        times.append(time.perf_counter() - start)
    report("pymc-marketing", len(frame), draws, len(frame), times)


def spread_out(fitted, draws: int) -> None:  # type: ignore[no-untyped-def]
    import numpy as np
    import xarray as xr

    shape, rng = (4, draws // 4), np.random.default_rng(1)
    point = fitted.idata["posterior"].to_dataset().isel(chain=0, draw=0, drop=True)
    noise = xr.DataArray(np.exp(rng.normal(0, 0.05, shape)), dims=("chain", "draw"))
    wide = point.map(lambda v: v * noise).transpose("chain", "draw", ...)
    wide = wide.assign_coords(chain=np.arange(4), draw=np.arange(shape[1]))
    fitted.idata["posterior"] = xr.DataTree(wide)


def report(
    who: str, customers: int, draws: int, cells: int, times: list[float], **more: float
) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row: dict[str, object] = {"who": who, "customers": customers, "draws": draws, "cells": cells}
    row |= {"first_s": times[0], "seconds": min(times), "peak_mb": peak} | more
    print(json.dumps(row))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        {"own": own, "peer": peer}[sys.argv[1]](sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()
