"""Nanoseconds per cell and draw of the two loops over the cells, one core.

    .venv/bin/python benchmarks/likelihoods.py

`together`: likelihoods of 320 draws, 32 side by side (kernels.many). `one`: one draw with
derivatives (kernels.compiled). Two logs: customers of CDNOW's size and age on one daily grid, whose
cells share ages, and twelve groups of 150, whose cells hardly do. Writes results/likelihoods.json.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from churnlab import models as likelihoods
from churnlab.models.engine import Engine

Array = NDArray[np.float64]

#: In days; Pareto's a, b are s, beta.
THETA = {
    "bg_nbd": (0.55, 70.0, 0.8, 2.4),
    "mbg_nbd": (0.55, 70.0, 0.8, 2.4),
    "pareto_nbd": (0.55, 70.0, 0.6, 80.0),
}
SHAPES = {"one grid": (1, 2400, 90), "twelve groups": (12, 150, 340)}


def main() -> None:
    rows = []
    for model in THETA:
        for name, (groups, size, span) in SHAPES.items():
            row = {"model": model, "log": name} | measure(model, groups, size, span)
            rows.append(row)
            print(
                f"{model:10} {name:13} {row['cells']:5} cells: together {row['together_ns']:6.1f} "
                f"ns per cell and draw, one {row['one_ns']:6.1f}, {row['times']:4.1f} times"
            )
    target = Path(__file__).parent / "results" / "likelihoods.json"
    target.write_text(json.dumps(rows, indent=1) + "\n")


def measure(model: str, groups: int, size: int, span: int) -> dict[str, float]:
    rng = np.random.default_rng(1)
    theta = np.array(THETA[model])
    group = np.repeat(np.arange(groups), size)
    T = rng.integers(390 - span, 390, group.size).astype(float)
    x, t_x, _ = likelihoods.get(model).simulate(theta[:, None], T, rng)
    t_x = np.where(x > 0, np.clip(np.ceil(t_x), 1, T), 0.0)
    rows = np.column_stack([group, np.minimum(x, t_x), t_x, T])
    cells, weight = np.unique(rows, axis=0, return_counts=True)
    x, t_x, T = cells[:, 1:].T
    engine = Engine(model, cells[:, 0].astype(int), x, t_x, T, weight, threads=1)
    thetas = theta[None, :, None] * np.exp(rng.normal(0, 0.1, (320, 4, groups)))
    together = fastest(lambda: engine.values_by_group(thetas)) / len(thetas) / len(cells)
    one = fastest(lambda: engine.by_group(thetas[0])) / len(cells)
    return {
        "cells": len(cells),
        "together_ns": 1e9 * together,
        "one_ns": 1e9 * one,
        "times": one / together,
    }


def fastest(job) -> float:  # type: ignore[no-untyped-def]
    """Seconds of the fastest of 20 calls, after one to load the compiled code."""
    job()
    times = []
    for _ in range(20):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    main()
