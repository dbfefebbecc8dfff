"""A page with Hangul brings its glyphs along; one without carries no font."""

from __future__ import annotations

import base64
import io
import re

from fontTools.ttLib import TTFont
from nbformat.v4 import new_markdown_cell, new_notebook

from churnlab.report.exporter import page


def test_the_glyphs_of_a_korean_page_are_in_it():
    html = page(new_notebook(cells=[new_markdown_cell("## 근거\n\n재구매 위험")]), "백화점", "ko")
    fonts = re.findall(r"url\(data:font/woff;base64,([^)]*)\)", html)
    assert len(fonts) == 2  # regular and bold
    for font in fonts:
        letters = TTFont(io.BytesIO(base64.b64decode(font))).getBestCmap()
        assert {ord(c) for c in "근거재구매위험백화점"} <= set(letters)
        assert ord("힣") not in letters  # only what is shown


def test_an_english_page_carries_no_font():
    html = page(new_notebook(cells=[new_markdown_cell("## Evidence")]), "Shop")
    assert "font-face" not in html
