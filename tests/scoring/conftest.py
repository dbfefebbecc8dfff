"""One small export for the scorer to read, built as in the export tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "export"))

import conftest_export

from churnlab.export import export_bundle


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Folder of one export that no test may change."""
    folder = tmp_path_factory.mktemp("export")
    export_bundle(folder, conftest_export.make_inputs(), created_at=conftest_export.CREATED)
    return folder


@pytest.fixture(scope="session")
def build():
    """The builders of the export tests."""
    return conftest_export
