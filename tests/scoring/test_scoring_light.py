"""The scorer is light: NumPy and pandas only, a tenth of a second on top of pandas."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = ("pymc", "pytensor", "numba", "ibis", "hydra", "omegaconf", "scipy", "sklearn", "duckdb",
         "sqlglot", "jsonschema", "matplotlib", "arviz", "nutpie", "xarray")  # fmt: skip
PROGRAM = """
import json, sys, time
import pandas
start = time.process_time()
import churnlab.scoring
spent = time.process_time() - start
print(json.dumps([spent, sorted({m.split(".")[0] for m in sys.modules})]))
"""


def run(program):
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    return json.loads(done.stdout)


def test_importing_the_scorer_is_light():
    seconds, modules = zip(*(run(PROGRAM) for _ in range(2)), strict=True)
    assert not set(HEAVY) & set(modules[0])
    assert min(seconds) <= 0.1


def test_scoring_stays_light(exported):
    program = f"""
import json, sys
import pandas as pd
from churnlab.scoring import score
events = pd.DataFrame({{"customer_id": ["a", "a"], "event_at": ["2024-05-01", "2024-06-01"]}})
table = score({str(exported)!r}, purchases=events)
print(json.dumps([len(table), sorted({{m.split(".")[0] for m in sys.modules}})]))
"""
    n, modules = run(program)
    assert n == 1
    assert not set(HEAVY) & set(modules)
