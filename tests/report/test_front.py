"""The head of a report, its contents, its figures and its language."""

from __future__ import annotations

import base64
import re

import IPython.display
import nbformat
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from churnlab.errors import UsageError
from churnlab.report import figures, phone
from churnlab.report.exporter import page
from churnlab.report.front import chosen, data_name, front
from churnlab.report.labels import label
from churnlab.report.page import SMALL
from churnlab.report.style import styled
from churnlab.report.words import provenance, table
from churnlab.runs import Run, RunFolder, open_run
from churnlab.workflows.pages.report import NOTEBOOKS


def finished(path, **config) -> Run:
    folder = RunFolder(path, "fit", config=config, seed=1)
    folder.finish()
    return open_run(path)


def test_a_report_says_its_title_its_data_and_the_day(tmp_path):
    run = finished(tmp_path / "a", data={"name": "cdnow"}, report={"title": "My shop"})
    text = front(run, "1998-06-30", "en", chosen(run, "title"))
    assert text == "# My shop: who is at risk\n\nData: cdnow · known up to 30 June 1998"
    assert front(run, "1998-06-30", "ko").startswith("# cdnow: 누가 위험한가\n\n자료: cdnow · 기준")
    assert chosen(run, "currency") is None


def test_files_are_called_by_the_name_of_the_purchases(tmp_path):
    data = {"name": "files", "purchases": {"path": "exports/orders.csv"}}
    assert data_name(finished(tmp_path / "a", data=data)) == "orders"
    assert data_name(finished(tmp_path / "b", data={"name": "files"})) == "files"
    assert data_name(finished(tmp_path / "c")) == "files"


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_every_report_has_a_name(lang):
    assert all(label(f"report.{command}", lang) for command in NOTEBOOKS)


def book(*texts: str, **image: str):
    cells = [nbformat.v4.new_markdown_cell(text) for text in texts]
    for mime, data in image.items():
        kind = {"svg": "image/svg+xml", "png": "image/png"}[mime]
        output = nbformat.v4.new_output(
            "display_data", {kind: data, "text/plain": "x"}, metadata={kind: {"alt": 'a "line"'}}
        )
        cells.append(nbformat.v4.new_code_cell("", outputs=[output]))
    return nbformat.v4.new_notebook(cells=cells)


def test_a_page_has_its_language_its_contents_and_scrolling_tables():
    html = page(book("# T", "## One\n\n| a |\n|---|\n| 1 |", "## Two"), "T", "ko")
    assert '<html lang="ko">' in html
    assert '<nav><a href="#s1">One</a> <a href="#s2">Two</a> </nav>' in html
    assert html.index("<nav>") < html.index('<h2 id="s1">')
    assert '<div class="scroll"><table>' in html
    assert "<nav>" not in page(book("# T", "## One"), "T")


def test_a_figure_is_a_vector_with_its_text():
    figure, _ = plt.subplots(figsize=(7.2, 4))
    mime, data = figures.drawn(figure)
    plt.close(figure)
    assert mime == "image/svg+xml"
    html = page(book(svg=data), "T")
    assert '<img alt="a &quot;line&quot;" src="data:image/svg+xml;base64,' in html
    assert "<svg" not in html  # inside the picture, where nothing of it can run


def test_a_phone_is_shown_a_figure_of_its_own(monkeypatch):
    told = {}
    monkeypatch.setattr(
        IPython.display, "publish_display_data", lambda d, metadata: told.update(d=d, m=metadata)
    )
    with styled():
        figure, panels = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
        panels[0].barh(["a name of a bar that is much too long", "b"], [1, 2])
        panels[1].set_title("many words " * 12)
        figures.show(figure, "two bars")
    small = told["m"][SMALL]["image/svg+xml"]
    widths = [
        float(re.search(r'width="([\d.]+)pt"', svg)[1])
        for svg in (told["d"]["image/svg+xml"], small)
    ]
    assert widths[0] > 2 * widths[1]
    assert widths[1] < 1.1 * 72 * phone.WIDTH
    cells = book(png="")
    cells.cells[0].outputs[0].metadata[SMALL] = {"image/png": "c21hbGw="}
    html = page(cells, "T")
    assert '<source media="(max-width: 600px)" srcset="data:image/png;base64,c21hbGw=">' in html


@pytest.mark.parametrize(
    ("text", "columns", "found"),
    [
        ("a bc d", 4, "a bc\nd"),
        ("a bc d", 3, "a\nbc\nd"),
        ("가나 다", 7, "가나 다"),
        ("가나 다", 6, "가나\n다"),
    ],
)
def test_a_line_takes_so_many_columns(text, columns, found):
    assert phone.lines(text, columns) == found


def test_on_a_phone_a_row_of_many_columns_is_a_card_without_what_is_missing():
    head = "| id | a | b | <c> |\n|---|---:|---:|---|\n| 7 | 1 | – | x |"
    html = page(book(head), "T")
    assert '<table class="cards">' in html
    assert '<td data-name="b" style="text-align:right" class="missing">–' in html
    assert 'data-name="&lt;c&gt;"' in html
    assert '<table class="cards">' not in page(
        book("| a | b | c |\n|---|---|---|\n| 1 | 2 | 3 |"), "T"
    )


def test_no_line_breaks_inside_an_interval():
    assert "61%\u2060–\u206069%" in page(book("65% (61%–69%)"), "T")


def test_names_of_digits_alone_stand_on_the_left():
    frame = pd.DataFrame({"customer": ["0012", "7"], "n": ["1", "2"]})
    assert table(frame, names=1).split("\n")[1] == "|---|---:|"
    assert table(frame).split("\n")[1] == "|---:|---:|"


def test_a_scatter_of_thousands_becomes_pixels(monkeypatch):
    figure, _ = plt.subplots()
    monkeypatch.setattr(figures, "LARGEST_SVG", 100)
    mime, data = figures.drawn(figure)
    plt.close(figure)
    assert mime == "image/png"
    assert base64.b64decode(data).startswith(b"\x89PNG")
    assert f'src="data:image/png;base64,{data[:40]}' in page(book(png=data), "T")


def test_the_same_figure_is_the_same_file():
    drawn = []
    for _ in range(2):
        figure, ax = plt.subplots()
        ax.plot([1, 2], [3, 4])
        drawn.append(figures.drawn(figure)[1])
        plt.close(figure)
    assert drawn[0] == drawn[1]


def test_where_a_run_came_from_is_said_in_both_languages(tmp_path):
    run = finished(tmp_path / "a")
    assert "finished" in provenance(run)
    assert not re.search("finished|seed|commit", provenance(run, "ko"))


def test_numbers_and_days_stand_to_the_right_and_a_minus_is_one():
    import pandas as pd

    frame = pd.DataFrame(
        {"a": ["1,204", "−3"], "d": ["2024-01-01"] * 2, "t": ["x", "1"], "n": -1.5}
    )
    head, rule, first, _ = table(frame, {"n": ".1f"}).split("\n")
    assert rule == "|---:|---:|---|---:|"
    assert first == "| 1,204 | 2024-01-01 | x | −1.5 |"
    assert head == "| a | d | t | n |"


def test_a_title_in_a_language_without_words_is_refused(tmp_path):
    with pytest.raises(UsageError, match="lang must be one of en, ko"):
        front(finished(tmp_path / "a"), "2024-01-01", "fr")


def test_page_notebook_and_summary_stand_side_by_side(tmp_path):
    from churnlab.report.render import Rendered
    from churnlab.workflows.pages.report import Report

    folder = RunFolder(tmp_path / "a", "report", config={}, seed=1)
    Report(Rendered("<html>", "# T\n", '{"cells": []}')).write(folder)
    folder.finish()
    for name, text in (("html", "<html>"), ("ipynb", '{"cells": []}')):
        assert (tmp_path / "a" / f"report.{name}").read_text() == text
    assert (tmp_path / "a" / "summary.md").read_text() == "# T\n"
