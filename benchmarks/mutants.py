"""How many deliberate faults in the code that decides do the fast tests notice?

Run with ``python benchmarks/mutants.py [faults [seed]]`` (`make mutants`). mutmut plants every
fault that it knows into the modules that `pyproject.toml` lists (gates, limits, splits, answers,
bands, rules, monitor); a random sample of them is tried, each on the tests that reach its function,
and the share that a test notices is printed with its 90% interval (Wilson), by module, then what
went unnoticed. A fault in the wording of a message counts like one in a formula.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from scipy.stats import binomtest

MUTANTS = Path("mutants")
SMALLEST = "churnlab.origins.guards*"  # any pattern makes mutmut plant all faults first
SURVIVED, UNTRIED = 0, None


def mutmut(*arguments: str) -> str:
    """Run mutmut; what it says goes on, since a run takes many minutes."""
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def statuses() -> dict[str, int | None]:
    """Return the exit status of the tests by fault: 0 if none failed, None if not tried."""
    found: dict[str, int | None] = {}
    for file in sorted(MUTANTS.rglob("*.meta")):
        found |= json.loads(file.read_text())["exit_code_by_key"]
    return found


def module(fault: str) -> str:
    return fault.rsplit(".", 1)[0]


def main(faults: int = 300, seed: int = 1) -> None:
    mutmut("run", "--max-children", "1", SMALLEST)
    planted = sorted(statuses())
    chosen = random.Random(seed).sample(planted, min(faults, len(planted)))
    mutmut("run", "--max-children", "1", *chosen)
    tried = {fault: status for fault, status in statuses().items() if fault in set(chosen)}
    noticed: dict[str, list[bool]] = defaultdict(list)
    for fault, status in tried.items():
        if status is UNTRIED:
            raise SystemExit(f"{fault} was not tried")
        noticed[module(fault)].append(status != SURVIVED)
    for name, outcomes in sorted(noticed.items()):
        print(f"{name:40} {sum(outcomes):4} of {len(outcomes):4}")
    n, hits = len(tried), sum(map(sum, noticed.values()))
    low, high = binomtest(hits, n).proportion_ci(0.9, method="wilson")
    print(f"noticed: {hits} of {n} tried, of {len(planted)} planted: "
          f"{hits / n:.1%} (90%: {low:.1%} to {high:.1%})")  # fmt: skip
    for fault in sorted(f for f, status in tried.items() if status == SURVIVED):
        print(f"\nunnoticed: {fault}")
        print(mutmut("show", fault))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
