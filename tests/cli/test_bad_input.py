"""Bad input ends in one plain message and the right exit status; nothing is half-written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from churnlab.cli import main

HEADER = "customer_id,event_at,amount\n"
GOOD = HEADER + "".join(
    f"c{i:02d},2020-{1 + (i + j) % 9:02d}-{1 + (3 * i + 5 * j) % 27:02d},{10 + j}\n"
    for i in range(40)
    for j in range(1 + i % 4)
)


def churnlab(capsys, tmp_path, *arguments, command="check"):
    """Run a command in-process; return status and what it said on standard error."""
    status = main([command, "data=files", f"run_dir={tmp_path / 'run'}", *arguments])
    return status, capsys.readouterr().err


def orders(tmp_path: Path, text: str | bytes, name: str = "orders.csv") -> str:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return f"data.purchases.path={path}"


def results(tmp_path: Path) -> set[str]:
    folder = tmp_path / "run"
    return {p.name for p in folder.iterdir()} if folder.exists() else set()


DATA_ERRORS = {
    "missing file": (None, [], "orders.csv"),
    "missing column": ("id,event_at\na,2020-01-01\n", [], "customer_id"),
    "no rows": (HEADER, [], "no rows"),
    "unreadable dates": (HEADER + "a,yesterday,1\nb,tomorrow,2\n", [], "yesterday"),
    "a binary file": (bytes(range(256)) * 40, [], "orders.csv"),
    "all rows after as_of": (GOOD, ["as_of=2019-01-01"], "2019-01-01"),
    "naive and offset times mixed": (
        HEADER + "a,2020-01-01 10:00:00,1\nb,2020-01-02T10:00:00+09:00,2\n",
        [],
        "offset",
    ),
    "negative amounts as an error": (
        GOOD + "c01,2020-05-05,-3\n",
        ["data.returns=error"],
        "amount",
    ),
    "null ids as an error": (GOOD + ",2020-05-05,3\n", ["data.on_bad_rows=error"], "id"),
}


@pytest.mark.parametrize("case", DATA_ERRORS)
def test_wrong_data_end_with_status_3(case, tmp_path, capsys):
    text, options, word = DATA_ERRORS[case]
    path = (
        f"data.purchases.path={tmp_path / 'orders.csv'}" if text is None else orders(tmp_path, text)
    )
    status, said = churnlab(capsys, tmp_path, path, *options)
    assert status == 3, said
    assert word in said
    assert "Traceback" not in said
    assert "data_report.json" not in results(tmp_path)


def test_a_missing_column_lists_those_that_exist_and_the_nearest(tmp_path, capsys):
    path = orders(tmp_path, "customerid,event_at,price\na,2020-01-01,3\n")
    status, said = churnlab(capsys, tmp_path, path)
    assert status == 3
    assert "price" in said
    assert "Did you mean 'customerid'" in said


USAGE_ERRORS = {
    "an unknown time zone": (["data.time_zone=Asia/Soul"], "Asia/Seoul"),
    "a misspelt key": (["data.time_zoen=UTC"], "data.time_zone"),
    "a misspelt group": (["modle=bg_nbd"], "model"),
    "a misspelt model": (["model=bgnbd"], "bg_nbd"),
    "a value of the wrong kind": (["seed=one"], "seed"),
    "a value out of range": (["seed=-1"], "seed"),
    "no option at all": (["orders.csv"], "KEY=VALUE"),
    "an unknown returns policy": (["data.returns=dorp"], "drop"),
    "an unknown rule": (["rule=cheap"], "cost_ratio"),
    "an unknown calendar": (["model.calendar=moth"], "month"),
    "events that overlap": (["model.events={a: [12-01, 12-09], b: [12-09, 12-24]}"], "overlap"),
    "a calendar with Erlang gaps": (["model=mbg_cnbd_k", "model.calendar=month"], "Erlang"),
    "a sweep without -m": (["model=bg_nbd,mbg_nbd"], "-m"),
}


@pytest.mark.parametrize("case", USAGE_ERRORS)
def test_what_is_wrong_before_data_are_opened_ends_with_status_2(case, tmp_path, capsys):
    options, word = USAGE_ERRORS[case]
    status, said = churnlab(capsys, tmp_path, orders(tmp_path, GOOD), *options, command="fit")
    assert status == 2, said
    assert word in said
    assert "Traceback" not in said
    assert results(tmp_path) == set()


def test_an_event_outside_the_data_ends_with_status_3(tmp_path, capsys):
    typed = "model.events={sale: [2030-01-01, 2030-01-05]}"
    status, said = churnlab(capsys, tmp_path, orders(tmp_path, GOOD), typed, command="fit")
    assert status == 3, said
    assert "'sale' has no day between 2020" in said


def test_an_unwritable_run_folder_ends_with_status_2(tmp_path, capsys):
    (tmp_path / "run").write_text("a file where a folder is wanted")
    status, said = churnlab(capsys, tmp_path, orders(tmp_path, GOOD))
    assert status == 2
    assert "run_dir" in said


FIT_ERRORS = {
    "one customer": HEADER + "a,2020-01-01,1\na,2020-02-01,1\n",
    "only one purchase each": HEADER
    + "".join(f"c{i},2020-01-{1 + i % 28:02d},1\n" for i in range(60)),
}


@pytest.mark.parametrize("case", FIT_ERRORS)
def test_data_that_cannot_support_a_model_are_refused(case, tmp_path, capsys):
    status, said = churnlab(
        capsys, tmp_path, orders(tmp_path, FIT_ERRORS[case]), "as_of=2020-06-30", command="fit"
    )
    assert status in (3, 4), said
    assert "Traceback" not in said
    assert not results(tmp_path) & {"posterior.nc", "customers.parquet", "fit.json"}


def test_odd_ids_and_names_survive_to_the_letter(tmp_path, capsys):
    ids = ["0001", "9223372036854775807", "9223372036854775806", "회원-1", 'a"b', "x;y"]
    rows = "".join(
        f'"{i.replace(chr(34), chr(34) * 2)}",2020-0{1 + n}-01\n' for n, i in enumerate(ids)
    )
    path = orders(tmp_path, "회원번호,주문일\n" + rows, "주문.csv")
    status, said = churnlab(
        capsys,
        tmp_path,
        path,
        "data.purchases.customer_id=회원번호",
        "data.purchases.event_at=주문일",
    )
    assert status == 0, said
    import churnlab as cl

    log = cl.read_events(
        purchases=str(tmp_path / "주문.csv"),
        columns={"customer_id": "회원번호", "event_at": "주문일"},
    )
    assert sorted(log.frame("purchases")["customer_id"]) == sorted(ids)


def test_dropped_rows_are_counted_by_reason(tmp_path, capsys):
    text = GOOD + ",2020-05-05,3\n" + "c01,,3\n" + "c01,nonsense,3\n" + "c02,2020-05-06,-4\n"
    status, said = churnlab(capsys, tmp_path, orders(tmp_path, text), "data.on_bad_rows=drop")
    assert status == 0, said
    report = pd.read_json(tmp_path / "run" / "data_report.json", typ="series")
    dropped = report["tables"]["purchases"]["dropped"]
    assert dropped["missing_id"] == 1
    assert dropped["missing_time"] == 1
    assert dropped["unreadable_time"] == 1
    assert dropped["returned"] == 1


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_with_130_and_no_half_written_file(tmp_path):
    run = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "churnlab", "fit", "data=cdnow_full", f"run_dir={run}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (run / "run.log").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert "Traceback" not in said
    assert not (run / "manifest.json").exists()
    assert {p.suffix for p in run.iterdir()} <= {".log", ".yaml", ".json"}
    assert not [p for p in run.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("command", ["report", "board"])
def test_a_page_of_a_run_that_is_not_there_leaves_nothing_behind(command, tmp_path, capsys):
    place = tmp_path / "nowhere"
    assert main([command, f"run={place}"]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert not place.exists()
