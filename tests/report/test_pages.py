"""Markup in the data is text in a page: held in a real browser."""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
import types

import nbformat
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from churnlab.report import style, words
from churnlab.report.exporter import page
from churnlab.report.page import embedded, escaped, inert, policy
from churnlab.report.render import no_grammars, summary_text

ATTACKS = (
    "<svg onload=hit()>",
    "<script>hit()</script>",
    "<script src=https://example.invalid/x.js></script>",
    "<img src=x onerror=hit()>",
    "[a](javascript:hit())",
    "![a](javascript:hit())",
    "<javascript:hit()>",
    "[a][b]",
    '"><iframe srcdoc="<script>parent.hit()</script>">',
    "</title><script>hit()</script>",
    "<!-- not seen",
    "`<b onclick=hit()>`",
    "$<svg onload=hit()>$",
    "https://example.invalid/?a=1&b=<2>",
)


def book(*markdown: str):
    """Return a notebook whose outputs are these texts."""
    cells = [nbformat.v4.new_markdown_cell(markdown[0])]
    for text in markdown:
        output = nbformat.v4.new_output("display_data", {"text/markdown": text})
        cells.append(nbformat.v4.new_code_cell("", outputs=[output]))
    return nbformat.v4.new_notebook(cells=cells)


def opened(browser, path, html: str):
    """Return the page as a browser shows it, and what it fetched from elsewhere."""
    path.write_text(html, encoding="utf-8")
    tab = browser.new_page()
    asked: set[str] = set()
    refused: set[str] = set()
    tab.on("request", lambda request: asked.add(request.url))
    tab.on("requestfailed", lambda r: refused.add(r.url) if r.failure == "csp" else None)
    tab.add_init_script("window.hits = 0; window.hit = () => { window.hits += 1; };")
    tab.goto(path.as_uri())
    for link in tab.query_selector_all("a, b, img"):
        link.dispatch_event("click")
    tab.wait_for_timeout(50)
    fetched = {url for url in asked - refused if not url.startswith("data:")}
    return tab, fetched - {path.as_uri()}


@pytest.mark.service
def test_markup_in_ids_and_names_is_text_in_a_report(browser, tmp_path):
    table = words.table(pd.DataFrame({"id": ATTACKS, ATTACKS[0]: "x"}))
    cells = [*ATTACKS, table, "[b]: javascript:hit()", *(f"- **{a}**" for a in ATTACKS)]
    tab, asked = opened(browser, tmp_path / "report.html", page(book(*cells), ATTACKS[9]))
    assert tab.evaluate("window.hits") == 0
    assert asked == set()
    assert tab.query_selector_all("script, iframe, svg, a, main img") == []
    shown = tab.inner_text("body")
    for attack in ATTACKS[:4]:
        assert shown.count(attack) >= 3
    assert ATTACKS[9] in tab.title()
    tab.close()


@pytest.mark.service
def test_the_policy_alone_stops_what_no_escaping_stopped(browser, tmp_path):
    own = "document.title = 'ours ran';"
    body = f"<script>{own}</script>" + "".join(ATTACKS)
    head = '<!doctype html><html><head><meta charset="utf-8">'
    tab, fetched = opened(browser, tmp_path / "bare.html", f"{head}</head><body>{body}")
    assert tab.evaluate("window.hits") > 0  # so the attacks are real ones
    assert fetched
    tab.close()
    guarded = f"{head}{policy([own])}</head><body>{body}"
    tab, asked = opened(browser, tmp_path / "guarded.html", guarded)
    assert tab.evaluate("window.hits") == 0
    assert asked == set()
    assert tab.title() == "ours ran"
    tab.close()


@pytest.mark.service
def test_data_inside_a_script_stay_data(browser, tmp_path):
    value = {"names": [*ATTACKS, "</script><script>hit()</script>", "\u2028"]}
    assert json.loads(embedded(value)) == value
    html = f"<script>window.got = {embedded(value)};</script><p title='{escaped(ATTACKS[8])}'>"
    tab, _ = opened(browser, tmp_path / "data.html", f'<meta charset="utf-8">{html}')
    assert tab.evaluate("window.hits") == 0
    assert tab.evaluate("window.got") == value
    assert tab.get_attribute("p", "title") == ATTACKS[8]
    tab.close()


def test_a_policy_names_its_scripts_by_hash_and_nothing_else():
    import base64

    digest = base64.b64encode(hashlib.sha256(b"f()").digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy(["f()"])
    assert "script-src 'none';" in policy()
    assert "default-src 'none'" in policy()


@pytest.mark.parametrize("attack", ATTACKS[:8])
def test_the_summary_has_no_html_and_no_links(attack):
    from markdown_it import MarkdownIt

    text = summary_text(book(f"Group {attack} and `code <x>`\n\n[b]: javascript:hit()"))
    html = MarkdownIt("commonmark", {"html": True}).render(text)
    shown = html.replace("<p>", "").replace("</p>", "")
    shown = shown.replace("<code>", "").replace("</code>", "")
    assert "<" not in shown
    assert "`code <x>`" in text


def test_words_without_markup_stay_as_they_are():
    plain = "| a | b < c |\n|---|---:|\n| **x** [5, 6] | `p < .5` and a <= 3 |"
    assert inert(plain) == plain


def test_a_name_with_dollars_is_no_mathematics():
    with style.styled():
        figure, ax = plt.subplots()
        style.log_scale(ax, "xy")
        ax.plot([1, 1000], [0.01, 5])
        ax.set_title(r"group $\frac$ and $x^2$")
        figure.canvas.draw()
        numbers = [t.get_text() for t in (*ax.get_xticklabels(), *ax.get_yticklabels(minor=True))]
        plt.close(figure)
    assert "100" in numbers
    assert not any("$" in n for n in numbers)


@pytest.mark.service
@pytest.mark.parametrize(("columns", "few"), [(4, 5), (3, 12)])
def test_a_phone_shows_the_first_rows_of_a_long_table_and_all_when_asked(
    browser, tmp_path, columns, few
):
    """Wide tables are cards there; one row more than fits is folded, paper and desks show all."""
    for n in (few, few + 1):
        table = words.table(pd.DataFrame({c: range(n) for c in "abcd"[:columns]}))
        tab, _ = opened(browser, tmp_path / "long.html", page(book(table), "t", "ko"))
        rows, switch = tab.locator("tbody tr:visible"), tab.locator("label:visible")
        assert (rows.count(), switch.count()) == (2 * n, 0)  # the notebook's text and its output
        tab.set_viewport_size({"width": 390, "height": 800})
        assert (rows.count(), switch.count()) == (2 * few, 2 * (n > few))
        if n > few:
            assert switch.first.inner_text() == f"전체 {n}행 보기"
            tab.keyboard.press("Tab")
            tab.keyboard.press("Space")
            assert rows.count() == n + few
        tab.emulate_media(media="print")
        assert rows.count() == 2 * n
        tab.close()


def test_a_report_is_made_without_grammars_of_addresses(monkeypatch):
    """With JupyterLab beside it, importing a checker of notebooks would cost a second."""
    monkeypatch.delitem(sys.modules, "rfc3987_syntax", raising=False)
    with no_grammars(), pytest.raises(ImportError):
        importlib.import_module("rfc3987_syntax")
    assert "rfc3987_syntax" not in sys.modules
    there = types.ModuleType("rfc3987_syntax")
    monkeypatch.setitem(sys.modules, "rfc3987_syntax", there)
    with no_grammars():
        assert importlib.import_module("rfc3987_syntax") is there
    assert sys.modules["rfc3987_syntax"] is there
