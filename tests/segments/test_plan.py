"""The campaign plan: one message a person a day, arms by id, cooldowns, the calendar."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import UsageError
from churnlab.segments import default_playbook
from churnlab.segments.actions.audiences import Audience, AudienceConfig
from churnlab.segments.actions.plan import (
    COLUMNS,
    COOLDOWN,
    OTHER_ACTION,
    campaign_calendar,
    campaign_plan,
)

DAY = dt.date(2024, 6, 30)
TOMORROW = pd.Timestamp("2024-07-01")
BOOK = default_playbook()


def audience(action: str, ids, **more) -> Audience:
    frame = pd.DataFrame({"customer_id": ids, "action_id": action, "segment_code": "none.x"})
    return Audience(action, frame.assign(**more))


def test_one_message_a_person_a_day_occasions_that_pass_first():
    plan = campaign_plan(
        BOOK,
        [
            audience("repeat_core_special", ["a", "b"]),
            audience("core_keep", ["a"]),
            audience("cart_left_coupon", ["a"], items="x,y"),
            audience("repeat_cycle_reminder", ["b"], send_date=pd.Timestamp("2024-07-03")),
        ],
        DAY,
        holdout_share=0.0,
    )
    assert list(plan.columns) == list(COLUMNS)
    of_a = plan[plan["customer_id"] == "a"].set_index("action_id")
    assert of_a.index[0] == "cart_left_coupon"
    assert of_a["suppressed_reason"].isna().tolist() == [True, False, False]
    assert set(of_a["suppressed_reason"].dropna()) == {OTHER_ACTION}
    assert of_a.loc["cart_left_coupon", "items"] == "x,y"
    of_b = plan[plan["customer_id"] == "b"].set_index("action_id")
    assert of_b["suppressed_reason"].isna().all()  # on two days
    assert of_b["send_date"].tolist() == [TOMORROW, pd.Timestamp("2024-07-03")]
    assert (plan["arm"] == "treat").all()


def test_arms_follow_from_id_action_and_seed_alone():
    ids = [f"c{i}" for i in range(4000)]
    one, again, other = (
        campaign_plan(BOOK, [audience("core_keep", people)], DAY, holdout_share=0.2, seed=seed)
        .set_index("customer_id")["arm"]
        for people, seed in ((ids, 1), (ids[::-1], 1), (ids, 2))
    )  # fmt: skip
    assert (one == again.loc[one.index]).all()
    held = (one == "holdout").mean()
    assert abs(held - 0.2) < 4 * np.sqrt(0.16 / 4000)
    assert 0.2 < (one != other).mean() < 0.45  # independent: 2 x .2 x .8
    more = campaign_plan(BOOK, [audience("core_keep", ids)], DAY, holdout_share=0.4, seed=1)
    more = more.set_index("customer_id")["arm"]
    assert (more[one == "holdout"] == "holdout").all()


def test_held_out_people_get_no_other_message_in_its_place():
    ids = [f"c{i}" for i in range(300)]
    plan = campaign_plan(
        BOOK, [audience("cart_left_coupon", ids), audience("core_keep", ids)], DAY,
        holdout_share=0.5,
    )  # fmt: skip
    second = plan[plan["action_id"] == "core_keep"]
    assert (second["suppressed_reason"] == OTHER_ACTION).all()


@pytest.mark.parametrize(("days_ago", "reason"), [(13, None), (12, COOLDOWN), (400, None)])
def test_a_cooldown_ends_after_so_many_days(days_ago, reason):
    """core_keep waits 14 days; it would be sent tomorrow."""
    sent = pd.DataFrame(
        {"customer_id": ["a"], "event_at": [pd.Timestamp(DAY) - pd.Timedelta(days_ago, "D")],
         "rule_id": "core_keep", "arm": "treat"}
    )  # fmt: skip

    def reason_of(table):
        plan = campaign_plan(BOOK, [audience("core_keep", ["a"])], DAY, treatments=table)
        return plan["suppressed_reason"].iloc[0]

    assert reason_of(sent) == reason or (reason is None and pd.isna(reason_of(sent)))
    assert pd.isna(reason_of(sent.assign(rule_id="cart_left_coupon")))
    assert pd.isna(reason_of(sent.assign(arm="holdout")))
    nameless = reason_of(sent.drop(columns="rule_id"))
    assert pd.isna(nameless) == (reason is None)


def test_the_calendar_adds_up_to_the_plan():
    plan = campaign_plan(
        BOOK,
        [
            audience("core_keep", [f"c{i}" for i in range(50)]),
            audience("cart_left_coupon", ["c1", "c2"]),
            audience("repeat_cycle_reminder", ["c3"], send_date=pd.Timestamp("2024-07-14")),
            audience("consumable_cycle_reminder", ["c4"], send_date=pd.Timestamp("2024-07-15")),
        ],
        DAY,
    )
    calendar = campaign_calendar(plan, DAY, 14)
    assert calendar["send_date"].max() == pd.Timestamp("2024-07-14")
    near = plan[plan["send_date"] <= "2024-07-14"]
    assert calendar[["treat", "holdout", "suppressed"]].to_numpy().sum() == len(near)
    assert calendar["suppressed"].sum() == 2
    empty = campaign_plan(BOOK, [Audience("core_keep", plan.iloc[:0])], DAY)
    assert list(empty.columns) == list(COLUMNS)
    assert campaign_calendar(empty, DAY).empty


def test_holdout_shares_outside_0_and_1_are_refused():
    assert AudienceConfig(holdout_share=0.0).holdout_share == 0.0
    for bad in (1.0, -0.1):
        with pytest.raises(UsageError, match="holdout_share"):
            AudienceConfig(holdout_share=bad)
    with pytest.raises(UsageError, match="plan_days"):
        AudienceConfig(plan_days=0)


def test_a_message_under_a_journey_s_id_cools_the_action_that_carries_journeys_on():
    action = next(a for a in BOOK.actions if a.audience == "journey")
    sent = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c"],
            "event_at": pd.Timestamp("2024-06-30"),
            "rule_id": ["journey_0123456789", "journey_other", action.action_id],
            "arm": "treat",
        }
    )
    plan = campaign_plan(
        BOOK,
        [audience(action.action_id, ["a", "b", "c", "d"])],
        DAY,
        treatments=sent,
        journeys=["journey_0123456789"],
        holdout_share=0.0,
    ).set_index("customer_id")
    assert action.cooldown_days > 1
    assert plan["suppressed_reason"].eq(COOLDOWN).to_dict() == {
        "a": True, "b": False, "c": True, "d": False,
    }  # fmt: skip
