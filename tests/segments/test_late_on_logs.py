"""Late by the own rhythm on CDNOW and on a shop with known truth: what the state promises."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import churnlab as cl
from churnlab.events import log_from_frames, open_log
from churnlab.events.config import DataConfig
from churnlab.posterior import Lateness, Rows, at_risk_days, keys_of, rhythm_days
from churnlab.posterior.settings import LATE
from churnlab.simulate import ShopConfig, simulate_shop

#: Two buyers of 420 days, silent for 40: A every two months (x = 7), B every two weeks (x = 30).
PAIR = Rows(np.zeros(2, np.int64), *np.array([[7, 30], [420, 420], [460, 460]], float))


@pytest.fixture(scope="module")
def cdnow():
    log = open_log(DataConfig(name="cdnow"))
    return log, cl.fit(cl.summarise(log), seed=1)


@pytest.fixture(scope="module")
def shop():
    made = simulate_shop(ShopConfig(n_members=3000), np.random.default_rng(3))
    log = log_from_frames(made.frames(), time_zone="UTC", as_of=made.as_of)
    return made, cl.fit(cl.summarise(log), seed=1)


def late_days(fit, rows) -> np.ndarray:
    keys = keys_of(rows)
    return at_risk_days(fit.draws, keys, *LATE)[keys.of]


def test_p1_the_fortnightly_buyer_is_late_after_forty_days_and_the_other_is_not(cdnow, shop):
    for fit in (cdnow[1], shop[1]):
        a, b = late_days(fit, PAIR)
        assert b <= 40 < a


def test_nobody_is_at_risk_before_one_own_rhythm_nor_on_the_day_after(cdnow, shop):
    for fit in (cdnow[1], shop[1]):
        table = fit.customers()
        days = (table["at_risk_date"] - table["last_purchase_at"]).dt.days
        assert (days >= table["rhythm_days"]).all()
        assert (days >= 2).all()
        assert (table["at_risk_q05"] <= table["at_risk_date"]).all()
        assert (table["at_risk_date"] <= table["at_risk_q95"]).all()


def test_one_gap_in_five_outlasts_the_date_on_cdnow(cdnow):
    """Purchases with a whole window of follow-up that were followed by another within it."""
    log, fit = cdnow
    days = log.days("purchases").sort_values(["customer_id", "day"])
    own = days.groupby("customer_id")["day"]
    x, t_x = own.cumcount(), (days["day"] - own.transform("first")).dt.days
    gap = (own.shift(-1) - days["day"]).dt.days.to_numpy()
    rows = Rows(np.zeros(len(x), np.int64), *(v.to_numpy(float) for v in (x, t_x, t_x)))
    window = Lateness().window_cycles * rhythm_days(fit.draws, rows)
    follow = (pd.Timestamp(log.as_of) - days["day"]).dt.days.to_numpy()
    judged = (follow >= window) & (gap <= window)
    assert judged.sum() > 1000
    after = (gap > late_days(fit, rows))[judged].mean()
    assert 0.15 <= after <= 0.25


def test_states_of_a_shop_with_known_truth(shop):
    made, fit = shop
    table = fit.customers().set_index("customer_id")
    alive = made.truth.set_index("customer_id")["purchases_alive"].loc[table.index].astype(bool)
    late = table["at_risk_date"] <= pd.Timestamp(fit.data.as_of)
    assert late[~alive].mean() >= 0.75  # of those who stopped, at most a quarter is missed
    assert late[alive].mean() < 0.5 < late[~alive].mean()
    once = table["x"] == 0
    assert late[once].sum() > 20
    assert (~late[once]).sum() > 20


def with_pair(purchases: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Add A, who bought every two months, and B, every two weeks, both silent for 40 days."""
    last = as_of - pd.Timedelta(40, "D")
    days = {"A": 60 * np.arange(8), "B": 14 * np.arange(31)}
    pair = [
        pd.DataFrame({"customer_id": who, "event_at": last - pd.to_timedelta(ago, unit="D")})
        for who, ago in days.items()
    ]
    bought = purchases[["customer_id", "event_at"]].drop_duplicates()  # lines of one order
    return pd.concat([bought, *pair], ignore_index=True)


def test_p1_grid_and_explanation_say_the_same_of_the_two(cdnow, shop):
    """40 days of silence are late for the fortnightly buyer and early for the other."""
    for purchases, as_of in (
        (cdnow[0].frame("purchases"), cdnow[0].as_of), (shop[0].purchases, shop[0].as_of)
    ):  # fmt: skip
        few = purchases["customer_id"].isin(purchases["customer_id"].unique()[:800])
        frame = with_pair(purchases[few], pd.Timestamp(as_of))
        log = log_from_frames({"purchases": frame}, time_zone="UTC", as_of=as_of)
        settings = {"inference": {"draws": 200}, "segments": {"periods": 0, "draws": 20}}
        grid = cl.segment(log, **settings).tables["membership"].set_index("customer_id")
        states = {"A": "repeat_active", "B": "repeat_risk"}
        assert grid.loc[["A", "B"], "purchase_state"].to_dict() == states
        for who, state in states.items():
            told = cl.explain(log, who, **settings).told
            assert told["member"]["purchase_state"] == state
            dates = (told[of]["at_risk_date"] for of in ("member", "customer"))
            assert {pd.Timestamp(d) for d in dates} == {grid.loc[who, "at_risk_date"]}
