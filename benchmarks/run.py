"""Speed and memory of the engine beside its peers, in one run on the same data.

    .venv/bin/python benchmarks/run.py --sizes 2357 100000 --models bg_nbd --limit 600

Peers run in an environment of their own:
    uv venv benchmarks/.venv --python 3.12
    uv pip sync --python benchmarks/.venv/bin/python benchmarks/requirements-peers.lock
Every measurement is a process of its own; one that takes longer than --limit (at the smallest size,
whose ratio has a bar: --limit-smallest) is reported so, and not tried on more customers.
Writes benchmarks/results/engine.json, engine.md and engine.png, after every model and size: a run
that is cut keeps what it has. `--add` keeps the rows of sizes and models that this run does not
measure: what is compared always comes from one run. `--render` makes table and picture anew.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from logs import TRUTH, write_customers
from tables import add_ratios, report

HERE = Path(__file__).parent
SIZES = (2357, 23570, 100_000, 1_000_000, 10_000_000)
#: Beyond this Pareto/NBD has no bar and its simulation takes long.
PARETO_MAX = 1_000_000
#: Beyond this a peer is not tried: it would only run into the limit.
PEER_MAX = 100_000
PEER_METHODS = ("mcmc", "map", "lifetimes")


def main() -> None:
    options = read_options()
    if options.render:
        report(add_ratios(pd.read_json(options.results / "engine.json")), options.results)
        return
    rows = kept(options) if options.add else []
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            for model in options.models:
                if model != "pareto_nbd" or size <= PARETO_MAX:
                    rows += measure_all(size, model, Path(folder), rows, options)
                    table = pd.DataFrame(rows).sort_values(["customers", "model"], kind="stable")
                    report(add_ratios(table), options.results)


def kept(options: argparse.Namespace) -> list[dict[str, object]]:
    """Rows of an earlier run whose (size, model) this one does not measure."""
    rows: list[dict[str, object]] = json.loads((options.results / "engine.json").read_text())
    again = {(size, model) for size in options.sizes for model in options.models}
    return [row for row in rows if (row["customers"], row["model"]) not in again]


def measure_all(
    size: int,
    model: str,
    folder: Path,
    before: list[dict[str, object]],
    options: argparse.Namespace,
) -> list[dict[str, object]]:
    """Measure every job on the same file of customers; `before` holds the smaller sizes' rows."""
    path = write_customers(model, size, folder)
    limit = options.limit_smallest if size == min(SIZES) else options.limit
    rows = []
    for job in jobs(options, size):
        reason = hopeless(job, model, size, before, options.limit)
        found = reason or measure(job, path, model, limit)
        rows.append({"customers": size, "model": model, "who": job[0], "method": job[2]} | found)
        print(json.dumps(rows[-1]), flush=True)
    path.unlink()
    return rows


def hopeless(
    job: tuple[str, str, str], model: str, size: int, before: list[dict[str, object]], limit: float
) -> dict[str, object] | None:
    """Why a job need not be tried: on fewer customers it took longer than the limit."""
    for row in before:
        same = (row["who"], row["method"], row["model"]) == (job[0], job[2], model)
        took = row.get("cold_s") or row.get("limit_s")
        if same and int(str(row["customers"])) < size and took and float(str(took)) >= limit:
            return {"note": f"not tried: over {limit:g} s on {row['customers']:,} customers"}
    return None


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--models", nargs="+", default=list(TRUTH), choices=list(TRUTH))
    parser.add_argument("--methods", nargs="+", default=["laplace", "nuts"])
    parser.add_argument("--peers", default=str(HERE / ".venv/bin/python"))
    parser.add_argument("--peer-methods", nargs="*", default=list(PEER_METHODS))
    parser.add_argument("--limit", type=float, default=600.0, help="seconds per measurement")
    parser.add_argument("--limit-smallest", type=float, default=1200.0)
    parser.add_argument("--add", action="store_true", help="keep what this run does not measure")
    parser.add_argument("--render", action="store_true", help="from engine.json, measure nothing")
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


def measure(job: tuple[str, str, str], path: Path, model: str, limit: float) -> dict[str, object]:
    """Return what the process of a job printed, or a note why there is nothing."""
    _, command, method = job
    if not Path(command.split()[0]).exists():
        return {"note": "environment of the peers is not installed"}
    words = [*command.split(), str(path), model, method]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return {"note": f"did not finish in {limit:g} s", "limit_s": limit}
    if done.returncode:
        return {"note": (done.stderr.strip().splitlines() or ["failed"])[-1][:120]}
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


if __name__ == "__main__":
    main()
