"""Lift against random order: chance is left alone, a planted journey is found with its gap."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

from churnlab.events import log_from_frames
from churnlab.journeys import JourneyConfig, lift
from churnlab.journeys.baskets import read_baskets
from churnlab.journeys.companions import companion_table
from churnlab.journeys.mine import mine
from churnlab.simulate import ShopConfig, simulate_shop


def random_baskets(rng, n_customers=400, days=200, items=12):
    """Customers with rates and tastes of their own, visits in clumps: no order in the goods."""
    rows = []
    taste = 1 / np.arange(1, items + 1)
    for i in range(n_customers):
        own = rng.dirichlet(3 * taste)
        at = np.cumsum(rng.gamma(0.5, 2 * rng.gamma(2, 5), 60))
        for day in at[at < days]:
            codes = np.unique(rng.choice(items, 1 + rng.poisson(1), p=own))
            rows += [(f"c{i}", day, f"i{code:02d}") for code in codes]
    return pd.DataFrame(rows, columns=["customer_id", "day", "item"])


def log_of(frame, days=200):
    start = pd.Timestamp("2024-01-01")
    at = start + pd.to_timedelta((frame["day"] * 86_400).round(), unit="s")
    frame = frame.assign(event_at=at)[["customer_id", "event_at", "item"]]
    return log_from_frames({"purchases": frame}, as_of=(start + pd.Timedelta(days=days)).date())


def mined(log, **keys):
    settings = JourneyConfig(**keys)
    baskets = read_baskets(log, level="item", window_days=settings.window_days, most_items=40)
    return mine(baskets, settings).journeys


@pytest.mark.parametrize("span", ["whole", "gap"])
def test_j6_chance_alone_excludes_1_for_fewer_than_5_percent(span):
    rng = np.random.default_rng(7)
    found = pd.concat(
        [mined(log_of(random_baskets(rng)), span=span, least_customers=20) for _ in range(3)]
    )
    outside = (found["lift_q05"] > 1) | (found["lift_q95"] < 1)
    assert len(found) > 400
    assert outside.mean() < 0.05
    z = (found["completed"] - found["expected"]) / np.sqrt(found["expected"])
    assert abs(z.mean()) < 0.25


def test_j6_a_planted_journey_is_found_with_its_gap():
    """A third of the purchases of i03 are followed by i07 after 4 days."""
    rng = np.random.default_rng(8)
    frame = random_baskets(rng)
    source = frame[(frame["item"] == "i03") & (frame["day"] < 190)]
    planted = source[rng.random(len(source)) < 0.33]
    planted = planted.assign(day=planted["day"] + 4.0, item="i07")
    found = mined(log_of(pd.concat([frame, planted])), least_customers=20)
    pairs = found[found["length"] == 2].set_index("path")
    assert pairs["lift_q05"].idxmax() == "i03 > i07"
    best = pairs.loc["i03 > i07"]
    assert best["lift_q05"] > 1.2
    assert best["gap_days"] == pytest.approx(4.0, abs=0.3)


def test_the_simulated_shops_follow_ups_are_found():
    """`simulate` plants item-001 -> item-002 -> item-003, each on the next order with P = .5."""
    shop = simulate_shop(ShopConfig(n_members=6000), np.random.default_rng(3))
    log = log_from_frames(shop.frames(), as_of=shop.as_of)
    found = mined(log)
    pairs = found[(found["length"] == 2) & (found["lift_q05"] > 1)]
    assert set(pairs["path"]) == {"item-001 > item-002", "item-002 > item-003"}
    orders = shop.purchases.drop_duplicates("order_id").sort_values(["customer_id", "event_at"])
    gap = orders.groupby("customer_id")["event_at"].diff().dt.total_seconds() / 86_400
    typical = gap[gap <= 10].median()
    assert pairs["gap_days"].to_numpy() == pytest.approx(typical, abs=1.0)


def test_the_prior_is_the_likeliest_within_its_bounds():
    rng = np.random.default_rng(2)
    e = rng.gamma(2, 20, 4000)
    for a in (1.0, 8.0):
        n = rng.poisson(rng.gamma(a, 1 / a, len(e)) * e)
        assert lift.prior_shape(n.astype(float), e) == pytest.approx(a, rel=0.1)
    chance = rng.poisson(e).astype(float)
    assert lift.prior_shape(chance, e) == pytest.approx(20.0, rel=1e-3)
    wild = e * rng.choice([0.001, 100.0], len(e))
    assert lift.prior_shape(wild, e) == pytest.approx(0.5, rel=1e-3)


def test_lift_is_the_posterior_of_the_gamma_poisson_model():
    n, e = 30.0, 12.0
    found = lift.shrunk_lift(*(np.array([v]) for v in (n, e, 1e9, n))).iloc[0]
    a = found["prior_shape"]

    def density(x):
        return math.exp((a + n - 1) * math.log(x) - (a + e) * x - 30)

    total = quad(density, 0, 10)[0]
    log_mean = quad(lambda x: math.log(x) * density(x), 1e-9, 10)[0] / total
    below = quad(density, 0, found["lift_q05"])[0] / total
    assert found["lift"] == pytest.approx(math.exp(log_mean), rel=1e-6)
    assert below == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize(
    ("squares", "customers", "expected"),
    [(100.0, 50.0, 1.0), (10.0, 50.0, 1.0), (300.0, 50.0, (10 + 50 * 3) / 60),
     (300.0, 10.0, (10 + 10 * 3) / 20)],
)  # fmt: skip
def test_the_design_effect_is_a_mean_with_1_and_never_below_it(squares, customers, expected):
    found = lift.design_effect(np.array([100.0]), np.array([customers]), np.array([squares]))
    assert found[0] == pytest.approx(expected)


def test_customers_whose_exposures_hang_together_widen_the_interval():
    base = lift.shrunk_lift(np.array([60.0]), np.array([40.0]), np.array([80.0]), np.array([60.0]))
    tied = lift.shrunk_lift(np.array([60.0]), np.array([40.0]), np.array([80.0]), np.array([300.0]))
    width = [f["lift_q95"][0] - f["lift_q05"][0] for f in (base, tied)]
    assert width[1] > width[0]


def test_goods_that_go_together_are_found_and_large_baskets_make_none():
    """Sizes of baskets differ much; i01 and i02 are bought together, nothing else is."""
    rng = np.random.default_rng(4)
    weight = 1 / np.arange(1, 16)
    rows = []
    for i in range(500):
        for day in range(0, 200, 20):
            size = rng.choice([1, 2, 5])
            codes = set(rng.choice(15, size, replace=False, p=weight / weight.sum()))
            if 5 in codes and rng.random() < 0.6:
                codes.add(9)
            rows += [(f"c{i}", day + rng.random(), f"i{c:02d}") for c in [*codes]]
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "item"])
    frame["day"] = frame["day"].round(0)
    baskets = read_baskets(log_of(frame, 201), level="item", window_days=10, most_items=40)
    found = companion_table(baskets, least_customers=20).set_index(["item", "companion"])
    assert found["lift_q05"].idxmax() in {("i05", "i09"), ("i09", "i05")}
    others = found.drop([("i05", "i09"), ("i09", "i05")])
    assert (others["lift_q05"] > 1.05).mean() < 0.05
    together = frame.groupby(["customer_id", "day"])["item"].agg(set)
    both = together.map(lambda s: {"i05", "i09"} <= s)
    row = found.loc[("i05", "i09")]
    assert row["baskets"] == both.sum()
    assert row["customers"] == both[both].index.get_level_values(0).nunique()
    assert row["share"] == both.sum() / together.map(lambda s: "i05" in s).sum()
