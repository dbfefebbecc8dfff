"""The tutorials run from top to bottom, in a kernel of their own, without an error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
FAST = "tutorial_first_fit"
NAMES = sorted(p.stem for p in FOLDER.glob("tutorial_*.py"))
#: A process of its own: sockets of the kernel's client must not outlive the test.
RUN = """
import sys, jupytext, nbformat
from churnlab.report.render import execute
book = jupytext.read(sys.argv[1])
execute(book)
nbformat.write(book, sys.argv[2])
"""


def cases():
    return [n if n == FAST else pytest.param(n, marks=pytest.mark.slow) for n in NAMES]


def test_the_three_first_tutorials_are_there():
    assert {FAST, "tutorial_first_backtest", "tutorial_segments"} <= set(NAMES)


@pytest.mark.parametrize("name", cases())
def test_tutorial_runs_and_shows_something(name, tmp_path):
    target = tmp_path / "run.ipynb"
    command = [sys.executable, "-c", RUN, str(FOLDER / f"{name}.py"), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    book = nbformat.read(target, as_version=4)
    outputs = [o for c in book.cells if c.cell_type == "code" for o in c.outputs]
    assert any("image/png" in o.get("data", {}) for o in outputs)
    said = [o.text for o in outputs if o.get("name") == "stderr"]
    assert said == [], "a tutorial warns at its reader"


@pytest.mark.parametrize("name", NAMES)
def test_tutorial_carries_no_outputs_and_says_what_it_is_about(name):
    book = jupytext.read(FOLDER / f"{name}.py")
    assert book.cells[0].cell_type == "markdown"
    assert book.cells[0].source.startswith("# ")
    assert not any(c.get("outputs") for c in book.cells)
