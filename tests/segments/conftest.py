"""A slow, obvious summary of event days, fits with known parameters, and shops to segment."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from churnlab.models.draws import PopulationDraws
from churnlab.posterior.settings import RiskConfig
from churnlab.segments import Axis, SegmentsConfig, Snapshot, take_snapshot
from churnlab.simulate import Shop, ShopConfig, simulate_shop


@dataclass(frozen=True)
class SlowCells:
    x: np.ndarray
    t_x: np.ndarray
    T: np.ndarray
    group: np.ndarray
    groups: tuple[str, ...] = ("all",)


@dataclass(frozen=True)
class SlowSummary:
    """Every customer is a cell of its own: no collapsing to go wrong."""

    customers: pd.DataFrame
    cells: SlowCells
    as_of: dt.date


def slow_summary(events: pd.DataFrame, as_of: str) -> SlowSummary:
    day = pd.Timestamp(as_of)
    days = events.assign(day=events["event_at"].dt.normalize())
    days = days[days["day"] <= day].drop_duplicates(["customer_id", "day"])
    by = days.groupby("customer_id")["day"]
    first, last, n = by.min(), by.max(), by.size()
    customers = pd.DataFrame(
        {
            "customer_id": first.index.to_numpy(dtype=object),
            "x": (n - 1).to_numpy(dtype=float),
            "t_x": (last - first).dt.days.to_numpy(dtype=float),
            "T": (day - first).dt.days.to_numpy(dtype=float),
            "first_purchase_at": first.to_numpy(),
            "last_purchase_at": last.to_numpy(),
            "cell": np.arange(len(first)),
        }
    )
    cells = SlowCells(*(customers[c].to_numpy() for c in ("x", "t_x", "T")),
                      group=np.zeros(len(first), dtype=np.int64))  # fmt: skip
    return SlowSummary(customers, cells, day.date())


def draws_around(
    theta: tuple[float, ...], model: str = "mbg_nbd", n: int = 40, spread: float = 0.05
) -> PopulationDraws:
    """Draws scattered by `spread` around known parameters: a stand-in for a posterior."""
    noise = np.random.default_rng(99).normal(0, spread, (n, 1, len(theta)))
    return PopulationDraws(model, 1, np.exp(np.log(theta) + noise))


#: Maximum-likelihood fits to a shop of 3,000 members on 2024-12-31, kept as numbers: fast tests.
PURCHASE_THETA = (1.07, 24.7, 1.28, 2.84)
VISIT_THETA = (2.2, 12.0, 0.87, 14.5)


def axes(n_draws: int = 40) -> tuple[Axis, Axis]:
    purchase = Axis(draws_around(PURCHASE_THETA, n=n_draws), RiskConfig(), (0.5,))
    visit = Axis(draws_around(VISIT_THETA, n=n_draws), RiskConfig(), (0.5, 0.9))
    return purchase, visit


def snapshot_of(
    shop: Shop, as_of: str, *, visits: bool = True, n_draws: int = 40, **config: object
) -> Snapshot:
    purchase, visit = axes(n_draws)
    return take_snapshot(
        shop.members,
        slow_summary(shop.purchases, as_of),
        purchase,
        slow_summary(shop.visits, as_of) if visits else None,
        visit if visits else None,
        config=SegmentsConfig(draws=30, **config),
    )


@pytest.fixture(scope="session")
def shop() -> Shop:
    return simulate_shop(ShopConfig(n_members=1500, days=400), np.random.default_rng(21))


@pytest.fixture(scope="session")
def december(shop: Shop) -> Snapshot:
    return snapshot_of(shop, "2024-12-31")


@pytest.fixture(scope="session")
def november(shop: Shop) -> Snapshot:
    return snapshot_of(shop, "2024-11-30")
