"""Do 90% intervals of changes cover 0 where nothing changes? Simulated shops in a steady state.

    python benchmarks/stationary.py [--shops 100] [--members 4]

A shop gains a constant number of members a day; a member stays for `STAY` days from the signup, so
that both days have the same law and every true change is 0. Both days by one fit, late by the own
rhythm, as `churnlab segment` compares them. Prints, per cell and group, in which share of the shops
the interval of the change of its share covers 0, where it holds half a percent of the members.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

import churnlab as cl
from churnlab.events import EventLog, log_from_frames
from churnlab.posterior import RiskConfig
from churnlab.report.words import table
from churnlab.segments import Axis, SegmentsConfig, Snapshot, change_table, place
from churnlab.segments.config import VisitsConfig
from churnlab.simulate import Shop, ShopConfig, simulate_shop

STAY, DAYS, STEP = 400, 900, 30
#: Mean share from which a cell's coverage is shown: of smaller ones a count is 0 or 1.
LEAST_SHARE = 0.005


def members_on(shop: Shop, day: pd.Timestamp) -> EventLog:
    """Return the log of those who are members on a day: signed up within the stay before it."""
    signup = shop.members["signed_up_at"].dt.normalize()
    stays = (signup > day - pd.Timedelta(STAY, "D")) & (signup <= day)
    ids = set(shop.members.loc[stays, "customer_id"])
    frames = {
        name: frame[frame["customer_id"].isin(ids)]
        for name, frame in (
            ("purchases", shop.purchases), ("visits", shop.visits), ("members", shop.members),
        )
    }  # fmt: skip
    return log_from_frames(frames, time_zone="UTC", as_of=shop.as_of).until(day.date())


def placed(log: EventLog, axes: tuple[Axis, Axis], config: SegmentsConfig) -> Snapshot:
    """Place everybody of a log on its last day."""
    both = (cl.summarise(log), cl.summarise(log, events="visits"))
    return place(log.attributes(), both[0], axes[0], both[1], axes[1], config).snapshot


def changes(seed: int, members_a_day: int) -> pd.DataFrame:
    """Return the changes of one shop within `STEP` days, both days by one fit."""
    shop = simulate_shop(
        ShopConfig(n_members=members_a_day * DAYS, days=DAYS), np.random.default_rng(seed)
    )
    last = pd.Timestamp(shop.as_of)
    after, before = (members_on(shop, day) for day in (last, last - pd.Timedelta(STEP, "D")))
    fit = cl.fit(cl.summarise(after))
    seen = cl.fit(cl.summarise(after, events="visits"))
    state, visits = fit.late, VisitsConfig()
    cut = state.state(RiskConfig())
    axes = (
        Axis(fit.draws, cut.measure, (cut.value,), cut.first_value),
        Axis(seen.draws, visits.measure, (visits.risk_value, visits.inactive_value)),
    )
    config, rng = SegmentsConfig(), np.random.default_rng(seed)
    then, now = (placed(log, axes, config) for log in (before, after))
    return change_table(then, now, config, rng).assign(shop=seed)


def main() -> None:
    """Simulate, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shops", type=int, default=100)
    parser.add_argument("--members", type=int, default=4, help="signups a day")
    wanted = parser.parse_args()
    found = pd.concat([changes(seed, wanted.members) for seed in range(wanted.shops)])
    covers = (found["change_q05"] <= 0) & (found["change_q95"] >= 0)
    by = found.assign(covers=covers).groupby(["level", "segment_code"], sort=False)
    rows = by.agg(share=("share", "mean"), change=("change", "mean"), covers=("covers", "mean"))
    rows = rows[rows["share"] >= LEAST_SHARE].reset_index()
    print(table(rows, {"share": ".3f", "change": "+.4f", "covers": ".2f"}))
    print(f"\n{len(rows)} changes: {rows['covers'].between(0.85, 0.95).sum()} within .85 to .95")


if __name__ == "__main__":
    main()
