"""The gallery has every picture that is one line away."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from churnlab import Fit
from churnlab.backtest.result import BacktestResult
from churnlab.nday.result import NdayResult
from churnlab.workflows.segmentation import Segmentation

_SPEC = importlib.util.spec_from_file_location(
    "gallery", Path(__file__).parents[2] / "docs" / "gallery.py"
)
gallery = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(gallery)


def test_every_picture_is_there_and_no_other():
    kinds = {"fit": Fit, "backtest": BacktestResult, "segments": Segmentation, "nday": NdayResult}
    wanted = {
        f"{name}.{method}"
        for name, kind in kinds.items()
        for method in dir(kind)
        if method.startswith("plot_")
    }
    assert {line.partition("(")[0] for line in gallery.PICTURES} == wanted


def test_the_page_shows_each_with_the_line_that_draws_it():
    text = gallery.page()
    for line in gallery.PICTURES:
        assert f"]({gallery.file_name(line)})" in text
        assert f"```python\n{line}\n```" in text
    assert len(set(map(gallery.file_name, gallery.PICTURES))) == len(gallery.PICTURES)
    names = set(re.findall(r"^(\w+) =", gallery.SESSION, re.MULTILINE))
    assert {line.partition(".")[0] for line in gallery.PICTURES} <= names
