"""The playbook (P11), its audiences (P12, P13, P15) and the win-back table (P16)."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import UsageError
from churnlab.segments import (
    AudienceConfig,
    AudienceData,
    Playbook,
    Snapshot,
    WinbackConfig,
    all_audiences,
    audience_frame,
    default_playbook,
    load_playbook,
)
from churnlab.segments.actions.audiences import Audience, audience
from churnlab.segments.actions.bands import band_calibration, churn_bands
from churnlab.segments.actions.plan import campaign_plan
from churnlab.segments.actions.winback import break_even_table, message_value, worth_once_back
from churnlab.simulate import Shop
from churnlab.vocabulary import ALL_CODES, SEGMENT_CODES

AS_OF = dt.date(2024, 12, 31)
CONFIG = AudienceConfig()


def test_p11_every_cell_has_an_action_in_both_languages() -> None:
    playbook = default_playbook()
    for code in ALL_CODES:
        actions = playbook.for_cell(code)
        assert actions, code
        for action in actions:
            assert action.channel
            assert action.incentive
            assert action.cooldown_days > 0
            assert action.text("ko") != action.text("en")
    # the message classes follow the channels: alimtalk is for information only
    assert {a.message_class for a in playbook.actions if a.channel == "alimtalk"} == {
        "informational"
    }


@pytest.mark.parametrize("code", SEGMENT_CODES)
def test_p11_a_cell_without_an_action_is_an_error(code: str) -> None:
    actions = tuple(
        replace(a, cells=tuple(c for c in a.cells if c != code)) for a in default_playbook().actions
    )
    with pytest.raises(UsageError, match=f"has no action for {code}; every cell needs one"):
        Playbook(actions)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cells": ("core",)}, "names the cell 'core', which does not exist"),
        ({"audience": "carts"}, "Did you mean 'cart'"),
        ({"message_class": "spam"}, "must be one of promotional, informational; got 'spam'"),
        ({"cooldown_days": -1}, "a cooldown of at least 0 days"),
    ],
)
def test_p11_wrong_actions_are_refused(change: dict, words: str) -> None:
    first, *others = default_playbook().actions
    with pytest.raises(UsageError, match=words):
        Playbook((replace(first, **change), *others))


def test_unknown_ids_and_files_are_refused(tmp_path: Path) -> None:
    playbook = default_playbook()
    with pytest.raises(UsageError, match="Did you mean 'core_keep'"):
        playbook.action("core_kep")
    with pytest.raises(UsageError, match="is not a segment"):
        playbook.for_cell("core")
    with pytest.raises(UsageError, match="core_keep occur twice"):
        Playbook((*playbook.actions, playbook.action("core_keep")))
    with pytest.raises(UsageError, match="cannot be read"):
        load_playbook(tmp_path / "none.json")
    path = tmp_path / "playbook.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="is not JSON"):
        load_playbook(path)
    path.write_text(json.dumps({"actions": [{"action_id": "a"}]}), encoding="utf-8")
    with pytest.raises(UsageError, match=r"Action 1 of .* is not complete"):
        load_playbook(path)


def test_exported_actions_have_the_contracts_columns() -> None:
    frame = default_playbook().frame()
    assert list(frame.columns[:6]) == [
        "action_id", "channel", "incentive", "cooldown_days", "message_class", "evidence"
    ]  # fmt: skip
    assert frame["action_id"].is_unique


@pytest.fixture(scope="module")
def customers(december: Snapshot) -> pd.DataFrame:
    """A per-customer table with known due dates: 5 days apart from each other, around today."""
    bought = december.membership.dropna(subset="last_purchase_at").reset_index()
    due = pd.Timestamp(AS_OF) + pd.to_timedelta((np.arange(len(bought)) % 41) - 20, unit="D")
    span = pd.Timedelta(days=10)
    x = np.where(bought["purchase_state"].str.startswith("repeat"), 2.0, 0.0)
    risk = np.linspace(0.01, 0.99, len(bought))
    return pd.DataFrame(
        {
            "customer_id": bought["customer_id"], "x": x, "due_date": due, "due_q10": due - span,
            "due_q90": due + span, "risk_personal_cycles": risk, "risk_fixed_days": risk,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def data(shop: Shop, december: Snapshot, customers: pd.DataFrame) -> AudienceData:
    return AudienceData(
        AS_OF, december.membership, customers, shop.members, shop.visits, shop.purchases,
        churn_bands(customers),
    )  # fmt: skip


def test_every_action_has_an_audience_from_its_own_cells(data: AudienceData) -> None:
    found = all_audiences(default_playbook(), data, CONFIG)
    codes = data.membership.set_index("customer_id")["segment_code"]
    for action, one in zip(default_playbook().actions, found, strict=True):
        assert list(one.frame.columns[:3]) == ["customer_id", "action_id", "segment_code"]
        assert one.frame["customer_id"].is_unique
        assert codes[one.frame["customer_id"]].isin(action.cells).all()
        assert (len(one.frame) == 0) == (one.reason is not None)
    sizes = audience_frame(found).set_index("action_id")["n"]
    core = data.membership["segment_code"].isin(default_playbook().action("core_keep").cells)
    assert sizes["core_keep"] == core.sum()
    assert (sizes > 0).sum() >= 15


def test_p13_reminders_go_out_before_the_due_date(data: AudienceData) -> None:
    one = audience(default_playbook().action("repeat_cycle_reminder"), data, CONFIG)
    wait = (one.frame["send_date"] - pd.Timestamp(AS_OF)).dt.days
    assert wait.between(1, CONFIG.due_within_days).all()
    assert ((one.frame["due_date"] - one.frame["send_date"]).dt.days == 3).all()
    cells = default_playbook().action("repeat_cycle_reminder").cells
    expected = data.membership[data.membership["segment_code"].isin(cells)].merge(
        data.customers, on="customer_id")  # fmt: skip
    days = (expected["due_date"] - pd.Timestamp(AS_OF)).dt.days
    assert len(one.frame) == days.between(4, 10).sum() > 0
    without = audience(default_playbook().action("repeat_cycle_reminder"),
                       replace(data, customers=None), CONFIG)  # fmt: skip
    assert "no per-customer table" in str(without.reason)


def test_p15_coupon_expiry_within_d_days(data: AudienceData, shop: Shop) -> None:
    action = default_playbook().action("signup_coupon_expiry")
    one = audience(action, data, CONFIG)
    assert len(one.frame) > 3
    assert (one.frame["segment_code"] == "none.visit_active").all()
    left = (one.frame["coupon_expires_at"].dt.normalize() - pd.Timestamp(AS_OF)).dt.days
    assert left.between(1, 7).all()
    assert left.max() == 7
    everyone = data.membership[data.membership["segment_code"] == "none.visit_active"].merge(
        shop.members[["customer_id", "coupon_expires_at"]], on="customer_id")  # fmt: skip
    days = (everyone["coupon_expires_at"].dt.normalize() - pd.Timestamp(AS_OF)).dt.days
    assert len(one.frame) == days.between(1, 7).sum()


def test_p15_without_a_coupon_column_it_is_empty_with_the_reason(data: AudienceData) -> None:
    action = default_playbook().action("signup_coupon_expiry")
    plain = replace(data, members=data.members.drop(columns="coupon_expires_at"))
    for case in (plain, replace(data, members=None)):
        one = audience(action, case, CONFIG)
        assert len(one.frame) == 0
        assert "no column coupon_expires_at" in str(one.reason)


def test_j5_a_journey_s_next_goods_go_out_on_the_day_its_window_closes(data: AudienceData) -> None:
    membership = pd.DataFrame(
        {"customer_id": ["a", "b", "n"],
         "segment_code": ["repeat_risk.visit_risk", "first_active.visit_unknown",
                          "none.visit_active"]}
    )  # fmt: skip
    closes = ["2025-01-05 09:00", "2025-01-03 18:30", "2025-01-03 07:00", "2025-01-03 08:00",
              "2025-01-01", "2025-01-02"]  # fmt: skip
    open_ = pd.DataFrame(
        {"customer_id": list("aaaabn"), "target_item": list("WXYXZV"),
         "window_closes_at": pd.to_datetime(closes, format="ISO8601")}
    )  # fmt: skip
    action = default_playbook().action("journey_next_step")
    at_work = replace(data, membership=membership, journeys=open_)
    found = audience(action, at_work, CONFIG).frame.set_index("customer_id")
    assert found["items"].to_dict() == {"a": "X,Y", "b": "Z"}
    assert found["send_date"].to_dict() == {
        "a": pd.Timestamp("2025-01-03"), "b": pd.Timestamp("2025-01-01")}  # fmt: skip
    none = audience(action, replace(at_work, journeys=None), CONFIG)
    assert len(none.frame) == 0
    assert "`churnlab pipeline` studies them" in str(none.reason)
    plan = campaign_plan(default_playbook(), [Audience("journey_next_step", found.reset_index())],
                         AS_OF, holdout_share=0.0)  # fmt: skip
    assert plan["send_date"].tolist() == sorted(found["send_date"], reverse=True)
    assert plan["items"].tolist() == ["X,Y", "Z"]


def test_carts_left_behind_hold_nothing_bought_since(data: AudienceData) -> None:
    day = pd.Timestamp("2024-12-20 10:00")
    later = day + pd.Timedelta(days=2)
    membership = pd.DataFrame(
        {"customer_id": ["a", "b", "c", "d"], "segment_code": ["none.visit_active"] * 4}
    )
    visits = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "c", "d"],
            "event_at": [day, later, day, day - pd.Timedelta(days=30), pd.Timestamp("2025-01-01")],
            "event": ["cart"] * 5,
            "item": ["i1", "i2", "i3", "i4", "i5"],
        }
    )
    purchases = pd.DataFrame(
        {"customer_id": ["a", "b"], "event_at": [later, day - pd.Timedelta(days=1)],
         "item": ["i1", "i3"]}
    )  # fmt: skip
    case = AudienceData(AS_OF, membership, visits=visits, purchases=purchases)
    one = audience(default_playbook().action("cart_left_coupon"), case, CONFIG)
    # a bought i1 but left i2; b bought i3 before carting it; c is too long ago; d is in the future
    assert dict(zip(one.frame["customer_id"], one.frame["items"], strict=True)) == {
        "a": "i2", "b": "i3"
    }  # fmt: skip
    for visits_, words in ((visits.drop(columns="event"), "visits lack event"),
                           (None, "there is no visit log")):  # fmt: skip
        none = audience(default_playbook().action("cart_left_coupon"),
                        replace(case, visits=visits_), CONFIG)  # fmt: skip
        assert len(none.frame) == 0
        assert words in str(none.reason)


def test_p12_bands_hold_repeat_customers_and_are_calibrated_out_of_time(
    customers: pd.DataFrame,
) -> None:
    bands = churn_bands(customers)
    assert set(bands["customer_id"]) == set(customers.loc[customers["x"] >= 1, "customer_id"])
    edge = churn_bands(customers.assign(risk_personal_cycles=0.25))
    assert set(edge["churn_band"]) == {"25-50%"}  # an edge belongs to the band above it
    low = bands["churn_rate"] < 0.25
    assert ((bands["churn_band"] == "0-25%") == low).all()
    with pytest.raises(UsageError, match=r"windowed basis.*got 'p_alive'"):
        churn_bands(customers, basis="p_alive")
    with pytest.raises(UsageError, match="must increase inside"):
        churn_bands(customers, edges=(0.5, 0.5))


def test_p12_calibration_shows_honest_and_dishonest_forecasts() -> None:
    rng = np.random.default_rng(3)
    truth = rng.random(4000)
    returned = rng.random(4000) >= truth
    honest = band_calibration(truth, returned)
    assert honest["n"].sum() == 4000
    assert (honest["forecast"] - honest["observed"]).abs().max() < 0.05
    wide = honest["observed"].between(honest["observed_q05"], honest["observed_q95"])
    assert wide.all()
    shy = band_calibration(truth / 2, returned).iloc[0]
    assert shy["observed_q05"] > shy["forecast"]


def test_p16_with_zero_uplift_a_message_never_gains() -> None:
    for cost, organic, redemption in ((20.0, 0.3, 1.0), (0.0, 0.3, 1.0), (20.0, 0.0, 0.0)):
        assert message_value(0.0, organic, 30_000.0, 5_000.0, cost, redemption) < 0
    assert message_value(0.0, 0.0, 30_000.0, 5_000.0, 0.0, 1.0) == 0
    assert message_value(0.0, 0.5, 30_000.0, 5_000.0, 0.0, 0.0) == 0


def test_p16_value_is_zero_at_the_break_even_uplift() -> None:
    config = WinbackConfig(margin=[8000.0, 10000.0, 40000.0])
    table = break_even_table([0.05, 0.3, 0.8], config)
    assert len(table) == 3 * 3 * 3
    finite = table[np.isfinite(table["break_even_uplift"])]
    value = message_value(
        finite["break_even_uplift"].to_numpy(), finite["return_probability"].to_numpy(),
        finite["margin"].to_numpy(), finite["incentive_cost"].to_numpy(),
        config.message_cost, config.redemption_share,
    )  # fmt: skip
    assert value == pytest.approx(0.0, abs=1e-9)
    assert (table["value_at_0"] < 0).all()
    eaten = table["margin"] <= table["incentive_cost"]
    assert eaten.sum() == 3 * 2
    assert np.isinf(table.loc[eaten, "break_even_uplift"]).all()
    assert not table.loc[eaten, "possible"].any()
    assert (table["possible"] == (table["break_even_uplift"] <= 1 - table["return_probability"])
            ).all()  # fmt: skip


def test_p16_residual_values_add_rows_and_leave_the_old_ones() -> None:
    config = WinbackConfig()
    plain = break_even_table([0.05, 0.3], config)
    table = break_even_table([0.05, 0.3], config, [50_000.0, 4_000.0])
    pd.testing.assert_frame_equal(table[table["worth"] == "margin"], plain)
    more = table[table["worth"] == "residual_value"]
    # each block of return chances has its own worth, at every cost
    assert len(more) == 2 * len(config.incentive_cost)
    assert set(zip(more["return_probability"], more["margin"], strict=True)) == {
        (0.05, 50_000.0), (0.3, 4_000.0),
    }  # fmt: skip
    assert (more["value_at_0"] < 0).all()
    with pytest.raises(UsageError, match="one non-negative amount per return_probability"):
        break_even_table([0.05, 0.3], config, [1.0])


def test_p16_zero_uplift_is_zero_only_without_cost_and_redemption() -> None:
    free = WinbackConfig(message_cost=0.0, redemption_share=0.0)
    table = break_even_table([0.05, 0.3], free, [50_000.0, 4_000.0])
    assert (table["value_at_0"] == 0).all()


def test_worth_once_back_is_per_returning_customer() -> None:
    customers = pd.DataFrame(
        # values 0.1 x 1000, 0.5 x 200, and one who never returns
        {
            "residual_value": [100.0, 100.0, 0.0],
            "residual_value_if_returns": [1000.0, 200.0, np.nan],
        }
    )
    worth = worth_once_back(customers, pd.Series(["a", "a", "b"]))
    assert worth["a"] == pytest.approx(200.0 / 0.6)
    assert worth["b"] == 0.0


def test_p16_impossible_money_is_refused() -> None:
    with pytest.raises(UsageError, match=r"winback\.margin must be non-negative"):
        WinbackConfig(margin=[-1.0])
    with pytest.raises(UsageError, match="must be probabilities"):
        break_even_table([1.2], WinbackConfig())
