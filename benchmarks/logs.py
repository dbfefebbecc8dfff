"""The data of the benchmarks: CDNOW's sample and simulated shops on a daily grid, as parquet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from churnlab import models as likelihoods

#: CDNOW's maximum-likelihood parameters, in days.
TRUTH = {
    "bg_nbd": (0.2426, 30.9, 0.793, 2.426),
    "mbg_nbd": (0.5248, 43.3, 0.891, 1.614),
    "pareto_nbd": (0.5533, 74.0, 0.606, 81.7),
}
CDNOW_CUSTOMERS = 2357


def write_customers(model: str, n: int, folder: Path) -> Path:
    """Write one row per customer (customer_id, frequency, recency, T in days); return the path."""
    path = folder / f"{model}_{n}.parquet"
    frame = cdnow() if n == CDNOW_CUSTOMERS else simulated(model, n)
    frame.insert(0, "customer_id", np.arange(len(frame)))
    frame.to_parquet(path)
    return path


def cdnow() -> pd.DataFrame:
    """The 1/10 sample to 1997-09-30."""
    from lifetimes.datasets import load_cdnow_summary

    data: pd.DataFrame = load_cdnow_summary()[["frequency", "recency", "T"]]
    data = data.reset_index(drop=True)
    return data.assign(recency=(data["recency"] * 7).round(), T=(data["T"] * 7).round())


def simulated(model: str, n: int, seed: int = 1) -> pd.DataFrame:
    """Simulate `n` customers with first purchases spread over 39 weeks, times in whole days."""
    rng = np.random.default_rng(seed)
    parts = []
    for start in range(0, n, 1_000_000):
        ages = rng.integers(1, 274, min(1_000_000, n - start)).astype(float)
        theta = np.asarray(TRUTH[model])[:, None]
        x, t_x, _ = likelihoods.get(model).simulate(theta, ages, rng)
        t_x = np.where(x > 0, np.clip(np.round(t_x), 1, ages), 0.0)
        parts.append(pd.DataFrame({"frequency": np.minimum(x, t_x), "recency": t_x, "T": ages}))
    return pd.concat(parts, ignore_index=True)
