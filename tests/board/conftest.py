"""One small shop with ids that try to be markup, run once; its board in both languages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churnlab.cli import main
from churnlab.report.render import Rendered
from churnlab.simulate import ShopConfig, simulate_shop

MARKUP = "<script>alert(1)</script>"
QUOTES = "\"quoted\" 'id' &amp; \\"
BACKWARDS = "مرحبا ‮abc"
ITEM = '<b>tea</b> & "cake"'
#: Small, so that the whole takes seconds.
LIGHT = [
    "candidates=[mbg_nbd]",
    "split.horizon_days=[56]",
    "split.replicates=20",
    "split.limits.least_purchasers=50",
    "split.limits.least_events=10",
    "nday.costs.margin=20",
    "nday.costs.coupon=5",
    "nday.draws=100",
    "journey.least_customers=5",
    "journey.loyal.least_customers=10",
    "journey.window_days=30",
    "inference.draws=200",
    "rule.contact_cost=1",
    "rule.save_probability=.1",
    "rule.value_per_customer=100",
    "report.currency=KRW",
    "report.title='</title><i>Shop & Söhne'",
    "cache_dir=null",
]


@pytest.fixture(scope="session")
def shop(tmp_path_factory) -> Path:
    """Return a finished pipeline whose ids and goods are hostile text."""
    root = tmp_path_factory.mktemp("shop")
    frames = simulate_shop(ShopConfig(n_members=600), np.random.default_rng(1)).frames()
    bought = frames["purchases"].groupby("customer_id")["event_at"].max().sort_values().index
    names = dict(zip(bought[-3:], (MARKUP, QUOTES, BACKWARDS), strict=True))
    keys = []
    for table, frame in frames.items():
        renamed = frame.assign(customer_id=frame["customer_id"].replace(names))
        if "item" in renamed:
            renamed["item"] = renamed["item"].replace({"item-001": ITEM})
        renamed.to_parquet(root / f"{table}.parquet")
        keys.append(f"data.{table}.path={root / table}.parquet")
    keys += ["data.purchases.item=item", "data.members.attributes={channel: channel}"]
    with pytest.MonkeyPatch.context() as patch:
        page = Rendered(html="<html></html>", summary="", notebook="{}")
        patch.setattr("churnlab.workflows.pages.report.render", lambda *_, **__: page)
        status = main(["pipeline", "data=files", *keys, *LIGHT, f"run_dir={root / 'run'}"])
    assert status == 0
    return root / "run"


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
