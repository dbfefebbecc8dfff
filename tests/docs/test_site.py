"""The site builds with warnings as errors, has every public name, and fetches nothing."""

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
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return place


def test_every_public_name_is_in_the_reference(site):
    page = (site / "reference.html").read_text(encoding="utf-8")
    shown = set(re.findall(r'id="churnlab\.[\w.]+?\.(\w+)"', page))
    assert set(cl.__all__) - {"compare_runs"} <= shown
    assert "cl.compare_runs" in page  # by its own name it is the command compare
    assert {"plot_tracking", "forecast"} <= shown  # what a fit inherits


def test_every_page_of_the_repository_is_on_the_site(site):
    pages = {p.stem for p in (ROOT / "docs").glob("*.md")} - {"README"}
    pages |= {f"lab/{p.parent.name}" for p in (ROOT / "experiments").glob("*/README.md")}
    assert all((site / f"{name}.html").exists() for name in pages)


def test_nothing_is_fetched(site):
    loaded = re.compile(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="(https?:)?//')
    for page in site.rglob("*.html"):
        assert not loaded.search(page.read_text(encoding="utf-8")), page.name
