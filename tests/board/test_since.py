"""What changed since last time: which run it is held against, and that its counts are exact."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from tests.board.crowd import mended
from tests.docs.test_files import ENTRIES, SINCE_LAST

from churnlab.board.parts import Parts
from churnlab.board.since import MOST_BESIDE, since_last
from churnlab.report.config import ReportConfig
from churnlab.runs import RunFolder, open_run
from churnlab.runs.hashing import content_hash
from churnlab.workflows.pages.board import add_board


def earlier(shop, place, day, **config):
    """Put the run there as it was on another day, its last 20 members not there yet."""
    shutil.copytree(shop, place)
    mended(place / "check", "data_report.json", lambda told: told | {"as_of": day})
    rows = pd.read_parquet(place / "segment" / "membership.parquet")
    moved = np.roll(rows["segment_code"], 7)
    mended(place / "segment", "membership.parquet",
           lambda rows: rows.assign(segment_code=moved).iloc[:-20])  # fmt: skip
    if config:
        manifest = json.loads((place / "manifest.json").read_text())
        manifest["config"] |= config
        manifest["config_hash"] = content_hash(manifest["config"])
        (place / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def today(shop):
    return Parts(open_run(shop))


def test_the_latest_earlier_run_of_the_same_data_is_the_last_time(shop, today, tmp_path):
    other = {"data": {"name": "cdnow"}, "report": {"title": None}}
    earlier(shop, tmp_path / "old", "2025-01-01")
    earlier(shop, tmp_path / "last", "2025-02-01")
    earlier(shop, tmp_path / "same_day", today.data_report["as_of"])
    earlier(shop, tmp_path / "other", "2025-03-01", **other)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{")
    found = since_last(today, tmp_path / "today")
    assert (found["run"], found["compared_to"]) == ("last", "2025-02-01")


@pytest.mark.parametrize(("newer", "run"), [(MOST_BESIDE - 1, "last"), (MOST_BESIDE, None)])
def test_of_many_folders_beside_the_latest_written_are_opened(shop, today, tmp_path, newer, run):
    earlier(shop, tmp_path / "last", "2025-02-01")
    os.utime(tmp_path / "last" / "manifest.json", (1, 1))
    for i in range(newer):
        (tmp_path / f"n{i}").mkdir()
        (tmp_path / f"n{i}" / "manifest.json").write_text("{")
    found = since_last(today, tmp_path / "today")
    assert (found and found["run"]) == run


def test_runs_of_one_title_are_of_one_shop(shop, today, tmp_path):
    earlier(shop, tmp_path / "dated_file", "2025-02-01", data={"name": "files"})
    assert since_last(today, tmp_path / "today")["run"] == "dated_file"


def test_the_run_that_is_replaced_is_the_last_time(shop, today, tmp_path):
    earlier(shop, tmp_path / "today", "2025-02-01")
    assert since_last(today, tmp_path / "today")["run"] == "today"


def test_alone_there_is_no_last_time(today, tmp_path):
    assert since_last(today, tmp_path / "today") is None


def test_flows_are_exact_and_on_the_board(shop, today, tmp_path, tables):
    earlier(shop, tmp_path / "last", "2025-02-01")
    shutil.copytree(shop, tmp_path / "today")
    told = json.loads((shop / "manifest.json").read_text())
    folder = RunFolder(tmp_path / "today", "pipeline", told["config"], told["seed"], staged=False)
    folder.written |= told["files"]

    class Asked:
        lang, report = "en", ReportConfig()

    add_board(folder, Asked)
    folder.finish()
    page = (tmp_path / "today" / "board.html").read_text()
    since = json.loads((tmp_path / "today" / SINCE_LAST).read_text())
    assert {e.name: set(e.columns) for e in ENTRIES}[SINCE_LAST] == set(since)
    groups = pd.DataFrame(since["groups"])
    flow = groups["entries"] - groups["exits"] + groups["moves_in"] - groups["moves_out"]
    assert (groups["n"] == groups["n_before"] + flow).all()
    now = tables("segment/membership")["segment_code"].value_counts()
    cells = groups[groups["level"] == "segment"].set_index("segment_code")
    assert cells["n"][cells["n"] > 0].to_dict() == now.to_dict()
    assert cells["entries"].sum() == 20
    assert '"run":"last"' in page.replace(": ", ":")


def test_the_pages_are_part_of_the_finished_run(shop):
    files = json.loads((shop / "manifest.json").read_text())["files"]
    assert {"board.html", "report.html"} <= set(files)
    assert not (shop / ".manifest.json").exists()
