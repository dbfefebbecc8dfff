"""Fixtures that several test folders share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import matplotlib as mpl
import pytest
from playwright.sync_api import Browser, sync_playwright

mpl.use("Agg")
# Properties on all their examples (tests/examples.py), as `make test-slow` asks.
hypothesis.settings.register_profile("full", hypothesis.settings.get_profile("default"))

_SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The workshop's real logs; the project does not carry them, so tests skip without them."""
    folder = Path(os.environ.get("CHURNLAB_SHARED", _SHARED)) / "data"
    if not folder.is_dir():
        pytest.skip(f"the workshop's data folder {folder} is absent")
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; skipped where it is absent, a failure in CI."""
    path = shutil.which("chromium")
    if path is None and os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail("chromium is missing (apt-get install chromium), and CI=true")
    if path is None:
        pytest.skip("chromium is missing (apt-get install chromium)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()
