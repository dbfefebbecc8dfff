"""The site builds with warnings as errors, has every public name, and fetches nothing.

Tutorials are shown without being run here; `make docs` runs them, and so does tests/notebooks.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import churnlab as cl

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Return the built site's folder."""
    place = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "-d", str(place)],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "DOCS_EXECUTE": "false"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return place


def test_every_public_name_is_in_the_reference(site):
    page = (site / "reference.html").read_text(encoding="utf-8")
    shown = set(re.findall(r'id="churnlab\.[\w.]+?\.(\w+)"', page))
    assert set(cl.__all__) - {"compare_runs"} <= shown
    assert "cl.compare_runs" in page  # by its own name it is the command compare
    assert {"plot_tracking", "forecast"} <= shown  # what a fit inherits
    assert {"plot_grid", "headline", "plot_curve", "save"} <= shown  # of results
    assert not {"noting", "closing"} & shown  # the command line's


def test_every_page_of_the_repository_is_on_the_site(site):
    pages = {p.stem for p in (ROOT / "docs").glob("*.md")} - {"README"}
    pages |= {f"lab/{p.parent.name}" for p in (ROOT / "experiments").glob("*/README.md")}
    pages |= {p.stem for p in (ROOT / "notebooks").glob("tutorial_*.py")} | {"licences", "gallery"}
    assert {name for name in pages if not (site / f"{name}.html").exists()} == set()


def test_every_requirement_leads_to_its_tests(site):
    page = (site / "requirements.html").read_text(encoding="utf-8")
    rows = [row for row in re.findall(r"<tr>(.*?)</tr>", page, flags=re.DOTALL) if "<td>" in row]
    assert len(rows) > 30
    for row in rows:
        cells = re.findall(r"<td>(.*?)</td>", row, flags=re.DOTALL)
        assert "/test_" in cells[3], cells[0]


def test_every_locked_package_states_its_licence(site):
    page = (site / "licences.html").read_text(encoding="utf-8")
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = re.findall(r"^([\w.-]+)==", lock, flags=re.MULTILINE)
    assert [name for name in locked if not re.search(rf"\b{re.escape(name)}\b", page)] == []
    assert "not stated" not in page


def test_lab_opens_a_script_as_a_notebook(monkeypatch):
    """`make lab` gives JupyterLab these settings; without them a double click opens an editor."""
    from jupyter_server.services.config.manager import ConfigManager

    line = re.search(r"JUPYTER_CONFIG_PATH=\$\(CURDIR\)/(\w+)", (ROOT / "Makefile").read_text())
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(ROOT / line[1]))
    found = ConfigManager(config_dir_name="labconfig").get("default_setting_overrides")
    viewers = found["@jupyterlab/docmanager-extension:plugin"]["defaultViewers"]
    assert viewers["python"] == "Jupytext Notebook"


def test_nothing_is_fetched(site):
    loaded = re.compile(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="(https?:)?//')
    for page in site.rglob("*.html"):
        assert not loaded.search(page.read_text(encoding="utf-8")), page.name


def test_hangul_has_a_font(site):
    """Every letter of the pages is in the font that the style sheet names."""
    from fontTools.ttLib import TTFont

    assert "url(hangul.woff)" in (site / "site.css").read_text(encoding="utf-8")
    known = TTFont(site / "hangul.woff").getBestCmap()
    page = (site / "recipes.html").read_text(encoding="utf-8")
    letters = set(map(ord, re.findall("[가-힣]", page)))
    assert len(letters) > 10
    assert letters <= set(known)
