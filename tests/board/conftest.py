"""The shop's run, and its board in both languages."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from churnlab.cli import main


@pytest.fixture(scope="session")
def shop(shop_run) -> Path:
    """Return a finished pipeline whose ids and goods are hostile text."""
    return shop_run


@pytest.fixture(scope="session")
def pages(shop, tmp_path_factory) -> dict[str, Path]:
    """Return the board in English, as the pipeline wrote it, and in Korean."""
    place = tmp_path_factory.mktemp("korean")
    assert main(["board", f"run={shop}", "lang=ko", "report.currency=KRW", f"run_dir={place}"]) == 0
    return {"en": shop / "board.html", "ko": place / "board.html"}


@pytest.fixture(scope="session")
def tables(shop):
    """Return a function that reads a table of the run."""

    def read(name: str) -> pd.DataFrame:
        return pd.read_parquet(shop / f"{name}.parquet")

    return read
