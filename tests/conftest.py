"""Fixtures that several test folders share."""

from __future__ import annotations

import gc
import importlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import matplotlib as mpl
import pytest
from hydra.core.config_store import ConfigStore
from playwright.sync_api import Browser, sync_playwright
from tests.services import local_spark, private_postgres
from tests.shop import run_everything
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from churnlab import engine
from churnlab.report.render import Rendered

mpl.use("Agg")
if "PYTEST_XDIST_WORKER" in os.environ:
    # While it is imported, a package of its own asks where each module of the process is from:
    # among the thousands of a session that takes 5 s, among those that are here now 1 s.
    importlib.import_module("arviz")
# Properties on all their examples (tests/examples.py), as `make test-slow` asks.
hypothesis.settings.register_profile("full", hypothesis.settings.get_profile("default"))

# Hydra copies all that is stored whenever it composes, and what it takes from there once more: in a
# process that composes for every command, the first copy takes longer than the composing.
ConfigStore.__deepcopy__ = lambda store, memo: store

#: What reads the shop's one run (tests/shop.py): all of one worker's.
OF_THE_SHOP = (
    "tests/board/",
    "tests/comparison/",
    "tests/docs/test_files.py",
    "tests/report/test_korean_pages.py",
)
#: What asks PostgreSQL and Spark: Java starts once.
OF_THE_SERVICES = ("tests/events/test_engines.py", "tests/export/test_export_services.py")
#: What takes longest is begun first, so that no worker has it left when the other has ended; while
#: the first compiles what a fit needs, the other waits for servers, or both would compile it.
FIRST = (
    "tests/shop.py",
    "tests/export/test_export_services.py",
    "tests/docs/test_pages.py",
    "tests/safety/test_machine.py",
    "tests/export/test_export_sql.py",
    "tests/docs/test_reference.py",
)

_SHARED = Path(__file__).resolve().parents[2] / "shared"


def unit(nodeid: str) -> str:
    """Return what goes to a worker as a whole: the file, or all that shares something costly."""
    file = nodeid.split("::", 1)[0]
    if file in OF_THE_SERVICES:
        return OF_THE_SERVICES[-1]
    return "tests/shop.py" if file.startswith(OF_THE_SHOP) else file


class Units(LoadFileScheduling):
    """Whole units, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Units:
    """Share the tests out among the workers (xdist itself would begin with the most tests)."""
    config.option.loadscopereorder = False
    return Units(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, and leave the order as it is otherwise."""
    place = {name: i for i, name in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(unit(item.nodeid), len(FIRST)))


def pytest_collection_finish() -> None:
    """Seek garbage less often, and not among the half million objects that stay to the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)


@pytest.fixture
def backend():
    """An empty engine for tests of single expressions."""
    found = engine.connect()
    yield found
    found.disconnect()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The workshop's real logs; the project does not carry them, so tests skip without them."""
    folder = Path(os.environ.get("CHURNLAB_SHARED", _SHARED)) / "data"
    if not folder.is_dir():
        pytest.skip(f"the workshop's data folder {folder} is absent")
    return folder


@pytest.fixture(scope="session")
def shop_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the finished pipeline of the shop; no test may change it."""
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        # Rendering takes longer than all else and is tested where it lives.
        page = Rendered(html="<html></html>", summary="", notebook="{}")
        patch.setattr("churnlab.workflows.pages.report.render", lambda *_, **__: page)
        run_everything(folder)
    return folder / "run"


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


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Connection string of a private PostgreSQL."""
    # a short path: socket names are limited to 107 bytes
    with (
        tempfile.TemporaryDirectory(prefix="clpg") as name,
        private_postgres(Path(name)) as address,
    ):
        yield address


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A local Spark session."""
    with local_spark(tmp_path_factory.mktemp("spark")) as session:
        yield session
