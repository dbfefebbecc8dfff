"""Finished runs side by side: what is said is what the runs' files hold."""

from __future__ import annotations

import re
import shutil

import pandas as pd
import pytest
from tests.shop import keys_of

import churnlab as cl
from churnlab.cli import main
from churnlab.comparison import report, side_by_side
from churnlab.comparison.figures import named
from churnlab.errors import UsageError
from churnlab.report.labels import window
from churnlab.runs import RunFolder, open_run, overview


@pytest.fixture(scope="module")
def folders(shop_run, tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    for name, part in {
        "one": "fit",
        "scores": "backtest",
        "nday": "nday",
        "check": "check",
    }.items():
        shutil.copytree(shop_run / part, place / name)
    other = ["model=pareto_nbd", "inference.draws=200", f"run_dir={place / 'two'}"]
    assert main(["fit", *keys_of(shop_run.parent), *other]) == 0
    return place


def test_parameters_stand_beside_each_other(folders):
    table = side_by_side(named([str(folders / "one"), str(folders / "two")]))
    shape = table[table["figure"] == "rate_shape"].set_index("run")
    for name in ("one", "two"):
        parameters = open_run(folders / name).json("fit.json")["parameters"]
        stated = next(p for p in parameters if p["parameter"] == "rate_shape")
        found = shape.loc[name, ["value", "q05", "q95"]].tolist()
        assert found == [stated["mean"], stated["q05"], stated["q95"]]


def test_scores_are_those_of_the_backtest_best_first(folders):
    table = side_by_side(named([str(folders / "scores"), str(folders / "one")]))
    scores = table[table["figure"] == "brier"]
    assert scores["value"].is_monotonic_increasing
    head = open_run(folders / "scores").frame("headline.parquet")
    own = head[(head["candidate"] == "mbg_nbd") & (head["variant"] == "plain")].iloc[0]
    row = scores[scores["name"] == "mbg_nbd"].iloc[0]
    assert row["value"] == own["brier"]
    assert row["q05"] < row["value"] < row["q95"]


def test_the_command_writes_a_table_and_a_report_in_either_language(folders, tmp_path, capsys):
    runs = f"runs=[{folders / 'scores'},{folders / 'nday'}]"
    assert main(["compare", runs, "lang=ko", f"run_dir={tmp_path}"]) == 0
    shown = capsys.readouterr().out
    assert "56d, best first:" in shown
    assert pd.read_parquet(tmp_path / "compare.parquet")["command"].unique().tolist() == [
        "backtest", "nday",
    ]  # fmt: skip
    page = (tmp_path / "report.html").read_text()
    assert "예측은 어느 쪽이" in page
    assert "수치로 보면" in page


def scored(*rows):
    columns = ["run", "name", "value", "q05", "q95"]
    return pd.DataFrame(rows, columns=columns).assign(target="28d", figure="brier")


def test_a_window_of_days_is_said_in_words_and_another_target_as_it_is():
    found = [window(target, "ko") for target in ("28d", "2 cycles", "d", "", "polarity")]
    assert found == ["28일", "자신의 구매 주기 2회", "d", "", "polarity"]


def test_whether_runs_differ_is_said_by_their_intervals():
    best = ("a", "mbg_nbd", 0.10, 0.09, 0.11)
    (apart,) = report.answer(scored(best, ("b", "rfm", 0.13, 0.1101, 0.14)))
    assert apart.startswith("Over 28 days, **a** ")
    assert "b, the next best run, is clearly behind" in apart
    (alike,) = report.answer(scored(best, ("b", "rfm", 0.13, 0.11, 0.14)))
    assert "no difference is shown" in alike
    (alone,) = report.answer(scored(best, ("a", "rfm", 0.13, 0.12, 0.14)))
    assert alone == "Over 28 days, only **a** was tried on past dates."


def test_candidates_are_named_in_the_checks_only():
    table = scored(("a", "mbg_nbd", 0.10, 0.09, 0.11), ("b", "rfm", 0.13, 0.1101, 0.14))
    assert not re.search("mbg_nbd|rfm|Brier", " ".join(report.answer(table)))
    (said,) = report.details(table)
    assert "mbg_nbd of a, Brier score 0.1000 (90% interval 0.0900–0.1100)" in said
    assert "rfm of b, Brier score 0.1300" in said


def test_what_is_one_number_a_run_is_told_beside_each_other():
    row = {"target": "", "name": "", "figure": "at_risk_share"}
    rows = [row | {"run": "a", "value": 0.5}, row | {"run": "b", "value": 0.25}]
    assert report.answer(pd.DataFrame(rows)) == [
        "At risk: 50.0% of the purchasers by **a**, 25.0% of the purchasers by **b**."
    ]
    assert report.answer(pd.DataFrame(rows[:1])) == [report.say("no_scores")]


def test_what_cannot_be_compared_is_refused_in_words(folders):
    with pytest.raises(UsageError, match="at least two"):
        cl.compare_runs([str(folders / "one")])
    with pytest.raises(UsageError, match="given twice"):
        cl.compare_runs([str(folders / "one"), str(folders / "two" / ".." / "one")])
    with pytest.raises(UsageError, match="check have no figures"):
        side_by_side({"a": open_run(folders / "check"), "b": open_run(folders / "check")})


def test_names_are_the_shortest_ends_of_paths_that_differ(folders, tmp_path):
    assert [*named([str(folders / "one"), str(folders / "two")])] == ["one", "two"]
    cl.fit(cl.summarise(cl.load_shop(600)), draws=200).save(tmp_path / "x" / "one")
    names = [*named([str(folders / "one"), str(tmp_path / "x" / "one")])]
    assert names == [f"{folders.name}/one", "x/one"]


def test_every_run_s_provenance_is_one_row(folders):
    table = cl.runs(folders)
    assert set(table["run"]) == {"one", "two", "scores", "nday", "check"}
    assert table["finished"].is_monotonic_decreasing
    row = table.set_index("run").loc["two"]
    assert (row["command"], row["model"], row["data"]) == ("fit", "pareto_nbd", "files")
    assert row["seconds"] > 0
    with pytest.raises(UsageError, match="is no folder"):
        cl.runs(folders / "nowhere")


def test_a_fit_beside_the_chosen_one_goes_by_its_own_model(tmp_path):
    config = {"model": {"name": "mbg_nbd"}, "data": {"name": "cdnow"}}
    for name in ("mbg_nbd", "bg_nbd"):
        folder = RunFolder(tmp_path / name, "fit", config, seed=1)
        folder.write_json("fit.json", {"model": name, "as_of": "1998-06-30"})
        folder.finish()
    opened = {name: open_run(tmp_path / name) for name in ("mbg_nbd", "bg_nbd")}
    assert overview(opened)["model"].tolist() == ["mbg_nbd", "bg_nbd"]
    assert report.head(opened).endswith("Data: cdnow · known up to 30 June 1998")
    assert report.head(opened, "ko").endswith("자료: cdnow · 기준일 1998년 6월 30일")


def test_a_table_leaves_out_what_is_empty_and_counts_in_whole_numbers():
    row = {"command": "fit", "target": "", "name": "", "figure": "customers", "value": 2357.0}
    row |= {"q05": float("nan"), "q95": float("nan")}
    spread = {"figure": "r", "value": -0.51234, "q05": -0.6, "q95": -0.4}
    rows = [row | {"run": "a"}, row | spread | {"run": "a"}, row | {"run": "b"},
            row | {"run": "b", "figure": "n", "value": float("nan")}]  # fmt: skip
    table = pd.DataFrame(rows)
    assert report.markdown(table).split("\n") == [
        "| figure | a | b |",
        "|---|---:|---:|",
        "| customers | 2,357 | 2,357 |",
        "| r | −0.5123 (−0.6 … −0.4) | – |",
        "| n | – | – |",
    ]
    assert [line.split() for line in report.console(table[3:])] == [["figure", "b"], ["n", "–"]]
