"""One measurement of churnlab in a process of its own: prints a line of JSON."""

from __future__ import annotations

import json
import resource
import sys
import time


def main(path: str, model: str, method: str) -> None:
    start = time.perf_counter()
    import pandas as pd

    from churnlab.inference import fit_population
    from churnlab.summary import Cells

    frame = pd.read_parquet(path)
    cells, _ = Cells.collapse(frame["frequency"], frame["recency"], frame["T"])
    ready = time.perf_counter()
    fit = fit_population(cells, model=model, method=method)
    first = time.perf_counter()
    fit = fit_population(cells, model=model, method=method)
    second = time.perf_counter()
    ess = fit.table[["ess_bulk", "ess_tail"]].min().min()
    result = {
        "cells": len(cells.x),
        "setup_s": ready - start,
        "cold_s": first - ready,
        "warm_s": second - first,
        "ess": float(ess),
        "method": fit.method,
        "one_pass_ms": 1000 * one_pass(fit),
        "passes": fit.diagnostics["passes"],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(result))


def one_pass(fit) -> float:  # type: ignore[no-untyped-def]
    """Seconds per draw of likelihoods of many draws, all threads: the floor is passes x this."""
    u = fit.u[:320]
    start = time.perf_counter()
    fit.target.log_likelihoods(u)
    return (time.perf_counter() - start) / len(u)


if __name__ == "__main__":
    main(*sys.argv[1:])
