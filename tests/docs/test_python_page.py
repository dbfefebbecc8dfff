"""The page on the Python surface does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

import churnlab as cl

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_block_runs_as_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    block = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    names: dict[str, object] = {}
    exec(block[1], names)
    assert "members on" in capsys.readouterr().out
    assert isinstance(names["scored"], pd.DataFrame)
    assert len(names["scored"]) == 600


def test_every_function_that_the_page_names_exists():
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"cl\.([a-z_]+)\(", text))
    assert {"segment", "load"} <= named
    assert named <= set(cl.__all__) | {"RiskConfig"}
