"""The simulator against what its processes imply without any model formula of churnlab."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import UsageError
from churnlab.simulate import simulate_btyd
from churnlab.simulate.processes import dropout_after_event, until_death

MODELS_4 = ("bg_nbd", "mbg_nbd", "pareto_nbd", "bg_cnbd_k", "mbg_cnbd_k")
THETA = (0.6, 30.0, 0.8, 2.0)


def _counts(events: object, n: int) -> np.ndarray:
    return np.bincount(events.customer, minlength=n)  # type: ignore[attr-defined]


@pytest.mark.parametrize("model", MODELS_4)
def test_same_seed_same_log_and_another_seed_another(model: str) -> None:
    first = simulate_btyd(model, THETA, 200, 300, np.random.default_rng(3))
    again = simulate_btyd(model, THETA, 200, 300, np.random.default_rng(3))
    other = simulate_btyd(model, THETA, 200, 300, np.random.default_rng(4))
    pd.testing.assert_frame_equal(first.purchases, again.purchases)
    pd.testing.assert_frame_equal(first.truth, again.truth)
    assert not first.purchases.equals(other.purchases)


@pytest.mark.parametrize("model", MODELS_4)
def test_log_is_on_the_day_grid_and_agrees_with_its_truth(model: str) -> None:
    log = simulate_btyd(model, THETA, 500, 250, np.random.default_rng(5), inflow_days=100)
    purchases = log.purchases
    assert not purchases.duplicated().any()
    assert (purchases["event_at"] == purchases["event_at"].dt.normalize()).all()
    assert purchases["event_at"].max() <= pd.Timestamp(log.as_of)
    first = purchases.groupby("customer_id")["event_at"].min()
    truth = log.truth.set_index("customer_id")
    assert (first == truth["first_purchase_at"].reindex(first.index)).all()
    assert len(first) == 500
    assert first.max() < pd.Timestamp("2024-01-01") + pd.Timedelta(days=100)
    last = purchases.groupby("customer_id")["event_at"].max()
    ended = truth["ended_at"].dropna()
    assert (last.reindex(ended.index) <= ended).all()
    assert (truth["ended_at"].isna() == truth["alive"]).all()


def test_number_of_purchases_before_dropout_is_geometric() -> None:
    """MBG tosses at the first purchase: 1/p purchases in the mean; BG one more."""
    n, p = 40_000, 0.25
    rate, dropout, window = np.full(n, 1.0), np.full(n, p), np.full(n, 1e9)
    rng = np.random.default_rng(7)
    mbg = _counts(dropout_after_event(rate, dropout, window, rng), n)
    bg = _counts(dropout_after_event(rate, dropout, window, rng, toss_at_start=False), n)
    error = np.sqrt((1 - p) / p**2 / n)
    assert mbg.mean() == pytest.approx(1 / p, abs=4 * error)
    assert bg.mean() == pytest.approx(1 / p + 1, abs=4 * error)
    assert (mbg == 1).mean() == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / n))
    assert (bg == 1).sum() == 0


def test_erlang_gaps_have_mean_k_over_rate_and_less_spread() -> None:
    n, k = 2_000, 3
    never = np.zeros(n)
    rng = np.random.default_rng(8)
    events = dropout_after_event(np.full(n, 0.3), never, np.full(n, 400.0), rng, k=k)
    gaps = np.diff(events.time)[np.diff(events.customer) == 0]
    assert gaps.mean() == pytest.approx(k / 0.3, rel=0.02)  # 80,000 gaps; censoring shortens a bit
    assert gaps.std() / gaps.mean() == pytest.approx(k**-0.5, rel=0.02)


def test_pareto_lifetimes_are_exponential_and_silence_follows() -> None:
    n = 40_000
    rng = np.random.default_rng(9)
    events = until_death(np.full(n, 0.5), rng.exponential(10.0, n), np.full(n, 20.0), rng)
    assert np.isinf(events.ended).mean() == pytest.approx(np.exp(-2.0), abs=4 * 0.0017)
    last = np.zeros(n)
    np.maximum.at(last, events.customer, events.time)
    assert (last <= events.ended).all()


def test_purchase_days_per_day_is_what_the_day_grid_shows() -> None:
    """A heavy buyer's events coincide on days: the log shows 1 - exp(-rate), not rate."""
    log = simulate_btyd(
        "mbg_nbd",
        (400.0, 400.0, 1e-6, 1e3),
        200,
        400,
        np.random.default_rng(1),
        first_days=[0] * 200,
    )
    shown = log.purchases.groupby("customer_id").size().to_numpy().mean() / 400
    assert shown == pytest.approx(log.truth["purchase_days_per_day"].mean(), abs=0.005)
    assert shown < 0.7  # the rate is 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "mbg_nbdd"}, "Did you mean 'mbg_nbd'"),
        ({"theta": (1.0, 2.0, -1.0, 1.0)}, "4 positive numbers"),
        ({"n_customers": 0}, "n_customers must be at least 1"),
    ],
)
def test_refusals_name_the_value(change: dict, words: str) -> None:
    values = {"model": "mbg_nbd", "theta": THETA, "n_customers": 5, "days": 10} | change
    with pytest.raises(UsageError, match=words):
        simulate_btyd(**values, rng=np.random.default_rng(1))


def test_a_daily_rate_stretches_time_for_purchases_and_dropout_alike() -> None:
    days, rate = 400, np.where(np.arange(400) < 200, 0.4, 1.6)
    flat = simulate_btyd("pareto_nbd", THETA, 4000, days, np.random.default_rng(7), inflow_days=1)
    season = simulate_btyd(
        "pareto_nbd", THETA, 4000, days, np.random.default_rng(7), inflow_days=1, daily_rate=rate
    )
    start = pd.Timestamp("2024-01-01")
    day = (season.purchases["event_at"] - start).dt.days.to_numpy()
    first_half = int((day < 200).sum()) - 4000
    # the clock passes 80 of its 400 days in the first half: what the flat log has by day 80
    expected = int(((flat.purchases["event_at"] - start).dt.days < 80).sum()) - 4000
    # several on a day count once, more often so where 80 days hold what 200 did: about 2%
    assert first_half == pytest.approx(expected, rel=0.06)
    dead = (season.truth["ended_at"] < start + pd.Timedelta(days=200)).sum()
    assert dead == pytest.approx(
        (flat.truth["ended_at"] < start + pd.Timedelta(days=80)).sum(), rel=0.03
    )


def test_a_daily_rate_must_be_positive_and_have_every_day() -> None:
    for bad in (np.ones(9), np.zeros(10), np.full(10, np.nan)):
        with pytest.raises(UsageError, match="10 positive numbers"):
            simulate_btyd("mbg_nbd", THETA, 5, 10, np.random.default_rng(1), daily_rate=bad)
