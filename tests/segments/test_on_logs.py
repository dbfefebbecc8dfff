"""From real event logs and fits: the engine's summaries, P10 and P12 on simulated data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from churnlab.events import log_from_frames
from churnlab.inference import fit_population
from churnlab.inference.fit import maximum_likelihood
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import RiskConfig, customers_table
from churnlab.segments import (
    Axis,
    SegmentsConfig,
    Snapshot,
    leak_verdict,
    shares_table,
    take_snapshot,
)
from churnlab.segments.actions.bands import band_calibration, churn_bands
from churnlab.segments.movement.leaks import leak_alert, leak_history
from churnlab.simulate import Shop, ShopConfig, simulate_btyd, simulate_shop
from churnlab.summary import summarise
from churnlab.vocabulary import CORE_CODES

from .conftest import axes, draws_around, slow_summary, snapshot_of


def test_the_engines_summaries_give_the_same_grid_as_the_slow_ones(
    shop: Shop, december: Snapshot
) -> None:
    log = log_from_frames(shop.frames(), time_zone="UTC", as_of=shop.as_of).until("2024-12-31")
    purchase, visit = axes()
    fast = take_snapshot(
        log.frame("members"), summarise(log), purchase, summarise(log, events="visits"), visit,
        config=SegmentsConfig(draws=30),
    )  # fmt: skip
    columns = ["segment_code", "probability", "at_risk_date", "visit_risk_date", "state_since"]
    assert (fast.ids == december.ids).all()
    for column in columns:
        one, two = fast.membership[column], december.membership[column]
        assert (one.isna() == two.isna()).all()
        assert (one.dropna() == two.dropna()).all()


def test_counting_purchase_days_as_visits_leaves_no_purchaser_unknown(shop: Shop) -> None:
    log = log_from_frames(shop.frames(), time_zone="UTC", as_of=shop.as_of)
    purchase, visit = axes()
    visits = summarise(log, events="visits", count_purchases=True)
    snapshot = take_snapshot(log.frame("members"), summarise(log), purchase, visits, visit)
    assert not (snapshot.membership["visit_state"] == "visit_unknown").any()


def test_grouped_visit_fits_place_members_without_visits_by_their_attribute(shop: Shop) -> None:
    log = log_from_frames(shop.frames(), time_zone="UTC", as_of=shop.as_of)
    purchase, visit = axes()
    visits = summarise(log, events="visits", group="channel")
    slow = np.array([1.0, 4.0, 1.0, 1.0])  # the second group visits at a quarter of the rate
    theta = visit.draws.theta * np.ones((1, 4, 1))
    theta[:, :, 1] *= slow
    groups = tuple(sorted(shop.members["channel"].unique()))
    grouped = Axis(PopulationDraws("mbg_nbd", 1, theta, groups), visit.risk, visit.cuts)
    members = log.frame("members")
    frame = take_snapshot(members, summarise(log), purchase, visits, grouped).membership
    clock = frame[frame["last_visit_at"].isna() & frame["last_purchase_at"].isna()]
    wait = (clock["visit_risk_date"] - clock["signed_up_at"]).dt.days
    channel = members.set_index("customer_id")["channel"].reindex(clock["customer_id"])
    by_channel = wait.groupby(channel.to_numpy()).agg(["min", "max"])
    assert (by_channel["min"] == by_channel["max"]).all()
    others = by_channel.drop(index=groups[1])["max"]
    assert by_channel.loc[groups[1], "min"] > 2 * others.max()


def _stationary_alarms(n_runs: int, n_members: int, level: float) -> float:
    """Shops with constant inflow: after burn-in nothing changes, so every alarm is false."""
    alarms = 0
    for seed in range(n_runs):
        config = ShopConfig(n_members=n_members, days=560)
        shop = simulate_shop(config, np.random.default_rng(seed))
        days = [pd.Timestamp(shop.as_of) - pd.Timedelta(days=28 * i) for i in range(6)]
        snapshots = [snapshot_of(shop, str(day.date()), n_draws=3) for day in reversed(days)]
        verdict = leak_verdict(snapshots, level)
        assert verdict.alert is not None, verdict.reason
        alarms += verdict.alert.alert
    return alarms / n_runs


@pytest.mark.parametrize(
    ("n_runs", "n_members"), [(6, 400), pytest.param(100, 800, marks=pytest.mark.slow)]
)
def test_p10_false_alarms_on_stationary_shops_are_at_most_nominal(
    n_runs: int, n_members: int
) -> None:
    level = 0.1
    rate = _stationary_alarms(n_runs, n_members, level)
    assert rate <= level + 2 * np.sqrt(level * (1 - level) / n_runs)


def test_p10_a_real_leak_in_a_shop_is_found() -> None:
    """Half of the core's customers lose their later purchases and visits: the alarm rings."""
    config = ShopConfig(n_members=1500, days=560)
    shop = simulate_shop(config, np.random.default_rng(3))
    last = pd.Timestamp(shop.as_of)
    cut = last - pd.Timedelta(days=80)
    core = snapshot_of(shop, str(cut.date())).membership
    core = core.loc[core["segment_code"].isin(CORE_CODES), "customer_id"]
    hit = set(core.iloc[::2])

    def without(events: pd.DataFrame) -> pd.DataFrame:
        return events[~(events["customer_id"].isin(hit) & (events["event_at"] >= cut))]

    leaky = Shop(**{**shop.__dict__, "purchases": without(shop.purchases),
                    "visits": without(shop.visits)})  # fmt: skip
    days = [last - pd.Timedelta(days=84 * i) for i in range(5)]
    history = leak_history([snapshot_of(leaky, str(d.date()), n_draws=3) for d in reversed(days)])
    assert leak_alert(history).alert


THETA = (1.1, 25.0, 1.2, 4.0)


def _first_risk_share(
    draws: PopulationDraws | None, seed: int, n: int
) -> tuple[float, float, float]:
    """Share, q05 and q95 of the first purchasers at risk in a fresh sample of a known shop."""
    rng = np.random.default_rng(seed)
    log = simulate_btyd("mbg_nbd", THETA, n, 300, rng)
    summary = slow_summary(log.purchases, str(log.as_of))
    if draws is None:
        ready = log_from_frames({"purchases": log.purchases}, time_zone="UTC", as_of=log.as_of)
        draws = fit_population(summarise(ready).cells, model="mbg_nbd", draws=100, seed=1).draws
    members = pd.DataFrame({"customer_id": [], "signed_up_at": pd.to_datetime([])})
    config = SegmentsConfig(draws=100, replicates=400)
    grid = take_snapshot(members, summary, Axis(draws, RiskConfig(), (0.5,)), config=config)
    table = shares_table(grid, config, rng)
    row = table[table["segment_code"] == "first_risk"].iloc[0]
    return float(row["share"]), float(row["share_q05"]), float(row["share_q95"])


@pytest.mark.parametrize("n_runs", [8, pytest.param(150, marks=pytest.mark.slow)])
def test_p7_intervals_with_a_fit_cover_the_share_under_the_true_parameters(n_runs: int) -> None:
    """Customers and parameters are both uncertain: the 90% interval answers for both.

    Truth: the share in 40,000 customers scored by the parameters themselves. Fewer hits than the
    1-in-1,000 quantile of a binomial with 90% are a failure; too wide is no failure, only stated.
    """
    exact = PopulationDraws("mbg_nbd", 1, np.array(THETA).reshape(1, 1, 4).repeat(2, axis=0))
    truth, _, _ = _first_risk_share(exact, 999, 40_000)
    hits = 0
    for seed in range(n_runs):
        _, low, high = _first_risk_share(None, seed, 500)
        hits += low <= truth <= high
    print(f"coverage {hits / n_runs:.2f} of {n_runs}")
    assert hits >= binom.ppf(0.001, n_runs, 0.9)


def test_p12_churn_bands_are_calibrated_out_of_time() -> None:
    """Bands at day 300; outcomes in each customer's own window afterwards."""
    rng = np.random.default_rng(5)
    simulated = simulate_btyd("mbg_nbd", (1.1, 25.0, 1.2, 4.0), 6000, 500, rng, inflow_days=280)
    log = log_from_frames({"purchases": simulated.purchases}, time_zone="UTC", as_of="2025-05-14")
    summary = summarise(log, "2024-10-27")
    theta = maximum_likelihood(summary.cells, "mbg_nbd").theta
    draws = draws_around(tuple(theta), spread=0.01)
    customers = customers_table(summary, draws, RiskConfig(basis="personal_cycles"))
    bands = churn_bands(customers)
    assert len(bands) == (customers["x"] >= 1).sum() > 2000
    table = bands.merge(customers[["customer_id", "horizon_days"]], on="customer_id")
    later = simulated.purchases[simulated.purchases["event_at"] > "2024-10-27"]
    after = (later.groupby("customer_id")["event_at"].min() - pd.Timestamp("2024-10-27")).dt.days
    wait = after.reindex(table["customer_id"]).to_numpy()
    returned = wait <= table["horizon_days"].to_numpy()
    found = band_calibration(table["churn_rate"], returned)
    assert (found["n"] > 50).sum() >= 3
    near = found[found["n"] > 50]
    # 99% of a binomial share around the forecast
    room = 2.6 * np.sqrt(near["forecast"] * (1 - near["forecast"]) / near["n"])
    assert ((near["forecast"] - near["observed"]).abs() <= room + 0.02).all()
