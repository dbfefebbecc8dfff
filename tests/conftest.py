"""Fixtures that several test folders share."""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib as mpl
import pytest

mpl.use("Agg")

_SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The workshop's real logs; the project does not carry them, so tests skip without them."""
    folder = Path(os.environ.get("CHURNLAB_SHARED", _SHARED)) / "data"
    if not folder.is_dir():
        pytest.skip(f"the workshop's data folder {folder} is absent")
    return folder
