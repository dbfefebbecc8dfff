"""Files appear whole or not at all; manifests say what a run was."""

import datetime as dt
import json
import os
import signal

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from churnlab.errors import UsageError
from churnlab.runs import open_run
from churnlab.runs.folder import RunFolder, read_json, timestamped_folder, write_atomic
from churnlab.runs.hashing import canonical_json, content_hash, file_hash, frame_hash


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "result.json"
    target.write_text("old")

    def half(path):
        path.write_text("ne")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        write_atomic(target, half)
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_an_interrupt_while_writing_leaves_nothing(tmp_path):
    def interrupted(path):
        path.write_text("ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "result.json", interrupted)
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_names_every_file_by_its_hash(tmp_path):
    run = RunFolder(tmp_path / "a" / "b", "fit", config={"seed": 1}, seed=1)
    run.write_json(
        "fit.json", {"as_of": dt.date(2020, 1, 2), "nan": float("nan"), "n": np.int64(3)}
    )
    run.write_parquet("customers.parquet", pd.DataFrame({"customer_id": ["0001", "회원"]}))
    manifest = json.loads(run.finish().read_text())
    assert manifest["files"]["fit.json"] == file_hash(run.path / "fit.json")
    assert set(manifest["files"]) == {"fit.json", "customers.parquet"}
    assert read_json(run.path / "fit.json") == {"as_of": "2020-01-02", "nan": None, "n": 3}
    assert manifest["versions"]["numpy"] == np.__version__


def test_the_manifest_names_files_in_one_order_whichever_was_written_first(tmp_path):
    def names(folder, *order):
        run = RunFolder(folder, "fit")
        for name in order:
            run.write_text(name, name)
        run.finish()
        return list(read_json(folder / "manifest.json")["files"])

    assert names(tmp_path / "a", "b.txt", "a.txt") == names(tmp_path / "b", "a.txt", "b.txt")


def test_an_unwritable_folder_is_refused_before_anything_else(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        RunFolder(tmp_path / "file" / "run", "fit")


def test_hashes_do_not_depend_on_the_order_of_keys_but_on_values():
    assert content_hash({"a": 1, "b": [1, 2]}) == content_hash({"b": (1, 2), "a": 1})
    assert content_hash({"a": 1}) != content_hash({"a": 2})
    assert canonical_json({"ㄱ": 1.5}) == '{"ㄱ":1.5}'


def test_frame_hash_sees_values_and_names_but_no_index():
    frame = pd.DataFrame({"x": [1, 2], "id": ["a", "b"]})
    assert frame_hash(frame) == frame_hash(frame.set_axis([7, 8], axis=0))
    assert frame_hash(frame) != frame_hash(frame.assign(x=[1, 3]))
    assert frame_hash(frame) != frame_hash(frame.rename(columns={"x": "y"}))


def test_two_runs_started_at_once_have_two_folders():
    assert timestamped_folder("fit") != timestamped_folder("fit")


def test_broken_json_is_a_plain_error(tmp_path):
    (tmp_path / "x.json").write_bytes(b"\xff{")
    with pytest.raises(UsageError, match="not readable JSON"):
        read_json(tmp_path / "x.json")
    with pytest.raises(UsageError, match="missing"):
        read_json(tmp_path / "y.json")


def test_a_failed_rerun_leaves_the_good_run(tmp_path):
    good = RunFolder(tmp_path, "fit")
    good.write_text("fit.json", "good")
    good.write_text("old.txt", "of the first run alone")
    good.finish()
    broken = RunFolder(tmp_path, "fit")
    broken.write_text("fit.json", "half")
    assert (tmp_path / "fit.json").read_text() == "good"
    assert open_run(tmp_path).manifest["files"]["fit.json"] == file_hash(tmp_path / "fit.json")
    broken.release()
    again = RunFolder(tmp_path, "fit")
    assert not (again.path / "fit.json").exists(), "what the broken run left is cleared"
    (again.path / "audiences").mkdir()
    again.write_text("audiences/a.txt", "new")
    again.write_text("fit.json", "new")
    (tmp_path / "mine.txt").write_text("not the run's")
    again.finish()
    assert (tmp_path / "fit.json").read_text() == "new"
    assert {p.name for p in tmp_path.iterdir()} == {
        "audiences", "fit.json", "manifest.json", "mine.txt",
    }  # fmt: skip
    assert set(open_run(tmp_path).manifest["files"]) == {"audiences/a.txt", "fit.json"}


def test_a_step_is_emptied_of_its_manifest_and_told_where_it_will_stand(tmp_path):
    whole = RunFolder(tmp_path, "pipeline")
    whole.part("fit", "fit").finish()
    whole.finish()
    rerun = RunFolder(tmp_path, "pipeline")
    step, beside = rerun.part("fit", "fit"), rerun.part("export", "export", beside=True)
    assert step.path != step.place == tmp_path / "fit"
    assert beside.path == beside.place == tmp_path / "export"
    assert (tmp_path / "fit" / "manifest.json").exists()
    rerun.finish()
    assert not (tmp_path / "fit" / "manifest.json").exists(), "the step did not come to its end"


def test_a_step_that_ends_leaves_the_step_of_before_until_the_whole_run_ends(tmp_path):
    """A pipeline that is killed later is the old one, step by step; what follows reads the new."""
    for seed in (1, 2):
        whole = RunFolder(tmp_path, "pipeline", seed=seed)
        step = whole.part("fit", "fit")
        step.write_json(f"of{seed}.json", seed)
        step.finish()
        assert open_run(step.path).manifest["seed"] == seed
        assert open_run(tmp_path / "fit").manifest["seed"] == 1
        assert (tmp_path / "fit" / "of1.json").exists()
        if seed == 1:
            whole.finish()
    whole.finish()
    assert open_run(tmp_path / "fit").manifest["seed"] == 2
    assert not (tmp_path / "fit" / "of1.json").exists()


def test_a_folder_takes_one_run_at_a_time(tmp_path):
    first = RunFolder(tmp_path, "pipeline")
    with pytest.raises(UsageError, match="being written by another run"):
        RunFolder(tmp_path, "pipeline")
    first.part("fit", "fit")  # its own steps are not another run
    first.finish()
    second = RunFolder(tmp_path, "pipeline")
    second.release()
    RunFolder(tmp_path, "pipeline").finish()


def test_a_killed_run_holds_its_folder_no_longer(tmp_path):
    child = os.fork()
    if child == 0:
        held = RunFolder(tmp_path, "pipeline")
        assert held.path
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    RunFolder(tmp_path, "pipeline").finish()


@pytest.fixture
def finished(tmp_path):
    run = RunFolder(tmp_path, "fit", config={"risk": {"basis": "p_alive"}})
    run.write_json("fit.json", {"threshold": {"value": 0.142}})
    run.write_parquet("customers.parquet", pd.DataFrame({"x": [1, 2]}))
    run.finish()
    return tmp_path


def test_files_that_were_edited_after_their_run_are_refused(finished):
    assert open_run(finished).json("fit.json")["threshold"]["value"] == 0.142
    assert len(open_run(finished).frame("customers.parquet")) == 2
    some = open_run(finished).frame("customers.parquet", ["unheard_of", "x"])
    assert list(some.columns) == ["x"]
    path = finished / "fit.json"
    path.write_text(path.read_text().replace("0.142", "0.9"))
    with pytest.raises(UsageError, match=r"fit\.json was changed after its run"):
        open_run(finished).json("fit.json")
    pd.DataFrame({"x": [1]}).to_parquet(finished / "customers.parquet")
    with pytest.raises(UsageError, match=r"customers\.parquet was changed"):
        open_run(finished).frame("customers.parquet")


def test_files_that_no_run_wrote_and_missing_ones_are_refused(finished):
    pd.DataFrame({"x": [1]}).to_parquet(finished / "shares.parquet")
    with pytest.raises(UsageError, match="none of the files that the run wrote"):
        open_run(finished).frame("shares.parquet")
    (finished / "fit.json").unlink()
    with pytest.raises(UsageError, match="is missing"):
        open_run(finished).json("fit.json")


def test_a_configuration_edited_in_the_manifest_is_refused(finished):
    path = finished / "manifest.json"
    path.write_text(path.read_text().replace('"p_alive"', '"fixed_days"'))
    with pytest.raises(UsageError, match="its configuration is not the one that ran"):
        open_run(finished).command  # noqa: B018


@pytest.mark.parametrize(("rows", "groups"), [(0, 1), (4, 1), (5, 2), (9, 3)])
def test_a_frame_written_by_row_groups_reads_back_as_it_was(tmp_path, monkeypatch, rows, groups):
    """Columns that are empty in one group, attributes and no rows at all included."""
    monkeypatch.setattr("churnlab.runs.folder._ROW_GROUP", 4)
    frame = pd.DataFrame(
        {
            "customer_id": [f"{i:04d}" for i in range(rows)],
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows), unit="D"),
            "late": pd.array([pd.NA] * min(rows, 4) + [True] * max(rows - 4, 0), "boolean"),
            "code": pd.Series([None] * min(rows, 4) + ["a"] * max(rows - 4, 0), dtype="object"),
            "band": pd.Categorical(
                np.where(np.arange(rows) < 4, "low", "high"), ["none", "low", "high"], ordered=True
            ),
            "risk": np.linspace(0, 1, rows),
        }
    )
    frame.attrs = {"worth": "amount"}
    run = RunFolder(tmp_path / "run", "fit", config={}, seed=1)
    path = run.write_parquet("customers.parquet", frame)
    assert pq.ParquetFile(path).num_row_groups == groups
    found = pd.read_parquet(path)
    frame.to_parquet(tmp_path / "whole.parquet", index=False)
    pd.testing.assert_frame_equal(found, pd.read_parquet(tmp_path / "whole.parquet"))
    assert found.attrs == frame.attrs


def test_a_run_reads_itself_before_it_is_finished(tmp_path):
    folder = RunFolder(tmp_path / "run", "fit", {"a": 1}, seed=1)
    folder.write_json("x.json", {"n": 1})
    draft = open_run(folder.so_far())
    assert draft.json("x.json") == {"n": 1}
    assert draft.place == (tmp_path / "run").resolve()
    with pytest.raises(UsageError, match=r"no manifest\.json"):
        open_run(tmp_path / "run")
    folder.finish()
    assert open_run(tmp_path / "run").names(".*") == []
    again = RunFolder(tmp_path / "run", "fit", {"a": 2}, seed=1)
    assert open_run(again.so_far()).place == (tmp_path / "run").resolve()
    assert open_run(tmp_path / "run").manifest["config"] == {"a": 1}
