"""Fixtures of the export tests; the builders are in `conftest_export`."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for the helper modules beside the tests

from conftest_export import CREATED, make_events, make_inputs

from churnlab.export import ExportConfig, export_bundle


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Path:
    """Folder of one export that no test may change."""
    folder = tmp_path_factory.mktemp("export")
    export_bundle(folder, make_inputs(), ExportConfig(draws=32), created_at=CREATED)
    return folder


@pytest.fixture(scope="session")
def sql_summary() -> pd.DataFrame:
    """Ordinary customers, heavy buyers long silent, and the edges t_x = T, T = 0 and x = 0."""
    rng = np.random.default_rng(3)
    x = np.concatenate([[0, 0, 1, 400, 3], rng.poisson(3, 120)])
    T = np.concatenate([[0, 900, 5, 3000, 20], rng.integers(1, 900, 120)])
    t_x = np.where(x > 0, np.ceil(T * rng.beta(2, 1, x.size)), 0).astype(int)
    t_x[3:5] = (410, 20)
    return pd.DataFrame(
        {"customer_id": [f"고객'{i}\"; --" for i in range(x.size)], "x": x, "t_x": t_x, "T": T}
    )


@pytest.fixture(scope="session")
def sql_events() -> pd.DataFrame:
    """Events with several a day and some after the last known day."""
    events = make_events(60, seed=8, until=dt.date(2024, 8, 31))
    return pd.concat([events, events.iloc[:20]], ignore_index=True)
