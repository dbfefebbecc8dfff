"""The simulated shop: its logs fit together and tell the story that its truth states."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import UsageError
from churnlab.simulate import Shop, ShopConfig, simulate_shop


@pytest.fixture(scope="module", params=[True, False], ids=["visits_lead", "visits_apart"])
def shop(request: pytest.FixtureRequest) -> Shop:
    config = ShopConfig(n_members=8000, visits_lead=request.param)
    return simulate_shop(config, np.random.default_rng(11))


@pytest.fixture(scope="module")
def leading() -> Shop:
    return simulate_shop(ShopConfig(n_members=4000), np.random.default_rng(12))


def test_reproducible_and_seeded() -> None:
    config = ShopConfig(n_members=300)
    one, two = (simulate_shop(config, np.random.default_rng(1)) for _ in range(2))
    for name in ("members", "visits", "purchases", "treatments", "items", "truth"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name))
    three = simulate_shop(config, np.random.default_rng(2))
    assert not one.purchases.equals(three.purchases)


def test_logs_fit_together(shop: Shop) -> None:
    signup = shop.members.set_index("customer_id")["signed_up_at"]
    last = pd.Timestamp(shop.as_of) + pd.Timedelta(days=1)
    for frame in (shop.purchases, shop.visits, shop.treatments):
        assert (frame["event_at"] < last).all()
        assert frame["customer_id"].isin(signup.index).all()
        assert (frame["event_at"].to_numpy() >= signup[frame["customer_id"]].to_numpy()).all()
    assert shop.members["customer_id"].is_unique
    assert set(shop.visits["event"]) == {"view", "cart"}
    assert set(shop.purchases["item"]) <= set(shop.items["item"])
    assert (shop.purchases["amount"] > 0).all()
    assert set(shop.members["lead_type"]) == {
        "information_seeker", "social_media", "acquaintance", "high_involvement"
    }  # fmt: skip


def test_truth_agrees_with_the_logs(shop: Shop) -> None:
    truth = shop.truth.set_index("customer_id")
    days = shop.purchases["event_at"].dt.normalize()
    first = days.groupby(shop.purchases["customer_id"]).min()
    assert (truth["first_purchase_at"].dropna() == first.reindex(truth.index).dropna()).all()
    assert set(truth.index[truth["first_purchase_at"].notna()]) == set(first.index)
    last = days.groupby(shop.purchases["customer_id"]).max()
    ended = truth["purchases_ended_at"].dropna()
    assert (last[ended.index] <= ended).all()
    assert len(ended) > 300


def test_experiment_is_randomised_among_non_buyers_and_recovers_the_uplift(shop: Shop) -> None:
    config = shop.config
    treatments = shop.treatments.merge(shop.members, on="customer_id")
    signup = treatments["signed_up_at"].dt.normalize()
    n_day = pd.Timedelta(days=config.experiment_day)
    assert (treatments["event_at"].dt.normalize() == signup + n_day).all()
    first = shop.purchases.groupby("customer_id")["event_at"].min()
    bought = first.reindex(treatments["customer_id"]).dt.normalize().to_numpy() - signup.to_numpy()
    days = pd.Series(bought).dt.days
    assert not (days < config.experiment_day).any()
    window = config.experiment_day + config.response_window_days
    followed = ((pd.Timestamp(shop.as_of) - signup).dt.days >= window).to_numpy()
    converted = (days <= window).to_numpy()[followed]
    treated = (treatments["arm"] == "treat").to_numpy()[followed]
    shares = [converted[treated].mean(), converted[~treated].mean()]
    error = np.sqrt(sum(s * (1 - s) / n for s, n in zip(
        shares, [treated.sum(), (~treated).sum()], strict=True)))  # fmt: skip
    assert treated.mean() == pytest.approx(1 - config.holdout_share, abs=0.04)
    assert shares[0] - shares[1] == pytest.approx(shop.uplift, abs=3 * error)
    assert shares[0] - shares[1] > 2 * error


def test_conversion_has_an_atom_on_day_0_and_a_plateau_near_day_10(shop: Shop) -> None:
    day = shop.truth["organic_conversion_day"]
    signups = len(day)
    assert (day == 0).sum() / signups > 0.05
    early = (day.between(1, 9)).sum() / 9
    late = (day.between(10, 59)).sum() / 50
    assert late < early / 20
    assert 0.25 < day.notna().mean() < 0.5


def test_visits_lead_means_that_repeat_purchases_are_thinned_visits(leading: Shop) -> None:
    seen = set(leading.visits["customer_id"])
    visits = set(zip(leading.visits["customer_id"], leading.visits["event_at"].dt.normalize(),
                     strict=True))  # fmt: skip
    purchases = leading.purchases[leading.purchases["customer_id"].isin(seen)]
    keys = set(zip(purchases["customer_id"], purchases["event_at"].dt.normalize(), strict=True))
    assert keys <= visits
    assert len(keys) > 1000


def test_visits_apart_means_that_the_two_ends_are_independent() -> None:
    shop = simulate_shop(
        ShopConfig(n_members=20_000, visits_lead=False, response=0.0), np.random.default_rng(2)
    )
    truth = shop.truth[shop.truth["first_purchase_at"].between("2024-01-01", "2024-06-30")]
    phi = np.corrcoef(truth["visits_alive"], truth["purchases_alive"])[0, 1]
    assert abs(phi) < 4 / np.sqrt(len(truth)) + 0.02  # both fall a little with age
    lead = simulate_shop(ShopConfig(n_members=20_000, response=0.0), np.random.default_rng(2))
    truth = lead.truth[lead.truth["first_purchase_at"].between("2024-01-01", "2024-06-30")]
    assert np.corrcoef(truth["visits_alive"], truth["purchases_alive"])[0, 1] > 0.4


def test_some_members_are_unseen_and_their_purchases_remain(shop: Shop) -> None:
    unseen = set(shop.members["customer_id"]) - set(shop.visits["customer_id"])
    assert len(unseen) == pytest.approx(0.03 * len(shop.members), rel=0.4)
    assert len(unseen & set(shop.purchases["customer_id"])) > 10


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_members": 0}, "n_members must be 1 or greater, a whole number; got 0"),
        ({"n_members": "a"}, "n_members must be 1 or greater, a whole number; got 'a'"),
        ({"response": 1.5}, r"response must lie in \[0, 1\]; got 1.5"),
        ({"visit_rate_mean": 0.0}, "visit_rate_mean must be positive"),
        ({"start": "soon"}, "start must be a date such as 2024-01-01; got 'soon'"),
        ({"same_day_share": 0.7, "late_share": 0.6}, "must not exceed 1"),
        ({"purchase_dropout_mean": 1.0}, "between 0 and 1"),
        ({"plateau_day": 60}, "below 60"),
        ({"n_items": 4, "n_categories": 5}, "must not exceed n_items"),
        ({"message_cost": -1.0}, "must not be negative"),
    ],
)
def test_configuration_refuses_impossible_values(change: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ShopConfig(**change)
