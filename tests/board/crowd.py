"""A run with many more customers than were simulated: its rows again and again, under other ids."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from churnlab.runs.hashing import file_hash

_TABLES = ("fit/customers", "segment/membership", "segment/campaign_plan")


def mended(run: Path, name: str, change: Callable[[Any], Any]) -> None:
    """Change a table or JSON file of a run, and what its manifest says of it."""
    path, manifest = run / name, run / "manifest.json"
    if path.suffix == ".parquet":
        change(pd.read_parquet(path)).to_parquet(path, index=False)
    else:
        path.write_text(json.dumps(change(json.loads(path.read_text()))))
    told = json.loads(manifest.read_text())
    told["files"][name] = file_hash(path)
    manifest.write_text(json.dumps(told))


def crowded(run: Path, place: Path, times: int) -> Path:
    """Return a copy of a run whose tables of customers are so many times as long."""

    def many(rows: pd.DataFrame) -> pd.DataFrame:
        ids = rows["customer_id"]
        return pd.concat([rows.assign(customer_id=ids + f"/{i}") for i in range(times)])

    shutil.copytree(run, place)
    for name in _TABLES:
        part, table = name.split("/")
        mended(place / part, f"{table}.parquet", many)
    return place
