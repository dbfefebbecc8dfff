"""Speed and memory of the engine beside its peers, in one run on the same data.

    .venv/bin/python benchmarks/run.py --sizes 2357 100000 --models bg_nbd --limit 600

Peers run in an environment of their own:
    uv venv benchmarks/.venv --python 3.12
    uv pip sync --python benchmarks/.venv/bin/python benchmarks/requirements-peers.lock
Every measurement is a process of its own; one that takes longer than --limit is reported so.
Writes benchmarks/results/engine.json, engine.md and engine.png.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from logs import TRUTH, write_customers

HERE = Path(__file__).parent
SIZES = (2357, 23570, 100_000, 1_000_000)
#: Beyond this a peer is not tried: it would only run into the limit.
PEER_MAX = 100_000
PEER_METHODS = ("mcmc", "map", "lifetimes")


def main() -> None:
    options = read_options()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            for model in options.models:
                path = write_customers(model, size, Path(folder))
                for job in jobs(options, size):
                    row = {"customers": size, "model": model} | measure(job, path, model, options)
                    rows.append(row)
                    print(json.dumps(row), flush=True)
    report(add_ratios(pd.DataFrame(rows)), options.results)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--models", nargs="+", default=list(TRUTH), choices=list(TRUTH))
    parser.add_argument("--methods", nargs="+", default=["laplace", "nuts"])
    parser.add_argument("--peers", default=str(HERE / ".venv/bin/python"))
    parser.add_argument("--peer-methods", nargs="*", default=list(PEER_METHODS))
    parser.add_argument("--limit", type=float, default=600.0, help="seconds per measurement")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    return parser.parse_args()


def jobs(options: argparse.Namespace, size: int) -> list[tuple[str, str, str]]:
    """(who, interpreter and script, method) of a size."""
    own = [("churnlab", f"{sys.executable} {HERE / 'measure_churnlab.py'}", m)
           for m in options.methods if m == "laplace" or size <= PEER_MAX]  # fmt: skip
    if size > PEER_MAX:
        return own
    script = f"{options.peers} {HERE / 'measure_peer.py'}"
    names = {"lifetimes": "lifetimes"}
    return own + [(names.get(m, "pymc-marketing"), script, m) for m in options.peer_methods]


def measure(
    job: tuple[str, str, str], path: Path, model: str, options: argparse.Namespace
) -> dict[str, object]:
    who, command, method = job
    row: dict[str, object] = {"who": who, "method": method}
    if not Path(command.split()[0]).exists():
        return row | {"note": "environment of the peers is not installed"}
    words = [*command.split(), str(path), model, method]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=options.limit, check=False
        )
    except subprocess.TimeoutExpired:
        return row | {"note": f"did not finish in {options.limit:.0f} s"}
    if done.returncode:
        return row | {"note": (done.stderr.strip().splitlines() or ["failed"])[-1][:120]}
    return row | json.loads(done.stdout.strip().splitlines()[-1])


def add_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Seconds per 1,000 effective draws, and how many times pymc-marketing's mcmc takes."""
    for column in ("warm_s", "ess", "cold_s", "peak_mb", "cells", "one_pass_ms", "passes"):
        if column not in table:
            table[column] = float("nan")
    table["s_per_1000_ess"] = table["warm_s"] * 1000 / table["ess"].astype(float)
    is_peer = (table["who"] == "pymc-marketing") & (table["method"] == "mcmc")
    peer = table[is_peer].set_index(["customers", "model"])["s_per_1000_ess"]
    keys = pd.MultiIndex.from_frame(table[["customers", "model"]])
    table["times_faster"] = peer.reindex(keys).to_numpy() / table["s_per_1000_ess"]
    table["share_of_floor"] = table["passes"] * table["one_pass_ms"] / 1000 / table["warm_s"]
    return table


def report(table: pd.DataFrame, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = ("churnlab", "numba", "numpy", "nutpie", "pymc")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    columns = ["customers", "cells", "model", "who", "method", "cold_s", "warm_s", "ess",
               "s_per_1000_ess", "times_faster", "share_of_floor", "peak_mb"]  # fmt: skip
    if "note" in table:
        columns.append("note")
    text = table[columns].round(3).to_string(index=False, na_rep="")
    print(text)
    (folder / "engine.md").write_text(
        f"# Engine beside its peers\n\n{versions}\n\n```\n{text}\n```\n"
    )
    (folder / "engine.json").write_text(table.to_json(orient="records", indent=1))
    draw(table, folder / "engine.png")


def draw(table: pd.DataFrame, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    found = table.dropna(subset=["s_per_1000_ess"])
    for (who, method, model), rows in found.groupby(["who", "method", "model"]):
        axes.loglog(
            rows["customers"], rows["s_per_1000_ess"], "o-", label=f"{who} {method} {model}"
        )
    axes.set_xlabel("customers")
    axes.set_ylabel("seconds per 1,000 effective draws")
    axes.legend(fontsize=7)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
