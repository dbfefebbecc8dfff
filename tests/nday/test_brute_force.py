"""The recommended N against sending on every day to people of known truth, money counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churnlab.nday import NdayConfig, run_nday
from churnlab.nday.decide.value import NdayCosts

from .simulators import START, cliff, day

SHAPES = {
    "cliff5": cliff(day=5), "cliff10": cliff(), "cliff20": cliff(day=20),
    "smooth": 0.03 * np.exp(-np.arange(31) / 8),
}  # fmt: skip
#: Day of the highest value, by `money`; the tops are flat: two days away lose 2% at the smooth one.
BEST = {"cliff5": 5, "cliff10": 10, "cliff20": 20, "smooth": 19}
COSTS = NdayCosts(margin=20, coupon=5, message=0.05)
NEVER, AHEAD, SEEN, U0 = 99, 30, 0.2, 0.05
"""No purchase in the window; days ahead that count as attention; visits a day; uplift."""


def people(hazard, n, rng):
    """Day of the purchase unasked, and the day interest ends: of those without, half in 14 days."""
    buy = np.full(n, NEVER)
    for age, h in enumerate(hazard):
        buy[(buy == NEVER) & (rng.random(n) < h)] = age
    return buy, np.where(buy < NEVER, 99, rng.exponential(14 / np.log(2), n)).astype(int)


def money(hazard, n=400_000):
    """Value per signup of a message on each day 1..23: whom it wins, whom it pays for nothing."""
    rng = np.random.default_rng(5)
    buy, last = people(hazard, n, rng)
    won, again = rng.random(n) < U0, rng.random(n)
    value = {}
    for send in range(1, 24):
        visits = np.clip(np.minimum(last, send + AHEAD - 1) - send + 1, 0, None)
        extra = won & (buy == NEVER) & (again < 1 - (1 - SEEN) ** visits)
        organic = np.sum((buy >= send) & (buy < NEVER)) * COSTS.organic_coupon
        value[send] = (extra.sum() * COSTS.unit - organic - np.sum(buy >= send) * COSTS.message) / n
    return pd.Series(value)


def frames(hazard, rng, cohorts=60, size=200):
    buy, last = people(hazard, cohorts * size, rng)
    ids = np.arange(cohorts * size).astype(str)
    signed_up = START + pd.to_timedelta(np.repeat(np.arange(cohorts), size) + 0.5, unit="D")
    who, age = np.nonzero((rng.random((len(ids), 62)) < SEEN) & (np.arange(62) <= last[:, None]))
    later = pd.to_timedelta(buy, unit="D") + pd.Timedelta(minutes=30)
    bought = pd.DataFrame({"customer_id": ids, "event_at": signed_up + later})
    visits = pd.DataFrame(
        {"customer_id": ids[who], "event_at": signed_up[who] + pd.to_timedelta(age, unit="D")}
    )
    members = pd.DataFrame({"customer_id": ids, "signed_up_at": signed_up})
    return {"members": members, "purchases": bought[buy < NEVER], "visits": visits}


@pytest.mark.parametrize(
    ("shape", "repeats"),
    [("cliff10", 1), *(pytest.param(shape, 40, marks=pytest.mark.slow) for shape in SHAPES)],
)
def test_l7_the_recommended_n_is_that_of_brute_force(shape, repeats):
    """Within two days in 90% of the logs, with stated costs and without."""
    if repeats > 1:
        assert money(SHAPES[shape]).idxmax() == pytest.approx(BEST[shape], abs=1)
    near = []
    for seed in range(repeats):
        source = frames(SHAPES[shape], np.random.default_rng(1000 + seed))
        for costs in (COSTS, NdayCosts()):
            asked = NdayConfig(costs=costs, uplifts=[U0], backtest=False, draws=400)
            found = run_nday(source, asked, as_of=day(120), seed=seed).rule["recommendation"]
            near.append(abs(found["n"] - BEST[shape]) <= 2)
    assert np.mean(near) >= 0.9
