"""What a second run does to the folder of a finished one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from churnlab.cli import main
from churnlab.report.render import Rendered
from churnlab.runs import open_run
from churnlab.runs.folder import STAGING
from churnlab.runs.hashing import file_hash

FIT = ["fit", "data=cdnow", "as_of=1997-09-30", "inference.draws=100"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "run"
    assert main([*FIT, f"run_dir={folder}"]) == 0
    return folder


@pytest.fixture
def good(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "run"))


def test_a_rerun_that_fails_leaves_the_good_run(good, capsys):
    log = (good / "run.log").read_bytes()
    assert main([*FIT[:2], "as_of=1997-01-01", f"run_dir={good}"]) == 3
    run = open_run(good)
    assert run.manifest["config"]["as_of"] == "1997-09-30"
    assert file_hash(good / "fit.json") == run.manifest["files"]["fit.json"]
    assert (good / "run.log").read_bytes() == log
    assert (good / STAGING / "run.log").exists()


def test_a_rerun_that_ends_takes_its_place_and_clears_what_a_failure_left(good, capsys):
    assert main([*FIT[:2], "as_of=1997-01-01", f"run_dir={good}"]) == 3
    assert main([*FIT, "seed=2", f"run_dir={good}"]) == 0
    assert f"files: {good}/customers.parquet" in capsys.readouterr().out
    run = open_run(good)
    assert run.manifest["seed"] == 2
    assert file_hash(good / "fit.json") == run.manifest["files"]["fit.json"]
    assert not (good / STAGING).exists()


def test_a_report_never_takes_the_place_of_its_run(good, monkeypatch):
    page = Rendered(html="<html></html>", summary="", notebook="{}")
    monkeypatch.setattr("churnlab.workflows.pages.report.render", lambda *_, **__: page)
    assert main(["report", f"run={good}", f"run_dir={good}"]) == 0
    assert open_run(good).command == "fit"
    assert (good / "report" / "report.html").exists()
