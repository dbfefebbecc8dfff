"""One measurement of a peer in a process of its own: prints a line of JSON.

Runs in the peers' environment (benchmarks/requirements-peers.lock): it must not import churnlab.
"""

from __future__ import annotations

import json
import resource
import sys
import time


def main(path: str, model: str, method: str) -> None:
    import pandas as pd

    frame = pd.read_parquet(path)
    start = time.perf_counter()
    ess = fit_lifetimes(frame, model) if method == "lifetimes" else fit_pymc(frame, model, method)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cold_s": seconds, "warm_s": seconds, "ess": ess, "peak_mb": peak}))


def fit_lifetimes(frame, model: str) -> float | None:  # type: ignore[no-untyped-def]
    import lifetimes

    name = {"bg_nbd": "BetaGeoFitter", "mbg_nbd": "ModifiedBetaGeoFitter",
            "pareto_nbd": "ParetoNBDFitter"}[model]  # fmt: skip
    getattr(lifetimes, name)().fit(frame["frequency"], frame["recency"], frame["T"])
    return None


def fit_pymc(frame, model: str, method: str) -> float | None:  # type: ignore[no-untyped-def]
    from pymc_marketing import clv

    name = {"bg_nbd": "BetaGeoModel", "mbg_nbd": "ModifiedBetaGeoModel",
            "pareto_nbd": "ParetoNBDModel"}[model]  # fmt: skip
    data = frame[["customer_id", "frequency", "recency", "T"]]
    fitted = getattr(clv, name)()
    options = {"random_seed": 1, "progressbar": False} if method == "mcmc" else {}
    tree = fitted.fit(data=data, method=method, **options)
    if method == "map":
        return None
    import arviz as az

    posterior = tree["posterior"].to_dataset()
    names = [n for n in ("r", "alpha", "a", "b", "s", "beta") if n in posterior]
    sizes = [az.ess(posterior[names], method=m) for m in ("bulk", "tail")]
    return float(min(float(size[n]) for size in sizes for n in names))


if __name__ == "__main__":
    main(*sys.argv[1:])
