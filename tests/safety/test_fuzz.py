"""Whatever comes in, a command ends with 0, 2, 3, 4 or 5, in time and within memory.

`CHURNLAB_FUZZ=1` (a share of the full form) sets how many inputs the slow tests try: 10,000 in all.
Ten runs of a tenth with `CHURNLAB_SEED` from 1 to 10 try as many. The fast tests are their
floor. Hypothesis shrinks what fails; the seeds are fixed.
"""

from __future__ import annotations

import copy
import gzip
import json
import os
import resource
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, example, given, seed, settings
from hypothesis import strategies as st

from churnlab.bundle import score, strict_json
from churnlab.cli import main
from churnlab.cli.registry import COMMANDS
from churnlab.config.explain import known_keys
from churnlab.errors import ChurnlabError
from churnlab.events import DataConfig, PurchasesTable, open_log
from churnlab.export import ExportConfig, verify
from churnlab.monitor import monitor
from churnlab.runs.hashing import content_hash, file_hash
from churnlab.workflows.compare import compare
from churnlab.workflows.production.export import ExportSettings, export
from churnlab.workflows.steps.opening import load_shop

ALLOWED = {0, 2, 3, 4, 5}
SECONDS, WAITING, GIGABYTES = 60, 600, 2
SHARE = float(os.environ.get("CHURNLAB_FUZZ", "1"))
SEED = int(os.environ.get("CHURNLAB_SEED", "18"))
FULL = {"configurations": 500, "files": 4500, "bundles": 4000, "runs": 1000}
FLOOR = {"configurations": 8, "files": 25, "bundles": 15, "runs": 10}

NASTY = (
    *("", "null", "-1", "0", "5", "1.5", "-.5", "1e308", "nan", "-inf", "[]", "{}", "[1,2]"),
    *("{a:1}", "[null]", "[[1]]", "true", "abc", "한글", "a b", "'", '"', "???", "x" * 300),
    *("${oc.env:UNSET_VARIABLE}", "${nothing}", "1970-01-01", "9999-12-31", "2024-13-45"),
    *("../../etc/passwd", "Gamma(alpha=2)", "Gamma(alpha=-1,beta=0)", "a=b", "$(id)", "[a,b]"),
)
JSON = st.one_of(
    st.sampled_from(
        [None, True, -1, 0, 1, 5, 1e30, -1e30, 0.5, 10**400, "", "x", "2024-01-01", "9999-99-99"]
    ),
    st.sampled_from([[], {}, [None], {"a": None}, [[[]]], "y" * 10_000, "\u0000", "<svg>", "../x"]),
)


def how_many(what: str, *, full: bool) -> int:
    return max(round(FULL[what] * SHARE), 1) if full else FLOOR[what]


@contextmanager
def in_time() -> Iterator[None]:
    """Fail after a minute of work, or ten of waiting (other jobs may hold the machine)."""

    def late(*_: object) -> None:
        raise TimeoutError(f"more than {SECONDS} s of work, or {WAITING} s in all")

    timers = ((signal.ITIMER_PROF, signal.SIGPROF, SECONDS),
              (signal.ITIMER_REAL, signal.SIGALRM, WAITING))  # fmt: skip
    before = [signal.signal(number, late) for _, number, _ in timers]
    for timer, _, seconds in timers:
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for (timer, number, _), old in zip(timers, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, old)


def outcome(call: Callable[[], object]) -> int:
    """Return the status that a command around this call would end with; faults go through."""
    status, said, held = 0, "", peak()
    try:
        with in_time():
            call()
    except ChurnlabError as error:
        status, said = error.exit_status, str(error)
    assert status in ALLOWED, said
    # the process may have held more before, for another test: what counts is a new high
    assert peak() == held or peak() < GIGABYTES * 1e6
    return status


def peak() -> int:
    """Return the most memory that this process has held, in kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def fuzzed(what: str, *, full: bool):
    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
        options = settings(
            max_examples=how_many(what, full=full),
            deadline=None,
            database=None,
            # shrinking takes minutes: the slow form does it, on the same seed
            phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if full else [])],
            suppress_health_check=checks,
        )
        return seed(SEED)(options(test))

    return decorate


# --- configurations -----------------------------------------------------------------------------

SMALL = {
    "simulate": ["shop.n_members=50"],
    "sbc": ["simulations=2", "customers=20"],
    "explain": ["customer=c01"],
}
NO_DATA = ("simulate", "sbc", "report", "verify", "export", "demo", "compare", "board")
PLAIN = [c for c in COMMANDS if c not in ("demo", "pipeline")]
AMOUNTS_OF_WORK = ("n_members", "draws", "chains", "simulations", "replicates", "warmup", "samples")


@pytest.fixture(scope="session")
def place(tmp_path_factory) -> Path:
    """Return a folder with a small log, a run and a bundle."""
    root = tmp_path_factory.mktemp("fuzz")
    rows = [(f"c{i % 40:02d}", f"2024-{1 + i % 9:02d}-{1 + i % 27:02d}", i % 9) for i in range(200)]
    frame = pd.DataFrame(rows, columns=["customer_id", "event_at", "amount"])
    frame.to_csv(root / "orders.csv", index=False)
    frame.to_parquet(root / "orders.parquet")
    frame.to_excel(root / "orders.xlsx", index=False)
    (root / "orders.csv.gz").write_bytes(gzip.compress((root / "orders.csv").read_bytes()))
    shop = ["data=syn_shop", "shop.n_members=300", "segments.periods=0", "inference.draws=200"]
    shop += ["segments.draws=20", "segments.replicates=20"]
    assert main(["segment", *shop, f"run_dir={root / 'segment'}"]) == 0
    runs = f"runs=[{root / 'segment'}]"
    options = ["export.allow_uncalibrated=true", f"run_dir={root / 'export'}"]
    assert main(["export", runs, *options]) == 0
    return root


def keys_of(command: str) -> list[str]:
    return [k for k in known_keys(command) if not k.startswith(("hydra", "run_dir", "cache_dir"))]


@st.composite
def configurations(draw: Any) -> tuple[str, list[str]]:
    command = draw(st.sampled_from(PLAIN))
    keys = draw(st.lists(st.sampled_from(keys_of(command)), min_size=1, max_size=3))
    typed = []
    for key in keys:
        value = draw(st.one_of(st.sampled_from(NASTY), st.text(max_size=6)))
        value = value.replace("\x00", "")
        work = any(key.endswith(name) for name in AMOUNTS_OF_WORK)
        typed.append(f"{key}={'5' if work and value.isdigit() else value}")
    if draw(st.integers(0, 9)) == 0:
        typed.append(draw(st.text(max_size=12)).replace("\x00", ""))
    return command, typed


def run_configuration(place: Path, command: str, typed: list[str]) -> int:
    given = [*SMALL.get(command, [])]
    if command not in NO_DATA:
        given += ["data=files", f"data.purchases.path={place / 'orders.csv'}"]
    if command in ("verify", "score", "monitor"):
        given += [f"bundle={place / 'export'}"]
    said = StringIO()
    streams = redirect_stdout(said), redirect_stderr(said)
    with tempfile.TemporaryDirectory() as folder, streams[0], streams[1], in_time():
        status = main([command, *given, *typed, f"run_dir={folder}/run"])
    assert status in ALLOWED, said.getvalue()
    return status


@example(("fit", ["model.group=5"]))
@example(("fit", ["seed=${oc.env:UNSET_VARIABLE}"]))
@example(("fit", ["model.group=[null]"]))
@example(("score", [f"bundle={'x' * 300}"]))
@example(("segment", ["visits=[1,2]"]))
@fuzzed("configurations", full=False)
@given(configurations())
def test_a_configuration(place, made):
    run_configuration(place, *made)


@pytest.mark.slow
@fuzzed("configurations", full=True)
@given(configurations())
def test_many_configurations(place, made):
    run_configuration(place, *made)


# --- files --------------------------------------------------------------------------------------


@st.composite
def mutations(draw: Any) -> list[tuple[str, float, bytes]]:
    one = st.tuples(
        st.sampled_from(["cut", "flip", "insert", "repeat", "zero", "drop"]),
        st.floats(0, 1),
        st.one_of(
            st.binary(min_size=1, max_size=8),
            st.sampled_from(
                [b'"', b"\n", b"\r", b",,,,", b"\xff", b"\x00", b"9" * 400, b"NaN", b"-"]
            ),
        ),
    )
    return draw(st.lists(one, min_size=1, max_size=4))


def mutated(content: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    for how, where, what in changes:
        at = int(where * len(content))
        if how == "cut":
            content = content[:at]
        elif how == "flip":
            middle = bytes(a ^ b for a, b in zip(content[at : at + len(what)], what, strict=False))
            content = content[:at] + middle + content[at + len(middle) :]
        elif how == "insert":
            content = content[:at] + what + content[at:]
        elif how == "repeat":
            content = content[:at] + content[at : at + 200] * 3 + content[at:]
        elif how == "zero":
            content = content[:at] + bytes(len(what)) + content[at + len(what) :]
        else:
            content = content[:at] + content[at + 50 :]
    return content


FILES = st.tuples(
    st.sampled_from(["orders.csv", "orders.csv.gz", "orders.parquet", "orders.xlsx"]),
    mutations(),
    st.sampled_from([None, "utf-8", "cp949", "utf-16", "latin-1"]),
)


def read_file(place: Path, name: str, changes: Any, encoding: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(mutated((place / name).read_bytes(), changes))
        table = PurchasesTable(path=str(path), encoding=encoding)
        outcome(lambda: open_log(DataConfig(name="files", purchases=table)).report.lines())


@fuzzed("files", full=False)
@given(FILES)
def test_a_file(place, made):
    read_file(place, *made)


@pytest.mark.slow
@fuzzed("files", full=True)
@given(FILES)
def test_many_files(place, made):
    read_file(place, *made)


# --- JSON of bundles and runs -------------------------------------------------------------------

CHANGES = st.lists(
    st.tuples(st.sampled_from(["delete", "replace", "rename", "twice"]), st.floats(0, 1), JSON),
    min_size=1,
    max_size=3,
)


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the places in a JSON value; of long lists (draws) the first of each are enough."""
    inside = node.items() if isinstance(node, dict) else enumerate(node[:3])
    for key, value in inside:
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*path, key))


def changed(content: Any, changes: Any) -> Any:
    content = copy.deepcopy(content)
    for how, where, drawn in changes:
        value = copy.deepcopy(drawn)
        known = list(places(content))
        if not known:
            break
        *above, last = known[min(int(where * len(known)), len(known) - 1)]
        node = content
        for key in above:
            node = node[key]
        if how == "delete":
            del node[last]
        elif how == "rename" and isinstance(node, dict):
            node["renamed"] = node.pop(last)
        elif how == "twice" and isinstance(node, list):
            node.append(node[last])
        else:
            node[last] = value
    return content


@pytest.fixture(scope="session")
def log():
    return load_shop(60)


def use_bundle(place: Path, log: Any, changes: Any, rehash: bool, command: str) -> None:
    source = place / "export"
    with tempfile.TemporaryDirectory() as folder:
        for file in source.iterdir():
            if file.is_file() and file.name != "bundle.json":
                os.link(file, Path(folder) / file.name)
        content = changed(json.loads((source / "bundle.json").read_text()), changes)
        if rehash:
            content["content_hash"] = strict_json.hash_without(content)
        (Path(folder) / "bundle.json").write_text(json.dumps(content))
        calls: dict[str, Callable[[], object]] = {
            "verify": lambda: verify(folder, sql=False),
            "score": lambda: score(folder, log),
            "monitor": lambda: monitor(folder, log),
        }
        outcome(calls[command])


BUNDLES = st.tuples(CHANGES, st.booleans(), st.sampled_from(["verify", "score", "monitor"]))


@fuzzed("bundles", full=False)
@given(BUNDLES)
def test_a_bundle(place, log, made):
    use_bundle(place, log, *made)


@pytest.mark.slow
@fuzzed("bundles", full=True)
@given(BUNDLES)
def test_many_bundles(place, log, made):
    use_bundle(place, log, *made)


def spoilt(path: Path, how: str, where: float) -> None:
    frame = pd.read_parquet(path)
    column = frame.columns[min(int(where * len(frame.columns)), len(frame.columns) - 1)]
    if how == "delete":
        frame = frame.drop(columns=column)
    elif how == "rename" and "renamed" not in frame:
        frame = frame.rename(columns={column: "renamed"})
    elif how == "twice":
        frame = pd.concat([frame, frame.tail(3)])
    else:
        frame[column] = "x" if where < 0.5 else None
    frame.to_parquet(path)


def use_run(place: Path, name: str, changes: Any, rehash: bool, command: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        shutil.copytree(place / "segment", run, copy_function=os.link)
        path, manifest = run / name, json.loads((run / "manifest.json").read_text())
        content = path.read_bytes()
        path.unlink()
        if name.endswith(".json"):
            spoilt_json = changed(json.loads(content), changes)
            path.write_text(json.dumps(spoilt_json))
            manifest = spoilt_json if name == "manifest.json" else manifest
        else:
            path.write_bytes(content)
            for how, where, _ in changes:
                spoilt(path, how, where)
        if rehash and isinstance(manifest, dict):
            if name != "manifest.json" and isinstance(manifest.get("files"), dict):
                manifest["files"][name] = file_hash(path)
            manifest["config_hash"] = content_hash(manifest.get("config"))
            (run / "manifest.json").unlink()
            (run / "manifest.json").write_text(json.dumps(manifest))
        how = ExportSettings(runs=[str(run)], export=ExportConfig(allow_uncalibrated=True))
        calls: dict[str, Callable[[], object]] = {
            "export": lambda: export(f"{folder}/out", settings=how),
            "compare": lambda: compare([str(run), str(place / "segment")]),
        }
        outcome(calls[command])


RUNS = st.tuples(
    st.sampled_from(
        ["manifest.json", "fit.json", "segments.json", "customers.parquet", "membership.parquet"]
    ),
    CHANGES,
    st.booleans(),
    st.sampled_from(["export", "compare"]),
)


@fuzzed("runs", full=False)
@given(RUNS)
def test_a_run_folder(place, made):
    use_run(place, *made)


@pytest.mark.slow
@fuzzed("runs", full=True)
@given(RUNS)
def test_many_run_folders(place, made):
    use_run(place, *made)


def test_the_full_form_is_ten_thousand():
    assert sum(FULL.values()) == 10_000
