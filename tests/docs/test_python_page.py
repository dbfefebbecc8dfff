"""The page on the Python surface names what there is (its snippets: test_pages.py)."""

from __future__ import annotations

import re
from pathlib import Path

import churnlab as cl

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_every_function_that_the_page_names_exists():
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"cl\.([a-z_]+)\(", text))
    assert {"segment", "load"} <= named
    assert named <= set(cl.__all__) | {"RiskConfig"}
