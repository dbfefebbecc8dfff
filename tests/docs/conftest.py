"""Runs of every command, whose files the documentation is held against."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pandas as pd
import pytest
from tests.shop import LIGHT, keys_of

from churnlab.cli import main
from churnlab.journeys import JourneyConfig
from churnlab.journeys.mine import journey_id
from churnlab.report.render import Rendered
from churnlab.simulate import ShopConfig

SHOP = ["data=syn_shop", "shop.n_members=600"]


@pytest.fixture(scope="session")
def written(shop_run, tmp_path_factory) -> Path:
    """Return a folder with a run of each command in a folder of its name."""
    root = tmp_path_factory.mktemp("written")
    shutil.copytree(shop_run, root / "pipeline")
    bundle = f"bundle={root / 'pipeline' / 'export'}"
    data = keys_of(shop_run.parent)
    tomorrow = ShopConfig().as_of() + dt.timedelta(1)
    jobs = [
        ["simulate", "shop.n_members=200"],
        ["explain", *data, "customer=m00002", "inference.draws=200"],
        ["verify", bundle],
        ["score", bundle, *data],
        ["monitor", bundle, *data, f"monitor.today={tomorrow}"],
        ["sbc", "simulations=20", "customers=50"],
        ["compare", f"runs=[{root / 'pipeline' / 'backtest'},{root / 'pipeline' / 'nday'}]"],
    ]
    with pytest.MonkeyPatch.context() as patch:
        page = Rendered(html="<html></html>", summary="", notebook="{}")
        patch.setattr("churnlab.workflows.compare.render", lambda *_, **__: page)
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
