"""The pipeline benchmark's arithmetic, and that its stages are commands in a possible order."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from churnlab.cli.registry import COMMANDS

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def pipeline(monkeypatch):
    if not FOLDER.is_dir():
        pytest.skip("the benchmarks are not part of an installed package")
    monkeypatch.syspath_prepend(str(FOLDER))
    import pipeline

    yield pipeline
    for name in ("pipeline", "logs"):
        sys.modules.pop(name, None)


def test_growth_is_since_the_size_before_and_bars_stand_at_a_million(pipeline):
    rows = [
        {
            "stage": stage,
            "customers": n,
            "wall_s": 2.0 * n**e,
            "cpu_s": n**e,
            "peak_gb": 1.0,
            "once_s": 0.5 * n**e,
        }
        for stage, e in (("verify", 0.5), ("fit", 1.0))
        for n in (1_000_000, 10_000, 100_000)
    ]
    found = pipeline.with_bars(pd.DataFrame(rows))
    assert found["stage"].tolist() == ["fit"] * 3 + ["verify"] * 3
    assert found["customers"].tolist() == [10_000, 100_000, 1_000_000] * 2
    for kind in ("wall", "cpu"):
        exponents = found[f"{kind}_exponent"].tolist()
        assert exponents[1:3] == pytest.approx([1.0, 1.0])
        assert exponents[4:] == pytest.approx([0.5, 0.5])
    assert found["wall_exponent"].isna().tolist() == [True, False, False] * 2
    assert found["times_once"].tolist() == pytest.approx([4.0] * 6)
    fit = found.set_index(["stage", "customers"]).loc["fit"]
    assert fit["bar_s"].tolist()[2] == 20
    assert fit["bar_s"].isna().tolist() == [True, True, False]


def test_once_reads_what_a_stage_reads_and_leaves_nothing_behind(pipeline, tmp_path):
    (tmp_path / "segment").mkdir()
    for name in ("members_000", "segment/shares"):
        pd.DataFrame({"a": [1, 2]}).to_parquet(tmp_path / f"{name}.parquet")
    read = pipeline.tables_of("score bundle={segment} {data}", tmp_path)
    assert [p.name for p in read] == ["members_000.parquet", "shares.parquet"]
    assert pipeline.tables_of("verify bundle={export}", tmp_path) == []
    before = set(tmp_path.rglob("*"))
    assert pipeline.once(read, read, tmp_path / "once.tmp") > 0
    assert set(tmp_path.rglob("*")) == before
    with pytest.raises(Exception, match="No files found"):
        pipeline.once([tmp_path / "other.parquet"], [], tmp_path / "once.tmp")


def test_stages_that_are_measured_one_by_one_stand_in_one_table(pipeline, tmp_path):
    def row(stage, seconds):
        return {"stage": stage, "customers": 10, "wall_s": seconds}

    kept = tmp_path / "measured.json"
    pipeline.with_earlier([row("fit", 3.0), row("segment", 5.0)], kept)
    found = pipeline.with_earlier([row("fit", 2.0)], kept)
    assert found.set_index("stage")["wall_s"].to_dict() == {"fit": 2.0, "segment": 5.0}


def test_stages_are_commands_and_read_what_stands_before_them(pipeline):
    known = {"data"}
    for stage, words in pipeline.STAGES.items():
        assert words.split()[0] == stage
        assert stage in COMMANDS
        assert set(re.findall(r"{(\w+)}", words)) <= known
        known.add(stage)


def test_the_simulated_tables_are_those_that_are_named(pipeline, tmp_path):
    pipeline.simulate(300, tmp_path)
    paths = re.findall(r"path=(\S+)", pipeline.data_words(tmp_path))
    found = [pd.read_parquet(next(Path(p).parent.glob(Path(p).name))) for p in paths]
    assert found[0]["customer_id"].nunique() == len(found[2]) == 300
    assert set(found[1]["customer_id"]) <= set(found[2]["customer_id"])


def test_a_command_that_fails_is_said_with_what_it_printed(pipeline, tmp_path):
    with pytest.raises(RuntimeError, match="churnlab nothing failed"):
        pipeline.measure(["nothing"], tmp_path / "log")
