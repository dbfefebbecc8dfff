"""How the tests are shared out among the workers: what conftest.py lists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.conftest import FIRST, OF_THE_SHOP, unit

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", [*FIRST, *OF_THE_SHOP])
def test_what_is_listed_is_there(name: str) -> None:
    assert (ROOT / name).exists()


def test_whoever_reads_the_shops_run_does_so_in_one_worker() -> None:
    """A file that is not listed would make the run once more in the other worker."""
    readers = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"def \w+\([^)]*\bshop_run\b", path.read_text(encoding="utf-8"))
    ]
    assert len(readers) > 1
    assert {unit(name) for name in readers} == {"tests/shop.py"}


def test_a_unit_is_a_file_or_all_that_reads_the_shop() -> None:
    assert unit("tests/rules/test_rules.py::test_x[a::b]") == "tests/rules/test_rules.py"
    assert unit("tests/board/test_since.py::test_x") == unit("tests/docs/test_files.py::test_y")
    assert unit("tests/docs/test_pages.py::test_x") == "tests/docs/test_pages.py"
