"""Sweeps go on where they stopped, keep each job's status and end in one table."""

import json

import pandas as pd
import pytest

from churnlab.cli import main, sweep
from churnlab.errors import ChurnlabError
from churnlab.runs import RunFolder
from churnlab.workflows.compare import Comparison

SMALL = [
    "data=syn_shop",
    "shop.n_members=600",
    "split.limits.least_purchasers=50",
    "split.limits.least_events=10",
    "split.horizon_days=[28]",
    "split.origins=1",
    "split.counts=false",
    "candidates=[mbg_nbd]",
    "split.replicates=20",
    "inference.draws=200",
    "hydra/launcher=basic",
]


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    place = tmp_path_factory.mktemp("sweep") / "run"
    cache = f"cache_dir={place.parent / 'cache'}"
    status = main(["backtest", "-m", *SMALL, cache, f"run_dir={place}", "seed=1,2"])
    assert status == 0
    return place, cache


def test_one_table_across_jobs(swept):
    place, _ = swept
    table = pd.read_parquet(place / "sweep.parquet")
    assert set(table["job"]) == {"0", "1"}
    assert {"mbg_nbd", "hiatus"} <= set(table["name"])
    assert set(table["run"]) == {"seed=1", "seed=2"}
    brier = table[table["figure"] == "brier"]
    assert brier["value"].is_monotonic_increasing  # best first
    assert ((brier["q05"] < brier["value"]) & (brier["value"] < brier["q95"])).all()
    assert "seed=2" in (place / "report.html").read_text()


def test_finished_jobs_are_kept_and_others_are_made(swept, capsys):
    place, cache = swept
    before = (place / "0" / "manifest.json").stat().st_mtime_ns
    (place / "1" / "manifest.json").unlink()  # as an interruption would leave it
    assert main(["backtest", "-m", *SMALL, cache, f"run_dir={place}", "seed=1,2"]) == 0
    assert capsys.readouterr().out.count("finished before") == 1
    assert (place / "0" / "manifest.json").stat().st_mtime_ns == before
    assert (place / "1" / "manifest.json").exists()


def test_a_failing_job_has_its_status_and_the_others_go_on(tmp_path, capsys):
    days = "as_of=1990-01-01,1997-09-30"
    place = f"run_dir={tmp_path}"
    status = main(["check", "-m", "data=cdnow", days, place, "hydra/launcher=basic"])
    assert status == 3
    jobs = [json.loads((tmp_path / n / sweep.RECORD).read_text()) for n in ("0", "1")]
    assert [j["status"] for j in jobs] == [3, 0]
    assert "1990-01-01" in capsys.readouterr().err


def test_a_launcher_that_is_not_installed_is_named_with_its_package(tmp_path, capsys):
    words = ["check", "-m", "data=cdnow", "seed=1,2", f"run_dir={tmp_path}/x"]
    gone = "hydra.launcher._target_=hydra_plugins.hydra_moon_launcher.Launcher"
    assert main([*words, "hydra/launcher=ray", gone]) == 2
    assert "pip install hydra-moon-launcher" in capsys.readouterr().err


def test_a_sweep_that_lost_jobs_is_an_error(tmp_path):
    sweep.record(tmp_path / "0", 0, ["seed=1"])
    with pytest.raises(ChurnlabError, match="asked for 2 jobs and 1 ran"):
        sweep.close(tmp_path, "check", 2)


@pytest.mark.parametrize(("config", "lang"), [({"lang": "ko"}, "ko"), ({}, "en")])
def test_a_sweep_s_report_is_in_the_language_of_its_jobs(tmp_path, monkeypatch, config, lang):
    """Commands without words (`fit`) have no language: English."""
    monkeypatch.setattr(Comparison, "page", lambda self: self.lang)
    jobs = {}
    for n in (7, 14):
        folder = RunFolder(tmp_path / str(n), "nday", config, seed=1)
        folder.write_json("rule.json", {"recommendation": {"basis": "value", "n": n}})
        folder.finish()
        jobs[tmp_path / str(n)] = {"status": 0, "overrides": [f"nday.n={n}"]}
    sweep._side_by_side(jobs, tmp_path)
    assert (tmp_path / "report.html").read_text() == lang


def test_swept_values_are_counted():
    assert sweep.expected_jobs(["model=bg_nbd,mbg_nbd", "seed=1,2,3", "a=[1,2]"]) == 6
    assert sweep.expected_jobs(["seed=1"]) == 1


def test_jobs_are_named_by_what_they_varied():
    assert sweep._names([["a=1", "seed=1"], ["a=1", "seed=2"]]) == ["seed=1", "seed=2"]
    assert sweep._names([["a=1"], ["a=1"]]) == ["0: (defaults)", "1: (defaults)"]
