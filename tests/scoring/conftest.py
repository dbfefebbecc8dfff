"""One small export for the scorer to read."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

_PATH = Path(__file__).parents[1] / "export" / "conftest.py"
_spec = importlib.util.spec_from_file_location("churnlab_export_builders", _PATH)
assert _spec is not None
assert _spec.loader is not None
builders = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = builders
_spec.loader.exec_module(builders)


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Folder of one export that no test may change."""
    folder = tmp_path_factory.mktemp("export")
    builders.export_bundle(folder, builders.make_inputs(), created_at=builders.CREATED)
    return folder


@pytest.fixture(scope="session")
def build():
    """The builders of the export tests."""
    return builders
