"""What the machine refuses (disk, memory, rights, signals) ends in one sentence."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from churnlab.cli import main, process
from churnlab.errors import UsageError
from churnlab.export.publish import Staging
from churnlab.inference.datatree import netcdf
from churnlab.origins.cache import FitCache
from churnlab.runs.folder import MANIFEST, STAGING, RunFolder, write_atomic

FIT = ["fit", "data=cdnow", "as_of=1997-09-30", "inference.draws=100"]


def run(*arguments: str, limits=None, **options):
    """Run a command in a process of its own."""

    def limit():
        for kind, value in (limits or {}).items():
            resource.setrlimit(kind, (value, value))

    options = {"capture_output": True, **options}
    command = [sys.executable, "-m", "churnlab", *arguments]
    return subprocess.run(command, preexec_fn=limit, text=True, timeout=120, check=False, **options)


@pytest.fixture(scope="module")
def fit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit") / "run"
    assert main([*FIT, f"run_dir={folder}"]) == 0
    return folder


@pytest.mark.parametrize("size", [2048, 20_000, 120_000])
def test_a_file_size_limit_ends_in_one_sentence(size, tmp_path):
    done = run(*FIT, f"run_dir={tmp_path}", limits={resource.RLIMIT_FSIZE: size})
    assert done.returncode == 1, done.stderr
    assert "a file would grow beyond the limit on file sizes" in done.stderr
    assert "internal error" not in done.stderr
    assert not (tmp_path / MANIFEST).exists()


def test_too_little_memory_ends_in_one_sentence(tmp_path):
    done = run(*FIT, f"run_dir={tmp_path}", limits={resource.RLIMIT_AS: 1_200_000_000})
    assert done.returncode == 1, done.stderr
    assert "there is not enough memory within ulimit -v" in done.stderr
    assert "internal error" not in done.stderr


def test_without_home_and_in_a_folder_that_cannot_be_written(tmp_path):
    nowhere = {
        "HOME": "/proc/none",
        "XDG_CACHE_HOME": "/proc/none",
        "XDG_CONFIG_HOME": "/proc/none",
    }
    environment = {**os.environ, **nowhere}
    done = run(*FIT, f"run_dir={tmp_path}", cwd="/proc", env=environment)
    assert done.returncode == 0, done.stderr
    assert run(*FIT, cwd="/proc", env=environment).returncode == 2


@pytest.mark.parametrize("redirect", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_fault(redirect, tmp_path):
    command = f"{sys.executable} -m churnlab check data=cdnow run_dir={tmp_path} {redirect}"
    assert subprocess.run(["sh", "-c", command], check=False, timeout=60).returncode == 0
    assert (tmp_path / MANIFEST).exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("arguments", [["check", "data=cdnow"], ["--help"]])
def test_a_full_standard_output_is_said(arguments, tmp_path):
    place = [f"run_dir={tmp_path}"] if "data=cdnow" in arguments else []
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = run(*arguments, *place, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert "the disk is full" in done.stderr
    assert not place or (tmp_path / MANIFEST).exists()


@pytest.mark.parametrize(
    ("command", "sent", "status", "word"),
    [
        ("report", signal.SIGTERM, 143, "terminated"),
        ("report", signal.SIGINT, 130, "interrupted"),
        ("sbc", signal.SIGTERM, 143, "terminated"),  # SIGINT: tests/cli/test_bad_input.py
    ],
)
def test_signals_end_every_command_with_their_status(command, sent, status, word, fit, tmp_path):
    arguments = {"report": [f"run={fit}"], "sbc": ["simulations=100000"]}[command]
    place = [f"run_dir={tmp_path / command}"]
    started = subprocess.Popen(
        [sys.executable, "-m", "churnlab", command, *arguments, *place],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stderr is not None
    for line in started.stderr:  # until it works
        if "rendering" in line or "simulat" in line:
            break
    time.sleep(1)
    started.send_signal(sent)
    _, said = started.communicate(timeout=60)
    assert started.returncode == status, said
    assert word in said
    assert "internal error" not in said


@pytest.mark.parametrize(
    ("sent", "status", "word"), [("SIGTERM", 143, "terminated"), ("SIGINT", 130, "interrupted")]
)
def test_a_signal_that_compiled_code_made_into_another_error_is_still_a_signal(sent, status, word):
    code = f"""
import contextlib, os, signal, sys
import churnlab.cli as cli
def work(arguments):
    with contextlib.suppress(KeyboardInterrupt):
        os.kill(os.getpid(), signal.{sent})
    raise SystemError("returned a result with an exception set") from None
cli._dispatch = work
sys.exit(cli.main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, word in done.stderr) == (status, True), done.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/a/b"), "the disk is full (/a/b)"),
        (OSError("IO Error: No space left on device"), "the disk is full"),
        (RuntimeError("Out of Memory Error: failed to allocate"), "there is not enough memory"),
        (MemoryError(), "there is not enough memory"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), "access is not permitted (x)"),
        (ValueError("No such thing"), None),
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), None),
    ],
)
def test_refusals_of_the_machine_are_told_from_faults(error, said):
    assert process.refusal(error) == said
    wrapped = RuntimeError("while writing")
    wrapped.__cause__ = error
    assert process.refusal(wrapped) == said


def test_a_path_that_is_too_long_for_a_file_is_a_usage_error(tmp_path, capsys):
    assert main(["verify", f"bundle={'x' * 300}", f"run_dir={tmp_path}/run"]) == 2
    assert f"a path of 300 characters is too long for a file: {'x' * 60}..." in " ".join(
        capsys.readouterr().err.split()
    )
    assert process.no_path(FileNotFoundError(errno.ENOENT, "No such file", "x")) is None


def test_a_posterior_is_made_in_memory(tmp_path, monkeypatch):
    import xarray as xr

    monkeypatch.chdir(tmp_path)
    image = netcdf(xr.Dataset({"a": ("d", np.arange(3.0))}))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.nc").write_bytes(image)
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as found:
        assert found["a"].to_numpy().tolist() == [0, 1, 2]


def test_what_a_killed_run_left_is_cleared_by_the_next(tmp_path):
    left = tmp_path / f".customers.{'0a' * 8}.parquet"
    left.write_text("half")
    (tmp_path / STAGING).mkdir()
    (tmp_path / ".gitignore").write_text("mine")
    RunFolder(tmp_path, "fit")
    assert [p.name for p in tmp_path.iterdir()] == [".gitignore"]


def test_the_name_that_is_cleared_is_the_name_that_is_written(tmp_path):
    from churnlab.runs.folder import _TEMPORARY

    for name in ("customers.parquet", "LICENSE", "a.b.json"):
        write_atomic(
            tmp_path / name, lambda path: _TEMPORARY.fullmatch(path.name)[0] and path.touch()
        )


def test_staging_of_a_killed_export_is_cleared_and_a_living_one_kept(tmp_path):
    dead = tmp_path / "bundles" / ".staging-dead"
    dead.mkdir(parents=True)
    (dead / "x.parquet").write_text("half")
    living = Staging(tmp_path)
    assert not dead.exists()
    other = Staging(tmp_path)
    assert living.path.exists()
    living.discard()
    other.discard()
    assert list((tmp_path / "bundles").iterdir()) == []


@pytest.mark.parametrize(
    "manifest",
    ["{", "[]", '{"command": "fit"}', '{"command": "fit", "files": 5}',
     '{"command": "fit", "files": {"../precious": "x", "/etc/motd": "", "a/../../precious": ""}}'],
)  # fmt: skip
def test_an_altered_manifest_removes_nothing_outside_its_folder(manifest, tmp_path):
    (tmp_path / "precious").write_text("mine")
    place = tmp_path / "run"
    place.mkdir()
    (place / MANIFEST).write_text(manifest)
    again = RunFolder(place, "fit")
    again.write_json("fit.json", {})
    again.finish()
    assert (tmp_path / "precious").read_text() == "mine"
    assert {p.name for p in place.iterdir()} == {"fit.json", MANIFEST}


def make():
    return {"theta": np.arange(3.0)}, {"k": 1}


@pytest.mark.parametrize("how", ["cut", "changed", "not a zip", "other arrays", "empty"])
def test_a_broken_cache_entry_is_made_again_with_a_note(how, tmp_path):
    FitCache(tmp_path).get({"a": 1}, make)
    (file,) = tmp_path.glob("*.npz")
    content = file.read_bytes()
    with np.load(file) as stored:
        note = stored["note"]
    if how == "other arrays":
        np.savez(file, note=note, theta=np.arange(4.0))
    else:
        at = content.index(np.arange(3.0).tobytes()) + 9
        broken = {"cut": content[:-30], "not a zip": b"x" * 99, "empty": b""}
        changed = content[:at] + b"\x01" + content[at + 1 :]
        file.write_bytes(broken.get(how, changed))
    again = FitCache(tmp_path)
    arrays, about = again.get({"a": 1}, make)
    assert (again.made["fits"], arrays["theta"].tolist(), about) == (1, [0, 1, 2], {"k": 1})
    assert "is broken" in again.notes[0]


def test_a_cache_that_cannot_be_written_is_no_fault(tmp_path):
    (tmp_path / "file").touch()
    cache = FitCache(tmp_path / "file" / "cache")
    cache.get({"a": 1}, make)
    cache.get({"a": 2}, make)
    assert cache.made["fits"] == 2
    assert len(cache.notes) == 1
    assert "cannot be stored" in cache.notes[0]


def test_a_run_folder_that_is_held_is_refused(tmp_path):
    held = RunFolder(tmp_path, "fit")
    with pytest.raises(UsageError, match="another run"):
        RunFolder(tmp_path, "fit")
    held.release()
    RunFolder(tmp_path, "fit")


def test_a_fault_of_compiled_code_is_a_fault(monkeypatch):
    def broken(_: object) -> int:
        raise SystemError("broken") from ValueError("other")

    monkeypatch.setattr("churnlab.cli._dispatch", broken)
    assert main(["fit"]) == 1
