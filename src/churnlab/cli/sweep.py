"""Sweeps: jobs that go on where they stopped, keep their status, and end in one table."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from churnlab.errors import ChurnlabError
from churnlab.runs.folder import read_json, write_atomic
from churnlab.runs.hashing import content_hash
from churnlab.secrets import hide

#: What a job leaves beside its run: launchers in other processes lose what jobs return.
RECORD = "job.json"
_PLACE = ("run_dir", "hydra.")


def without_place(content: dict[str, Any]) -> dict[str, Any]:
    """Leave out what says where a run is written or noted: it does not change what is computed."""
    return {k: v for k, v in content.items() if k not in ("run_dir", "cache_dir", "tracking")}


def finished(folder: Path, content: dict[str, Any]) -> bool:
    """Say whether a job with the same configuration came to its end in this folder before."""
    manifest = folder / "manifest.json"
    if not manifest.exists():
        return False
    return bool(read_json(manifest).get("config_hash") == content_hash(without_place(content)))


def record(folder: Path, status: int, overrides: Sequence[str], message: str = "") -> None:
    """Write a job's status, what it varied, and its error."""
    folder.mkdir(parents=True, exist_ok=True)
    varied = [o for o in overrides if not o.lstrip("+~").startswith(_PLACE)]
    text = json.dumps(
        {"status": status, "overrides": [hide(v) for v in varied], "message": hide(message)}
    )
    write_atomic(folder / RECORD, lambda path: path.write_text(text, encoding="utf-8"))


def expected_jobs(overrides: Sequence[str]) -> int:
    """Return how many jobs the swept values ask for."""
    parser = OverridesParser.create()
    sweeps = [o for o in map(parser.parse_override, overrides) if o.is_sweep_override()]
    return math.prod(len(list(o.sweep_iterator())) for o in sweeps)


def close(place: Path, command: str, expected: int) -> int:
    """Print one table across the jobs of a sweep and return the worst status.

    Raises ChurnlabError: Fewer jobs ran than the swept values ask for.
    """
    records = {f.parent: read_json(f) for f in sorted(place.glob(f"*/{RECORD}"), key=_number)}
    if len(records) < expected:
        raise ChurnlabError(
            f"the sweep asked for {expected} jobs and {len(records)} ran in {place}; two "
            "experiments in one command can hide each other's sweeps: run them one by one."
        )
    print(f"\n{len(records)} jobs in {place}")
    for folder, job in records.items():
        state = "done" if job["status"] == 0 else f"status {job['status']}: {job['message']}"
        print(f"  {folder.name}: {' '.join(job['overrides']) or '(defaults)'}: {state}")
    _side_by_side(records, place)
    return max((int(job["status"]) for job in records.values()), default=0)


def _number(path: Path) -> tuple[int, str]:
    name = path.parent.name
    return (int(name), "") if name.isdigit() else (1 << 30, name)


def _side_by_side(records: dict[Path, Any], place: Path) -> None:
    """Print and write the figures of all finished jobs in one table, and its report."""
    # what draws is heavy, and every command imports this module
    from churnlab.comparison import figures, side_by_side
    from churnlab.runs import open_run
    from churnlab.workflows.compare import Comparison

    done = [folder for folder, job in records.items() if job["status"] == 0]
    names = _names([records[folder]["overrides"] for folder in done])
    opened = {name: open_run(folder) for name, folder in zip(names, done, strict=True)}
    if sum(len(figures(run)) > 0 for run in opened.values()) < 2:
        return
    table = side_by_side(opened)
    lang = next(iter(opened.values())).manifest["config"].get("lang", "en")  # a fit has none
    compared = Comparison(table, [str(folder.resolve()) for folder in done], names, lang)
    job = dict(zip(names, (folder.name for folder in done), strict=True))
    whole = table.assign(job=table["run"].map(job))
    write_atomic(place / "sweep.parquet", lambda path: whole.to_parquet(path, index=False))
    page = compared.page()
    write_atomic(place / "report.html", lambda path: path.write_text(page, encoding="utf-8"))
    print(*compared.lines, f"all of it: {place}/sweep.parquet, report.html", sep="\n")


def _names(overrides: list[list[str]]) -> list[str]:
    """Name each job by what it varied: the overrides that not all jobs have."""
    shared = set.intersection(*map(set, overrides)) if overrides else set()
    own = [" ".join(o for o in job if o not in shared) or "(defaults)" for job in overrides]
    return [o if own.count(o) == 1 else f"{i}: {o}" for i, o in enumerate(own)]
