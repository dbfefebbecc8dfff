"""Partial pooling: time of the two-stage way and of NUTS on the same groups, in one run.

    .venv/bin/python benchmarks/hierarchies.py

Groups of 5,000 customers with four group-level parameters each (`group_effects=all`); every fit is
a process of its own, warmed by a small fit. Writes benchmarks/results/hierarchies.json and .md,
after every fit: a run that is cut keeps what it has.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
#: log rate per day, log shape, dropout, log concentration or shape; and what groups differ by.
CENTRE = {"beta": (-3.9, -0.2, -0.85, 1.1), "gamma": (-3.9, -0.2, -5.8, -0.35)}
SPREAD = (0.4, 0.15, 0.4, 0.2)
JOBS = [
    ("mbg_nbd", 20, "two_stage"), ("bg_nbd", 20, "two_stage"), ("pareto_nbd", 20, "two_stage"),
    ("mbg_nbd", 200, "two_stage"), ("bg_nbd", 200, "two_stage"), ("pareto_nbd", 200, "two_stage"),
    ("mbg_nbd", 20, "nuts"),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--each", type=int, default=5000, help="customers per group")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds per fit")
    parser.add_argument("--one", nargs=3, metavar=("MODEL", "GROUPS", "METHOD"))
    options = parser.parse_args()
    if options.one:
        model, groups, method = options.one
        print(json.dumps(measure(model, int(groups), method, options.each)))
        return
    rows = []
    for model, groups, method in JOBS:
        words = [sys.executable, __file__, "--each", str(options.each)]
        words += ["--one", model, str(groups), method]
        row: dict[str, object] = {"model": model, "groups": groups, "method": method}
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, timeout=options.limit, check=False
            )
            last = (done.stderr or "failed").strip().splitlines()[-1]
            row |= json.loads(done.stdout) if not done.returncode else {"note": last}
        except subprocess.TimeoutExpired:
            row["note"] = f"did not finish in {options.limit:.0f} s"
        rows.append(row)
        print(json.dumps(row), flush=True)
        write(rows)


def measure(model: str, groups: int, method: str, each: int) -> dict[str, object]:
    from churnlab.inference import fit_population

    how = "nuts" if method == "nuts" else "laplace"
    fit_population(simulate(model, 3, 100), model=model, group_effects="all", draws=100, chains=2)
    cells = simulate(model, groups, each)
    start = time.perf_counter()
    fit = fit_population(cells, model=model, group_effects="all", method=how, draws=1000, seed=1)
    seconds = time.perf_counter() - start
    ess = fit.table[["ess_bulk", "ess_tail"]].min(axis=1).min()
    known: dict[str, object] = dict(fit.diagnostics)
    quality: dict[str, object] = {n: known[n] for n in ("k_hat", "r_hat") if n in known}
    return {
        "method": fit.method, "reason": fit.reason, "cells": len(cells), "seconds": seconds,
        "ess": float(ess), "s_per_1000_ess": seconds * 1000 / float(ess), **quality,
        "passes": fit.diagnostics["passes"],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


def simulate(model: str, groups: int, each: int):  # type: ignore[no-untyped-def]
    import numpy as np

    from churnlab import models as likelihoods
    from churnlab.summary import Cells

    rng = np.random.default_rng(1)
    form = likelihoods.get(model).map
    centre = np.array(CENTRE["gamma" if form.quantities[2].per_time else "beta"])
    eta = centre[:, None] + np.array(SPREAD)[:, None] * rng.standard_normal((4, groups))
    group = np.repeat(np.arange(groups), each)
    T = np.floor(rng.uniform(30, 365, group.size))
    x, t_x, _ = likelihoods.get(model).simulate(form.theta(eta)[:, group], T, rng)
    t_x = np.where(x > 0, np.clip(np.ceil(t_x), 1, T), 0.0)
    names = tuple(f"g{i:03d}" for i in range(groups))
    return Cells.collapse(np.minimum(x, t_x), t_x, T, group=group, groups=names)[0]


def write(rows: list[dict[str, object]]) -> None:
    import pandas as pd

    folder = HERE / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hierarchies.json").write_text(json.dumps(rows, indent=1) + "\n")
    table = pd.DataFrame(rows).drop(columns="reason", errors="ignore")
    text = table.round(2).to_string(index=False, na_rep="")
    (folder / "hierarchies.md").write_text(f"# Partial pooling, all effects\n\n```\n{text}\n```\n")
    print(text)


if __name__ == "__main__":
    main()
