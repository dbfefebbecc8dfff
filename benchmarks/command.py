"""`churnlab fit data=cdnow` as a whole process, cold and warm, per model.

    .venv/bin/python benchmarks/command.py

Cold: nothing compiled, neither Python's byte code nor numba's kernels (empty cache folders, as
after an installation without --compile-bytecode). Warm: the same command again, best of three.
Writes benchmarks/results/command.json. Bars: warm under 6 s, cold under 30 s.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODELS = ("mbg_nbd", "bg_nbd", "pareto_nbd")
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    rows = []
    for model in MODELS:
        with tempfile.TemporaryDirectory() as folder:
            places = {"PYTHONPYCACHEPREFIX": f"{folder}/pyc", "NUMBA_CACHE_DIR": f"{folder}/numba"}
            environment = os.environ | places
            environment.pop("PYTHONDONTWRITEBYTECODE", None)
            times = [seconds(model, Path(folder) / "run", environment) for _ in range(4)]
        rows.append({"model": model, "cold_s": times[0], "warm_s": min(times[1:])})
        print(json.dumps(rows[-1]), flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "command.json").write_text(json.dumps(rows, indent=1) + "\n")


def seconds(model: str, folder: Path, environment: dict[str, str]) -> float:
    words = ["-m", "churnlab", "fit", "data=cdnow", f"model={model}", f"run_dir={folder}"]
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], env=environment, capture_output=True, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
