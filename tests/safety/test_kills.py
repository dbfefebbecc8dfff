"""A killed run leaves the old result or the new one, never half; the next run works.

The slow test kills `CHURNLAB_KILLS` times (200) at moments that follow from `CHURNLAB_SEED`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from churnlab.cli import main
from churnlab.errors import UsageError
from churnlab.export import verify
from churnlab.runs import open_run
from churnlab.runs.folder import MANIFEST, STAGING, RunFolder, settle

KILLS = int(os.environ.get("CHURNLAB_KILLS", "200"))
SEED = int(os.environ.get("CHURNLAB_SEED", "18"))
SHOP = ["data=syn_shop", "shop.n_members=600", "cache_dir=null"]
LIGHT = [
    "segments.periods=0",
    "candidates=[mbg_nbd]",
    "split.horizon_days=[56]",
    "split.replicates=20",
    "split.limits.least_purchasers=50",
    "split.limits.least_events=10",
    "inference.draws=200",
]


def result(folder: Path) -> dict[str, dict[str, str]]:
    """Return the hashes of a run and its parts; every file is held against its manifest."""
    found = {}
    for manifest in sorted(folder.rglob(MANIFEST)):
        if STAGING in manifest.parts:
            continue
        run = open_run(manifest.parent)
        for name in run.manifest["files"]:
            run.file(name)
        where = str(manifest.parent.relative_to(folder))
        found[where] = {"seed": run.manifest["seed"], **run.manifest["files"]}
    for place in (folder, folder / "export"):
        if (place / "bundle.json").exists():
            assert verify(place)["status"] == "ok"
    found.pop("export", None)  # a bundle is put in place by itself: whole, the old one or the new
    return found


def starter() -> Callable[[list[str]], BaseProcess]:
    """Return what starts a command in a process of its own, in which all is imported already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["churnlab.workflows.pipeline", "churnlab.workflows.production.monitor"]
    )

    def start(arguments: list[str]) -> BaseProcess:
        job = context.Process(target=main, args=(arguments,))
        job.start()
        return job

    return start


def commands(root: Path) -> dict[str, list[str]]:
    runs = f"runs=[{root / 'segment'},{root / 'backtest'}]"
    loose = "export.allow_uncalibrated=true"
    light = {name: [o for o in LIGHT if o.split(".")[0].split("=")[0] in keys] for name, keys in {
        "segment": ("segments", "inference"), "fit": ("inference",),
        "backtest": ("candidates", "split", "inference"),
        "pipeline": ("segments", "candidates", "split", "inference"),
    }.items()}  # fmt: skip
    return {
        "segment": [*SHOP[:2], *light["segment"]],
        "fit": [*SHOP[:2], *light["fit"]],
        "backtest": [*SHOP, *light["backtest"]],
        "export": [runs, loose],
        "monitor": [*SHOP[:2], f"bundle={root / 'export'}"],
        "pipeline": [*SHOP, *light["pipeline"]],
    }


@pytest.mark.slow
def test_kills_leave_the_old_or_the_new(tmp_path):
    rng, landed, tried = random.Random(SEED), 0, 0
    typed, start = commands(tmp_path), starter()
    seconds = {}
    for command, options in typed.items():
        begun = time.monotonic()
        status = main([command, *options, "seed=1", f"run_dir={tmp_path / command}"])
        assert status in (0, 5), command
        seconds[command] = time.monotonic() - begun
    before = {command: result(tmp_path / command) for command in typed}
    while landed < KILLS and tried < 3 * KILLS:
        tried += 1
        command = list(typed)[tried % len(typed)]
        folder, seed = tmp_path / command, tried + 1
        job = start([command, *typed[command], f"seed={seed}", f"run_dir={folder}"])
        job.join(timeout=rng.uniform(0.05, 1.1 * seconds[command]))
        job.kill()
        job.join()
        landed += job.exitcode == -signal.SIGKILL
        if not (folder / MANIFEST).exists() and command != "export":
            open_run(folder)  # killed while it was put into its place: that goes on here
        after = result(folder)
        new = {part["seed"] for part in after.values()} == {seed}
        assert after == before[command] or new or command == "export", (command, tried)
        before[command] = after
    assert landed == KILLS
    for command, options in typed.items():
        assert main([command, *options, "seed=1", f"run_dir={tmp_path / command}"]) in (0, 5)
        result(tmp_path / command)
        left = [p for p in (tmp_path / command).rglob(".*") if p.name != ".gitignore"]
        assert left == [], command


def put_aside(place: Path, seed: int) -> RunFolder:
    run = RunFolder(place, "fit", seed=seed)
    run.write_json("fit.json", {"seed": seed})
    run.write_json("audiences/a.json", {"seed": seed})
    return run


@pytest.mark.parametrize("moved", range(4))
def test_a_run_killed_while_it_takes_its_place_stands_there_afterwards(
    moved, tmp_path, monkeypatch
):
    """Every moment of the swap: after 0, 1, 2 and all 3 moves."""
    place, moves = tmp_path / "run", []
    put_aside(place, 1).finish()
    replace = Path.replace

    def dying(self: Path, target: Path) -> Path:
        if self.parent.name == STAGING and not self.name.startswith("."):
            if len(moves) == moved:
                raise KeyboardInterrupt
            moves.append(self.name)
        return replace(self, target)

    again = put_aside(place, 2)
    monkeypatch.setattr(Path, "replace", dying)
    try:
        again.finish()
    except KeyboardInterrupt:
        assert moved < 3
    monkeypatch.undo()
    again.release()
    found = open_run(place)
    assert found.json("fit.json") == {"seed": 2}
    assert found.json("audiences/a.json") == {"seed": 2}
    assert not (place / STAGING).exists()


def test_a_run_killed_before_it_takes_its_place_leaves_the_old_one(tmp_path):
    place = tmp_path / "run"
    put_aside(place, 1).finish()
    put_aside(place, 2).release()  # never finished
    settle(place)
    assert open_run(place).json("fit.json") == {"seed": 1}
    put_aside(place, 3).finish()
    assert json.loads((place / MANIFEST).read_text())["seed"] == 3
    assert not (place / STAGING).exists()


def test_a_folder_without_any_finished_run_is_refused(tmp_path):
    put_aside(tmp_path / "run", 1).release()
    with pytest.raises(UsageError, match="no run finished there"):
        open_run(tmp_path / "run")


def test_a_run_that_is_finished_twice_names_every_file_as_it_stands(tmp_path):
    run = put_aside(tmp_path / "run", 1)
    run.finish()
    run.write_json("more.json", {})
    run.finish()
    found = open_run(tmp_path / "run")
    assert set(found.manifest["files"]) == {"fit.json", "audiences/a.json", "more.json"}
    for name in found.manifest["files"]:
        found.file(name)
