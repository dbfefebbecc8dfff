"""From measurements to the table, the growth with N, and the picture."""

from __future__ import annotations

import math
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

PACKAGES = ("churnlab", "numba", "numpy", "nutpie", "pymc")
#: Draws that pymc-marketing's sampler keeps by default (4 chains x 1,000): its effective draws
#: cannot be expected to exceed them.
PEER_DRAWS = 4000
_NUMBERS = ("warm_s", "ess", "cold_s", "peak_mb", "cells", "one_pass_ms", "passes", "limit_s")
NOTES = """\
- s_per_1000_ess: warm_s scaled to 1,000 effective draws of the worst parameter (bulk and tail).
- times_faster: pymc-marketing's mcmc against it, same data, same run. ">= x": the peer did not
  finish within the limit, and x counts all {draws:,} draws that it would have made as effective.
- share_of_floor: passes over the cells x time of one pass without derivatives / warm_s, i.e. how
  much of the fit is passes. 1 is the hardware's floor for this algorithm; a pass with derivatives
  costs more than one without, hence shares above 1 happen.
- cold_s: the first fit in a process; warm_s: the second. Peers are measured once (cold).
"""


def add_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with seconds per 1,000 effective draws and the ratio to the peer."""
    table = table.copy()
    for column in _NUMBERS:
        table[column] = table[column].astype(float) if column in table else math.nan
    if "note" not in table:
        table["note"] = None
    table["s_per_1000_ess"] = table["warm_s"] * 1000 / table["ess"]
    is_peer = (table["who"] == "pymc-marketing") & (table["method"] == "mcmc")
    peer = table[is_peer].set_index(["customers", "model"])
    keys = pd.MultiIndex.from_frame(table[["customers", "model"]])
    whole = peer["s_per_1000_ess"].reindex(keys).to_numpy() / table["s_per_1000_ess"]
    least = peer["limit_s"].reindex(keys).to_numpy() * 1000 / PEER_DRAWS / table["s_per_1000_ess"]
    table["times_faster"] = [
        f"{a:.3g}" if np.isfinite(a) else f">= {b:.3g}" if np.isfinite(b) else ""
        for a, b in zip(whole, least, strict=True)
    ]
    table["share_of_floor"] = table["passes"] * table["one_pass_ms"] / 1000 / table["warm_s"]
    return table


def growth(table: pd.DataFrame) -> pd.DataFrame:
    """Return e of cost ~ N^e per model of churnlab's laplace: all sizes, and the last step."""
    own = table[(table["who"] == "churnlab") & (table["method"] == "laplace")]
    rows = []
    for model, part in own.dropna(subset=["warm_s"]).groupby("model", sort=False):
        part = part.sort_values("customers")
        n, seconds = np.log(part["customers"]), np.log(part["warm_s"])
        if len(part) < 2:
            continue
        whole = np.polyfit(n, seconds, 1)[0]
        last = (seconds.iloc[-1] - seconds.iloc[-2]) / (n.iloc[-1] - n.iloc[-2])
        span = f"{part['customers'].iloc[0]:,} to {part['customers'].iloc[-1]:,}"
        rows.append((model, span, whole, last))
    return pd.DataFrame(rows, columns=["model", "customers", "exponent", "exponent_last_step"])


def report(table: pd.DataFrame, folder: Path) -> None:
    """Print the table and write engine.md, engine.json and engine.png."""
    folder.mkdir(parents=True, exist_ok=True)
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    columns = ["customers", "cells", "model", "who", "method", "cold_s", "warm_s", "ess",
               "s_per_1000_ess", "times_faster", "share_of_floor", "peak_mb", "note"]  # fmt: skip
    shown = table[columns].round(3).fillna({"note": ""})
    text = shown.to_string(index=False, na_rep="")
    exponents = growth(table).round(3).to_string(index=False)
    notes = NOTES.format(draws=PEER_DRAWS)
    print(f"{text}\n\ncost ~ N^e, warm fit from cells:\n{exponents}\n\n{notes}")
    (folder / "engine.md").write_text(
        f"# Engine beside its peers\n\n{versions}\n\n```\n{text}\n```\n\n{notes}\n"
        f"Growth of the warm fit, from cells in memory (cost ~ N^e; bar: e < .7):\n\n"
        f"```\n{exponents}\n```\n"
    )
    (folder / "engine.json").write_text(table.to_json(orient="records", indent=1) + "\n")
    draw(table, folder / "engine.png", versions)


def draw(table: pd.DataFrame, path: Path, versions: str) -> None:
    """Draw seconds per 1,000 effective draws over customers."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.8), layout="constrained")
    found = table.dropna(subset=["s_per_1000_ess"])
    for (who, method, model), rows in found.groupby(["who", "method", "model"]):
        rows = rows.sort_values("customers")
        axes.loglog(
            rows["customers"], rows["s_per_1000_ess"], "o-", label=f"{who} {method} {model}"
        )
    axes.set_xlabel("customers")
    axes.set_ylabel("seconds per 1,000 effective draws")
    axes.set_title(versions, fontsize=7)
    if len(found):
        axes.legend(fontsize=7)
    figure.savefig(path, dpi=120)
    plt.close(figure)
