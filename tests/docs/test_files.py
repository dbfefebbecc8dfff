"""docs/files.md against what the commands write, both ways, with Parquet types."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "files.md"
#: Where the fixture's runs keep the files of each section.
FOLDERS = {
    "All commands": ["pipeline/check"],
    "fit": ["pipeline/fit"],
    "segment": ["pipeline/segment"],
    "backtest": ["pipeline/backtest"],
    "nday": ["pipeline/nday"],
    "journey": ["pipeline/journey"],
    "export": ["pipeline/export"],
    "explain": ["explain"],
    "score": ["score"],
    "verify": ["verify"],
    "monitor": ["monitor"],
    "simulate": ["simulate"],
    "sbc": ["sbc"],
    "compare": ["compare"],
    "pipeline": ["pipeline"],
}


class Entry(NamedTuple):
    """One file of the page: its section, its name or pattern, and name -> type."""

    section: str
    name: str
    columns: dict[str, str]


def entries(text: str) -> list[Entry]:
    """Parse the page's headings and tables."""
    found: list[Entry] = []
    section = ""
    for line in text.splitlines():
        if line.startswith("## "):
            section = line[3:].strip()
        elif line.startswith("### "):
            names = re.findall(r"`([^`]+)`", line)
            found.append(Entry(section, names[0], {}))
        elif line.startswith("| `"):
            cells = [c.strip() for c in line.split(" | ")]
            for name in re.findall(r"`([^`]+)`", cells[0]):
                assert name not in found[-1].columns, f"{found[-1].name}: {name} is there twice"
                found[-1].columns[name] = cells[1]
    return found


ENTRIES = entries(PAGE.read_text(encoding="utf-8"))
#: Written where signups are broken down by an attribute.
BY_GROUP = "nday_groups.parquet"
#: Written where treatments name a journey.
EXPERIMENT = "journey_experiment.parquet"
PARQUET = [
    e for e in ENTRIES if e.name.endswith(".parquet") and e.name not in (BY_GROUP, EXPERIMENT)
]
#: Written where an earlier run of the same data is found: tests/board/test_since.py has one.
SINCE_LAST = "since.json"
JSON = [e for e in ENTRIES if e.name.endswith(".json") and e.name != SINCE_LAST]


def files(entry: Entry, root: Path) -> list[Path]:
    found = [f for folder in FOLDERS[entry.section] for f in (root / folder).glob(entry.name)]
    assert found, f"{entry.section}: {entry.name} is documented but was not written"
    return found


def word(kind: pa.DataType) -> str:
    """Return the page's word for a Parquet type."""
    checks = {
        "text": lambda t: pa.types.is_string(t) or pa.types.is_large_string(t),
        "integer": pa.types.is_integer,
        "number": pa.types.is_floating,
        "boolean": pa.types.is_boolean,
        "date": pa.types.is_date,
        "instant": lambda t: pa.types.is_timestamp(t) and t.tz is not None,
        "timestamp": lambda t: pa.types.is_timestamp(t) and t.tz is None,
    }
    return next((name for name, is_it in checks.items() if is_it(kind)), str(kind))


def columns_of(paths: list[Path]) -> dict[str, str | None]:
    """Return column -> type over all the files; None where every value is null."""
    found: dict[str, str | None] = {}
    for path in paths:
        table = pq.read_table(path)
        for field in table.schema:
            column = table.column(field.name)
            empty = column.null_count == len(column)
            if found.get(field.name) is None:
                found[field.name] = None if empty else word(field.type)
    return found


@pytest.mark.parametrize("entry", PARQUET, ids=lambda e: f"{e.section}-{e.name}")
def test_columns_and_types_are_those_documented(entry, written):
    agree(entry, columns_of(files(entry, written)))


@pytest.mark.slow
def test_columns_of_a_study_by_group(by_group):
    (entry,) = [e for e in ENTRIES if e.name == BY_GROUP]
    agree(entry, columns_of([by_group / BY_GROUP]))


def test_columns_of_an_experiment_on_a_journey(journey_experiment):
    (entry,) = [e for e in ENTRIES if e.name == EXPERIMENT]
    agree(entry, columns_of([journey_experiment / EXPERIMENT]))


def agree(entry: Entry, found: dict[str, str | None]) -> None:
    """Hold a file's columns and types against the page, both ways."""
    assert set(found) == set(entry.columns)
    known = {name: kind for name, kind in found.items() if kind is not None}
    assert known == {name: entry.columns[name] for name in known}


@pytest.mark.parametrize("entry", JSON, ids=lambda e: f"{e.section}-{e.name}")
def test_keys_are_those_documented(entry, written):
    for path in files(entry, written):
        assert set(json.loads(path.read_text(encoding="utf-8"))) == set(entry.columns)


def test_every_written_table_is_documented(written):
    missing = []
    for section, folders in FOLDERS.items():
        patterns = {e.name for e in ENTRIES if e.section in (section, "All commands")}
        for folder in folders:
            own = [*(written / folder).glob("*.parquet"), *(written / folder).glob("*.json")]
            own += (written / folder).glob("audiences/*.parquet")
            for path in own:
                name = path.relative_to(written / folder)
                if path.name.endswith(".schema.json"):
                    continue
                if not any(name.full_match(p) for p in patterns):
                    missing.append(f"{section}: {name}")
    assert missing == []


def test_every_written_file_is_named_on_the_page(written):
    page = PAGE.read_text(encoding="utf-8")
    stems = {
        path.name
        for path in written.rglob("*")
        if path.is_file()
        and "bundles" not in path.parts
        and path.suffix not in (".parquet", ".csv")
    }
    unnamed = sorted(s for s in stems if s not in page and not s.startswith("score"))
    assert unnamed == []


def test_bands_in_the_bundle_are_those_of_the_customers(written):
    pipeline = written / "pipeline"
    customers = pd.read_parquet(pipeline / "fit" / "customers.parquet").set_index("customer_id")
    for name in ("segment_membership", "segment_audience"):
        table = pd.read_parquet(pipeline / "export" / f"{name}.parquet")
        assert table["risk_band"].notna().any()
        assert table["risk_band"].equals(table["customer_id"].map(customers["risk_band"]))


def test_whom_journeys_reach_is_in_the_campaign_plan_and_in_the_bundle(written):
    pipeline = written / "pipeline"
    reached = pd.read_parquet(pipeline / "journey" / "journey_audience.parquet")
    assert len(reached)
    closes = reached.groupby("customer_id")["window_closes_at"].min().dt.normalize()
    for folder in ("segment", "export"):
        plan = pd.read_parquet(pipeline / folder / "campaign_plan.parquet")
        mine = plan[plan["action_id"] == "journey_next_step"].set_index("customer_id")
        assert pd.to_datetime(mine["send_date"]).to_dict() == closes.to_dict()
        assert set(mine["arm"]) <= {"treat", "holdout"}
    bundle = json.loads((pipeline / "export" / "bundle.json").read_text(encoding="utf-8"))
    assert {j["action_id"] for j in bundle["journeys"]} == {"journey_next_step"}
    shipped = pd.read_parquet(pipeline / "export" / "journey_audience.parquet")
    assert set(shipped["journey_id"]) <= {j["journey_id"] for j in bundle["journeys"]}
    assert len(shipped) == len(reached)
