"""The page of requirements, the names of tests and the places in the code belong together."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([PLJXD]\d+) \| .+ \| (`[^|]+`) \|$", re.MULTILINE)


def ids_in_tests() -> set[str]:
    """Ids that test names begin with: test_p10_... is P10."""
    names = re.compile(r"^\s*def test_([pljxd]\d+)_", re.MULTILINE)
    files = (ROOT / "tests").rglob("test_*.py")
    return {found.upper() for f in files for found in names.findall(f.read_text(encoding="utf-8"))}


def test_every_requirement_has_a_test_and_every_id_a_requirement() -> None:
    stated = [row[0] for row in ROW.findall(PAGE)]
    assert len(stated) == len(set(stated))
    assert set(stated) == ids_in_tests()


def test_the_places_exist() -> None:
    for _, places in ROW.findall(PAGE):
        for place in re.findall(r"`([^`]+)`", places):
            assert (ROOT / "src" / "churnlab" / place).exists(), place


def test_the_tests_that_the_threat_model_names_exist() -> None:
    page = (ROOT / "docs" / "threat_model.md").read_text(encoding="utf-8")
    files = [ROOT / f for f in re.findall(r"`(tests/[\w/]+\.py)", page)]
    defined = {n for f in files for n in re.findall(r"def (test_\w+)", f.read_text("utf-8"))}
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) > 30
    assert named <= defined, named - defined


def test_the_code_cites_only_documents_of_the_repository() -> None:
    absent = re.compile(r"\b(DOMAIN|ARCHITECTURE|CONTRACT)(\.md| section| \d)")
    for folder in ("src", "docs", "notebooks", "configs"):
        for f in (ROOT / folder).rglob("*"):
            if f.suffix in {".py", ".md", ".yaml"}:
                assert not absent.search(f.read_text(encoding="utf-8")), f
