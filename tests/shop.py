"""One small shop with ids and goods that try to be markup, and one light run of everything on it.

What a page shows, what a report says and what files hold are read from that run: no test of theirs
needs one of its own (`shop_run` in conftest.py).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from churnlab.cli import main
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
    "split.limits.thin_cell=1",  # a small shop's cells are all thin, and a note would list them
    "nday.costs.margin=20",
    "nday.costs.coupon=5",
    "nday.costs.revenue=60",
    "nday.draws=100",
    "journey.least_customers=5",
    "journey.loyal.least_customers=10",
    "journey.cycles.least_customers=5",
    'journey.walk=["item-002 > item-003", "item-003 > item-004", "item-004 > item-002"]',
    "journey.window_days=30",
    "inference.draws=200",
    "rule.contact_cost=1",
    "rule.save_probability=.1",
    "rule.value_per_customer=100",
    "report.currency=KRW",
    "report.title='</title><i>Shop & Söhne'",
    "cache_dir=null",
    "keep_predictions=true",
]
TABLES = ("purchases", "visits", "members", "treatments")
ATTRIBUTES = ("channel", "lead_type", "gender", "tier", "coupon_expires_at")


def keys_of(folder: Path) -> list[str]:
    """Return the keys that name the tables of `write_logs`."""
    named = ", ".join(f"{name}: {name}" for name in ATTRIBUTES)
    paths = [f"data.{table}.path={folder / table}.parquet" for table in TABLES]
    return [
        "data=files",
        *paths,
        "data.purchases.item=item",
        f"data.members.attributes={{{named}}}",
    ]


def write_logs(folder: Path) -> None:
    """Write the shop's tables."""
    frames = simulate_shop(ShopConfig(n_members=600), np.random.default_rng(1)).frames()
    bought = frames["purchases"].groupby("customer_id")["event_at"].max().sort_values().index
    names = dict(zip(bought[-3:], (MARKUP, QUOTES, BACKWARDS), strict=True))
    for table in TABLES:
        renamed = frames[table].assign(customer_id=frames[table]["customer_id"].replace(names))
        if "item" in renamed:
            renamed["item"] = renamed["item"].replace({"item-001": ITEM})
        renamed.to_parquet(folder / f"{table}.parquet")


def run_everything(folder: Path) -> None:
    """Run the pipeline into `folder/run`."""
    write_logs(folder)
    assert main(["pipeline", *keys_of(folder), *LIGHT, f"run_dir={folder / 'run'}"]) == 0
