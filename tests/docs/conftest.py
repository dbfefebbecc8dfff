"""One small run of every command, whose files the documentation is held against."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from churnlab.cli import main
from churnlab.journeys import JourneyConfig
from churnlab.journeys.mine import journey_id
from churnlab.report.render import Rendered
from churnlab.simulate import ShopConfig

SHOP = ["data=syn_shop", "shop.n_members=600"]
#: Small, so that the whole takes seconds: what is tested here is names and types, not numbers.
LIGHT = [
    "candidates=[mbg_nbd]",
    "split.horizon_days=[56]",
    "split.replicates=20",
    "split.limits.least_purchasers=50",
    "split.limits.least_events=10",
    "nday.costs.margin=20",
    "nday.costs.coupon=5",
    "nday.costs.revenue=60",
    "nday.draws=100",
    "journey.least_customers=5",
    "journey.loyal.least_customers=10",
    "journey.cycles.least_customers=5",
    'journey.walk=["item-001 > item-002", "item-002 > item-003", "item-003 > item-001"]',
    "journey.window_days=30",
    "inference.draws=200",
    "cache_dir=null",
]


@pytest.fixture(scope="session")
def written(tmp_path_factory) -> Path:
    """Return a folder with a run of each command in a folder of its name."""
    root = tmp_path_factory.mktemp("written")
    bundle = f"bundle={root / 'pipeline' / 'export'}"
    jobs = [
        ["simulate", "shop.n_members=200"],
        ["pipeline", *SHOP, *LIGHT],
        ["explain", *SHOP, "customer=m00002", "inference.draws=200"],
        ["verify", bundle],
        ["score", bundle, *SHOP],
        ["monitor", bundle, *SHOP, f"monitor.today={ShopConfig().as_of() + dt.timedelta(1)}"],
        ["sbc", "simulations=20", "customers=50"],
        ["compare", f"runs=[{root / 'pipeline' / 'backtest'},{root / 'pipeline' / 'nday'}]"],
    ]
    with pytest.MonkeyPatch.context() as patch:
        # Rendering takes longer than all else and is tested where it lives.
        page = Rendered(html="<html></html>", summary="", notebook="{}")
        for module in ("pages.report", "compare"):
            patch.setattr(f"churnlab.workflows.{module}.render", lambda *_, **__: page)
        for command, *rest in jobs:
            status = main([command, *rest, f"run_dir={root / command}"])
            assert status == 0, f"churnlab {command} ended with {status}"
    return root


@pytest.fixture(scope="session")
def by_group(tmp_path_factory) -> Path:
    """Return the folder of an N-day study broken down by an attribute."""
    folder = tmp_path_factory.mktemp("by_group")
    light = [one for one in LIGHT if one.startswith("nday.")]
    study = ["nday", *SHOP, *light, "nday.cohort.by=gender", "nday.backtest=false"]
    assert main([*study, f"run_dir={folder}"]) == 0
    return folder


@pytest.fixture(scope="session")
def journey_experiment(tmp_path_factory) -> Path:
    """Return the folder of a study of journeys with an experiment, on files of one's own."""
    folder = tmp_path_factory.mktemp("journey")
    start = pd.Timestamp("2024-01-01")
    ids = [f"c{i}" for i in range(80)]
    bought = pd.DataFrame({"id": ids * 2, "at": start, "sku": ["A"] * 80 + ["B"] * 80})
    bought.loc[bought["sku"] == "B", "at"] += pd.Timedelta(days=3)
    bought.to_parquet(folder / "orders.parquet")
    walk = JourneyConfig(walk=["A > B"])
    sent = {"customer_id": ids, "event_at": start + pd.Timedelta(days=1)}
    sent |= {"arm": ["treat", "holdout"] * 40, "rule_id": journey_id(["A", "B"], walk)}
    pd.DataFrame(sent).to_parquet(folder / "sent.parquet")
    study = ["journey", "data=files", f"data.purchases.path={folder / 'orders.parquet'}"]
    study += ["data.purchases.customer_id=id", "data.purchases.event_at=at"]
    study += ["data.purchases.item=sku", f"data.treatments.path={folder / 'sent.parquet'}"]
    study += ['journey.walk=["A > B"]', "as_of=2024-06-01", f"run_dir={folder / 'run'}"]
    assert main(study) == 0
    return folder / "run"
