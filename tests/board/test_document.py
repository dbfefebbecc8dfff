"""What the page holds: limits, hidden ids, parts that are absent, words in both languages."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from tests.board.crowd import crowded
from tests.shop import MARKUP

import churnlab as cl
from churnlab.board import people, plan, read_document, render
from churnlab.board.page import words
from churnlab.errors import UsageError
from churnlab.report.config import ReportConfig
from churnlab.runs.hashing import to_jsonable


def crowd(n):
    """Return customers of one large and one small cell; the last ones are the most urgent."""
    day = pd.Timestamp("2025-06-30")
    late = pd.Series([day - pd.Timedelta(days=400)] * n)
    late.iloc[-3:] = day
    return pd.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(n)],
            "segment_code": ["small"] * 60 + ["large"] * (n - 60),
            "at_risk_date": late,
            "risk_band": ["gone"] * (n - 3) + ["fresh"] * 3,
            "expected_purchases": np.linspace(0, 1, n),
            "T": 500.0,
        }
    ), day


@pytest.mark.parametrize("n", [people.MOST, people.MOST + 1])
def test_no_more_customers_than_the_page_holds(n):
    chosen = people.most_urgent(*crowd(n))
    assert len(chosen) == people.MOST
    assert set(chosen["customer_id"].head(3)) == {f"c{i}" for i in range(n - 3, n)}


def test_every_cell_keeps_its_most_urgent():
    chosen = people.most_urgent(*crowd(people.MOST + 500))
    # the small cell's are the least valuable of all, hence the last: only its quota is kept
    assert (chosen["segment_code"] == "small").sum() == people.LEAST_OF_CELL


def test_the_next_purchase_is_counted_from_the_last_one_and_from_today(shop):
    document = to_jsonable(read_document(shop, ReportConfig()))
    held, today = document["people"]["columns"], document["about"]["as_of"]
    assert any(day and day < today for day in held["due"])
    known = [day for day in held["next10"] if day]
    assert known
    assert min(known) > today
    assert [d is None for d in held["next"]] == [d is None for d in held["due"]]


def test_hidden_ids_are_nowhere_in_the_page(shop):
    page = render(read_document(shop, ReportConfig(ids=False)))
    members = pd.read_parquet(shop / "segment" / "membership.parquet")["customer_id"]
    data = page[page.index('id="data"') :]
    data = data[: data.index("</script>")]
    assert not [i for i in members if f'"{i}"' in data]
    assert MARKUP not in page
    assert "paragraph" not in data


@pytest.mark.parametrize(
    ("step", "there", "absent"),
    [
        ("fit", {"front", "people"}, {"grid", "nday", "journeys", "plan", "trust"}),
        ("nday", {"nday"}, {"front", "grid", "people", "journeys", "plan", "trust"}),
        ("journey", {"journeys"}, {"front", "grid", "people", "nday", "plan", "trust"}),
        ("backtest", {"trust"}, {"front", "grid", "people", "nday", "journeys", "plan"}),
    ],
)
def test_an_absent_part_says_why_in_one_line(shop, tmp_path, step, there, absent):
    alone = tmp_path / step
    shutil.copytree(shop / step, alone)
    shutil.copy(shop / "check" / "data_report.json", alone)
    manifest = json.loads((alone / "manifest.json").read_text())
    checked = json.loads((shop / "check" / "manifest.json").read_text())["files"]
    manifest["files"]["data_report.json"] = checked["data_report.json"]
    (alone / "manifest.json").write_text(json.dumps(manifest))
    found = read_document(alone, ReportConfig())
    assert {n for n in there | absent if getattr(found, n) is not None} == there
    for lang in ("en", "ko"):
        for name in absent:
            assert "\n" not in words(found.absent[name], lang)


def test_a_run_without_a_board_is_refused(shop):
    with pytest.raises(UsageError, match="has no board"):
        read_document(shop / "export", ReportConfig())


def test_the_python_door_and_the_command_make_the_same_page(shop):
    chosen = {"currency": "KRW", "title": "</title><i>Shop & Söhne"}
    assert cl.board(str(shop), report=chosen).html == (shop / "board.html").read_text()


def test_the_document_is_plain_json(shop):
    document = to_jsonable(read_document(shop, ReportConfig(), "ko"))
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_both_languages_say_the_same_things():
    english, korean = (words.phrases(lang) for lang in ("en", "ko"))
    assert english.keys() == korean.keys()
    for key in english:
        gaps = [set(re.findall(r"\{\w+\}", p[key])) for p in (english, korean)]
        assert gaps[0] == gaps[1], key


def test_a_hundred_thousand_members_fit_into_fifteen_megabytes(shop, tmp_path):
    many = crowded(shop, tmp_path / "many", 170)
    document = read_document(many, ReportConfig())
    assert document.people.total == len(pd.read_parquet(many / "segment" / "membership.parquet"))
    assert document.people.total > 100_000
    assert len(document.people.columns["id"]) == people.MOST
    assert len(document.plan.messages) == plan.MOST < document.plan.total
    assert len(render(document).encode()) < 15e6


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_where_the_model_does_not_fit_is_on_the_page(shop, lang):
    fit = json.loads((shop / "fit" / "fit.json").read_text("utf-8"))
    document = read_document(shop, ReportConfig(), lang)
    assert document.misfit == fit["misfit_words"][lang]
    assert bool(document.misfit) == bool(fit["misfit"])
