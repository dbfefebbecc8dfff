"""A run with many more customers than were simulated: its rows again and again, under other ids."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd

from churnlab.runs.folder import file_hash

_TABLES = ("fit/customers", "segment/membership", "segment/campaign_plan")


def crowded(run: Path, place: Path, times: int) -> Path:
    """Return a copy of a run whose tables of customers are so many times as long."""
    shutil.copytree(run, place)
    for name in _TABLES:
        path = place / f"{name}.parquet"
        rows = pd.read_parquet(path)
        ids = rows["customer_id"]
        many = pd.concat([rows.assign(customer_id=ids + f"/{i}") for i in range(times)])
        many.to_parquet(path, index=False)
        manifest = path.parent / "manifest.json"
        told = json.loads(manifest.read_text())
        told["files"][path.name] = file_hash(path)
        manifest.write_text(json.dumps(told))
    return place
