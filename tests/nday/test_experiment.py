"""L11: intention to treat, sample-ratio mismatch, delayed conversions, refusals."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import DataError
from churnlab.nday.data import convert
from churnlab.nday.decide.experiment import read_experiment, sample_ratio_p
from churnlab.simulate import ShopConfig, simulate_shop

START = pd.Timestamp("2026-01-01")


def trial(
    rng,
    *,
    size=3000,
    organic=0.08,
    uplift=0.06,
    share=0.2,
    days=60,
    ns=(10,),
    as_of=None,
    biased=0.0,
):
    """Members without a purchase through day N - 1, randomised on day N; buys within 20 days."""
    signup = rng.integers(0, days, size)
    n = rng.choice(ns, size)
    kind = rng.random(size) < 0.5
    held = rng.random(size) < share + biased * np.where(kind, 1, -1)
    lift = np.asarray(uplift)[np.searchsorted(ns, n)] if np.ndim(uplift) else uplift
    buys = rng.random(size) < organic + np.where(held, 0.0, lift)
    bought = signup + n + rng.integers(0, 15, size)
    ids = np.array([f"m{i:05d}" for i in range(size)])
    date = START + pd.to_timedelta(signup, unit="D")
    members = pd.DataFrame(
        {"customer_id": ids, "signed_up_at": date, "kind": np.where(kind, "x", "y")}
    )
    purchases = pd.DataFrame(
        {"customer_id": ids, "event_at": START + pd.to_timedelta(bought, unit="D")}
    )[buys]
    log = pd.DataFrame(
        {
            "customer_id": ids,
            "event_at": date + pd.to_timedelta(n, unit="D"),
            "arm": np.where(held, "holdout", "treat"),
        }
    )
    end = as_of or (START + pd.Timedelta(days=days + 40)).date()
    return members, purchases, log, end


def read(members, purchases, log, end, *, share=0.2, by=None, last_age=30, **kw):
    found = convert(members, purchases, as_of=end, by=by)
    return read_experiment(
        log, found, last_age=last_age, holdout_share=share, rng=np.random.default_rng(1), **kw
    )


def test_l11_known_uplift_is_recovered():
    found = read(*trial(np.random.default_rng(0), size=8000))
    row = found.table[found.table["n"].isna()].iloc[0]
    assert row["uplift_q05"] < 0.06 < row["uplift_q95"]
    assert row["p_positive"] > 0.99
    assert row["srm_p"] > 0.001
    assert found.balance_p > 0.001
    assert found.table["n"].dropna().tolist() == [10]


def test_l11_uplift_per_n_and_day_index():
    made = trial(np.random.default_rng(1), size=20_000, ns=(5, 10), uplift=(0.12, 0.02))
    found = read(*made, day_index=1, last_age=30)
    effect = found.table.dropna(subset="n").set_index("n")["uplift"]
    assert effect.index.tolist() == [6, 11]
    assert effect[6] == pytest.approx(0.12, abs=0.03)
    assert effect[11] == pytest.approx(0.02, abs=0.03)


@pytest.mark.parametrize("runs", [30, pytest.param(400, marks=pytest.mark.slow)])
def test_l11_interval_covers(runs):
    rng = np.random.default_rng(2)
    hits, refused = 0, 0
    for _ in range(runs):
        try:
            row = read(*trial(rng, size=1200)).table.iloc[0]
        except DataError:  # the sample-ratio check cries wolf in one trial of a thousand
            refused += 1
            continue
        hits += row["uplift_q05"] <= 0.06 <= row["uplift_q95"]
    assert refused <= 4
    # 90% with three standard errors of the simulation.
    kept = runs - refused
    assert abs(hits / kept - 0.9) < 3 * np.sqrt(0.09 / kept)


def test_delayed_conversions_are_censored_not_lost():
    """Stopped early, the naive difference is too small; the censored one is not."""
    rng = np.random.default_rng(3)
    members, purchases, log, _ = trial(rng, size=30_000, days=30)
    early = (START + pd.Timedelta(days=36)).date()
    found = read(members, purchases, log, early)
    row = found.table[found.table["n"].isna()].iloc[0]
    naive = row["converted_treat"] / row["n_treat"] - row["converted_holdout"] / row["n_holdout"]
    assert row["censored"] > 0
    assert naive < 0.053
    assert row["uplift_q05"] < 0.06 < row["uplift_q95"]
    assert row["uplift"] == pytest.approx(0.06, abs=0.02)


def test_l11_sample_ratio_mismatch_is_an_error_with_its_figure():
    made = trial(np.random.default_rng(4), share=0.3)
    with pytest.raises(DataError, match=r"sample-ratio mismatch.*stated share 0.2, p = "):
        read(*made)
    read(*made, share=0.3)
    assert sample_ratio_p(made[2]["arm"], 0.3) > 0.001


def test_arms_that_differ_beforehand_are_refused_with_the_figure():
    made = trial(np.random.default_rng(5), size=5000, biased=0.08)
    with pytest.raises(DataError, match=r"not assigned at random: they differ in group .*p = "):
        read(*made, by="kind")


def test_the_sample_ratio_check_does_not_cry_wolf():
    rng = np.random.default_rng(6)
    for _ in range(25):
        read(*trial(rng, size=600))


def test_unknown_arm_and_missing_column():
    members, purchases, log, end = trial(np.random.default_rng(7))
    with pytest.raises(DataError, match=r"the arm 'treatment'; expected treat or holdout"):
        read(members, purchases, log.replace({"arm": {"treat": "treatment"}}), end)
    with pytest.raises(DataError, match="no column 'arm'"):
        read(members, purchases, log.drop(columns="arm"), end)
    with pytest.raises(DataError, match="no usable member in the arm holdout"):
        read(members, purchases, log[log["arm"] == "treat"], end)


def test_whoever_bought_before_the_day_of_assignment_is_not_eligible():
    members, purchases, log, end = trial(np.random.default_rng(8))
    early = log["customer_id"].head(100)
    bought = log.head(100)["event_at"] - pd.Timedelta(days=1)
    extra = pd.DataFrame({"customer_id": early, "event_at": bought})
    found = read(members, pd.concat([purchases, extra]), log, end)
    assert found.report["not_eligible"] == 100
    assert found.report["used"] == len(log) - 100
    # Bought on the day itself: an outcome, not a bar.
    same = pd.DataFrame({"customer_id": early, "event_at": log.head(100)["event_at"]})
    assert read(members, pd.concat([purchases, same]), log, end).report["not_eligible"] == 0


def test_second_assignments_are_counted_and_the_first_one_rules():
    members, purchases, log, end = trial(np.random.default_rng(9))
    again = log.head(50).assign(
        event_at=log["event_at"].head(50) + pd.Timedelta(days=3),
        arm=log["arm"].head(50).map({"treat": "holdout", "holdout": "treat"}),
    )
    once = read(members, purchases, log, end)
    twice = read(members, purchases, pd.concat([log, again]), end)
    assert twice.report["repeated"] == 50
    assert twice.report["in_both_arms"] == 50
    pd.testing.assert_frame_equal(once.table, twice.table)


def test_assignments_after_as_of_are_not_looked_at():
    members, purchases, log, _ = trial(np.random.default_rng(10))
    end = (START + pd.Timedelta(days=35)).date()
    found = read(members, purchases, log, end)
    assert found.report["after_as_of"] == (log["event_at"] > pd.Timestamp(end)).sum() > 0


def test_l11_the_simulated_shops_uplift_is_recovered():
    shop = simulate_shop(ShopConfig(n_members=6000, days=400), np.random.default_rng(3))
    found = convert(shop.members, shop.purchases, as_of=shop.as_of)
    trial_read = read_experiment(
        shop.treatments, found, last_age=40, holdout_share=0.2, rng=np.random.default_rng(0)
    )
    row = trial_read.table[trial_read.table["n"].isna()].iloc[0]
    assert row["uplift_q05"] - 0.005 < shop.uplift < row["uplift_q95"] + 0.005
    assert dt.date(2024, 1, 1) < shop.as_of
