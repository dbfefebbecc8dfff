"""No English sentence in a Korean report, and none of a figure's words: every report is read."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
import numpy as np
import pandas as pd
import pytest
from matplotlib import dates as mdates
from matplotlib import pyplot as plt

from churnlab.cli import main
from churnlab.explanation import plots
from churnlab.report import figures
from churnlab.report.labels import LANGUAGES
from churnlab.report.render import notebooks_folder
from churnlab.report.style import styled
from churnlab.workflows.pages.overview import overview
from churnlab.workflows.pages.report import NOTEBOOKS

#: Four words of English in a row; keys, models and code are no such words.
SENTENCE = re.compile(r"(?:\b[A-Za-z][a-z']+[ ,;:]+){3,}[A-Za-z][a-z']+")
CODE = re.compile(r"`[^`]*`|\S*[._=/]\S*")
#: Names of the field and of columns that stand for themselves.
HEADS = re.compile(
    r"N|AUC|CRPS|Brier|P\(.*|r_hat|k_hat|ess(_\w+)?|\d+%|channel|lead_type|tier|.*\(sd\)"
)


def english(text: str) -> list[str]:
    """The English sentences of a text."""
    return [found[0] for found in SENTENCE.finditer(CODE.sub(" ", text))]


def heads(text: str) -> Iterator[str]:
    """The heads of a text's tables."""
    lines = text.split("\n")
    for head, rule in itertools.pairwise(lines):
        if head.startswith("|") and set(rule) <= set("|-: ") and "---" in rule:
            yield from (cell.strip() for cell in head.strip("|").split(" | "))


def written(figure: Any) -> list[str]:
    """A figure's words; those of its legends, too."""
    return [text.get_text().replace("\n", " ") for text in figure.findobj(plt.Text)]


def read(command: str, run: Path, lang: str = "ko") -> list[str]:
    """What a report says: its Markdown, its figures' words, and the texts that stand for them."""
    told = f"run_dir, lang = {str(run)!r}, {lang!r}"
    if command == "compare":
        parts = ["fit", "backtest", "segment", "nday"]
        names = list({"en": "abcd", "ko": "가나다라"}[lang])
        told += f"\nruns, names = {[str(run / part) for part in parts]!r}, {names!r}"
    said: list[str] = []

    def show(figure: Any, alt: str) -> None:
        said.extend([alt, *written(figure)])
        plt.close(figure)

    names: dict[str, Any] = {"display": lambda shown: said.append(shown.data)}
    notebook = NOTEBOOKS.get(command, f"report_{command}")
    book = jupytext.read(notebooks_folder() / f"{notebook}.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "show", show)
        for cell in (c for c in book.cells if c.cell_type == "code"):
            source = cell.source.replace("import Markdown, display", "import Markdown")
            if "parameters" in cell.metadata.get("tags", []):
                source += f"\n{told}"
            *before, last = ast.parse(source).body
            value = isinstance(last, ast.Expr)
            body = ast.Module([*before, *([] if value else [last])], [])
            exec(compile(body, command, "exec"), names)
            shown = (
                eval(compile(ast.Expression(last.value), command, "eval"), names) if value else 0
            )
            said += [shown.data] if hasattr(shown, "data") and isinstance(shown.data, str) else []
    return said


#: Reports of a step, and of a whole run.
PARTS = ["fit", "segment", "backtest", "nday", "journey", "pipeline", "compare"]


def place(run: Path, command: str) -> Path:
    """The folder that a report is of."""
    return run if command in ("pipeline", "compare") else run / command


@pytest.mark.parametrize("command", PARTS)
def test_a_korean_report_has_no_english_sentence(shop_run, command):
    said = read(command, place(shop_run, command))
    assert len("".join(said)) > 500
    assert [s for text in said for s in english(text)] == []
    assert [h for text in said for h in heads(text) if not _korean(h)] == []
    assert not any("{" in text and "}" in text for text in said if "data." not in text)


@pytest.fixture(scope="module")
def no_visits(tmp_path_factory) -> Path:
    """A grid of purchases alone, with buyers who were not there on the earlier day."""
    folder = tmp_path_factory.mktemp("no_visits")
    days = ["as_of=1997-03-31", "compare_to=1997-03-01"]
    command = ["segment", "data=cdnow", *days, "inference.draws=100", "segments.periods=1"]
    assert main([*command, f"run_dir={folder}"]) == 0
    return folder


@pytest.mark.parametrize(
    ("lang", "verdict"), [("en", "No core-leak alert"), ("ko", "판정하지 않았습니다")]
)
def test_a_shop_without_visits_has_a_report_and_no_verdict(no_visits, lang, verdict):
    said = read("segment", no_visits, lang)
    assert any(verdict in text for text in said)
    assert not any(re.search(r"\bnan\b|\b0 of 0\b|\b0개 중 0개", text) for text in said)
    if lang == "ko":
        assert [s for text in said for s in english(text)] == []


def _korean(head: str) -> bool:
    return bool(re.search("[가-힣]", head)) or HEADS.fullmatch(head) is not None


@pytest.mark.parametrize("command", PARTS)
def test_an_english_report_has_no_korean(shop_run, command):
    said = read(command, place(shop_run, command), "en")
    assert [text for text in said if re.search("[가-힣]", text)] == []


@pytest.mark.parametrize("basis", ["overdue", "p_alive"])
def test_the_picture_of_a_customer_is_in_korean(basis):
    """What `explain` draws; boards draw it anew in the browser and are read there."""
    days = [f"2024-06-{day:02}" for day in range(10, 31)]
    curve = {"day": days} | dict.fromkeys(("mean", "q05", "q95"), np.linspace(0.1, 0.5, 21))
    story = {
        "customer_id": "7", "as_of": days[-1], "purchase_days": days[:1], "visit_days": days[:2],
        "risk": {"basis": basis}, "visit_basis": basis, "visit_cuts": (0.8, 0.95),
        "threshold": {"value": 0.4, "first_value": 0.3}, "risk_by_day": curve,
        "alive_by_day": curve, "visit_risk_by_day": curve,
        "member": {"segment_code": "repeat_risk.visit_active", "visit_risk_date": days[5],
                   "visit_inactive_date": "2024-07-09"},
        "customer": {"x": 3, "due_q10": days[2], "due_q90": days[9], "due_date": days[4],
                     "at_risk_date": days[6]},
    }  # fmt: skip
    for lang in LANGUAGES:
        with styled():
            figure = plots.draw_explanation(story, lang=lang)
            figure.canvas.draw()
        said = [text for text in written(figure) if re.search("[A-Za-z가-힣]", text)]
        plt.close(figure)
        assert len(said) > 10
        assert {bool(re.search("[가-힣]", text)) for text in said} == {lang == "ko"}, said


@pytest.mark.parametrize(("last", "shown"), [(0.979, 59), (0.981, 58), (0.999, 58)])
def test_the_picture_of_a_customer_ends_where_nothing_moves(last, shown):
    """A day is shown while a curve is two points from its end, thirty days ahead in any case."""
    days = pd.date_range("2024-06-01", periods=60).strftime("%Y-%m-%d").tolist()
    curve = {"day": days, "mean": [*np.linspace(0.1, 0.97, 59), last]}
    told = {"as_of": "2024-06-10", "risk_by_day": curve, "alive_by_day": None,
            "visit_risk_by_day": None}  # fmt: skip
    assert plots._reach(told) == mdates.date2num(np.datetime64(days[shown]))
    still = told | {"risk_by_day": curve | {"mean": [1.0] * 60}}
    assert plots._reach(still) == mdates.date2num(np.datetime64("2024-07-10"))


def test_the_picture_of_the_demo_is_in_korean(shop_run):
    figure = overview(shop_run, shop_run, lang="ko")
    said = written(figure)
    plt.close(figure)
    assert "오늘" in said
    assert [s for text in said for s in english(text)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("there is no visit log; carts need items", True),
        ("고객 mbg_nbd 모형과 `run the whole command again`", False),
        ("data.members.path=FILE customer_id signed_up_at", False),
        ("Brier 점수", False),
    ],
)
def test_the_reader_knows_english(text, found):
    assert bool(english(text)) is found


def test_the_reader_finds_heads():
    table = "| 셀 | members |\n|---|---:|\n| a | 1 |"
    assert list(heads(table)) == ["셀", "members"]
    assert not _korean("members")
