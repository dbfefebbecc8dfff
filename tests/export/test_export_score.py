"""Scored tables: from events as from summaries, states, names, zones, and refusals."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pandas as pd
import pytest
from conftest_export import CREATED, make_events, make_inputs, make_summary

from churnlab.bundle import read_bundle, score
from churnlab.bundle.score import COLUMNS
from churnlab.errors import DataError, UsageError, VerificationError
from churnlab.events import log_from_frames
from churnlab.export import export_bundle

EVENTS = pd.DataFrame(
    {
        "customer_id": ["0001", "0001", "0001", "이름 'x\"; --", "b"],
        "event_at": ["2024-01-05 23:59:59", "2024-01-05 10:00", "2024-03-01 00:00", "2024-06-30",
                     "2023-02-01"],
    }
)  # fmt: skip

ROW = pd.DataFrame({"customer_id": ["a"], "x": [1], "t_x": [9], "T": [20]})


def test_events_and_summaries_give_the_same_scores(exported):
    events = make_events()
    one = score(exported, purchases=events)
    two = score(exported, summary=make_summary(events))
    assert list(one.columns) == list(COLUMNS)
    pd.testing.assert_frame_equal(
        one.drop(columns=["scored_at", "updated_at"]), two.drop(columns=["scored_at", "updated_at"])
    )


def test_states_follow_from_dates_and_counts(exported):
    table = score(exported, purchases=EVENTS, as_of="2024-06-30").set_index("customer_id")
    assert list(table.index) == ["0001", "b", "이름 'x\"; --"]
    assert table.loc["0001", "purchase_state"].startswith("repeat_")
    assert table.loc["b", "purchase_state"] == "first_risk"
    # the purchase was today: dates start a day after it
    assert table.loc["이름 'x\"; --", "purchase_state"] == "first_active"
    assert (table["at_risk_date"] > table["valid_for_last_purchase_at"]).all()
    assert (table["visit_state"] == "visit_unknown").all()
    assert (table["visit_risk_date"] == pd.Timestamp("9999-12-31")).all()


def test_state_on_every_day_is_whether_the_date_has_come(exported):
    """The same customer scored day by day without a purchase turns at risk on `at_risk_date`."""
    events = EVENTS[EVENTS["customer_id"] == "0001"]
    turn = score(exported, purchases=events, as_of="2024-03-01")["at_risk_date"].iloc[0]
    for shift, state in ((-1, "repeat_active"), (0, "repeat_risk"), (400, "repeat_risk")):
        day = (turn + pd.Timedelta(days=shift)).date()
        row = score(exported, purchases=events, as_of=day, details=False).iloc[0]
        assert row["purchase_state"] == state
        assert row["at_risk_date"] == turn


def test_several_purchases_on_a_day_are_one_and_the_zone_sets_the_day(exported):
    local = pd.DataFrame({"customer_id": ["a", "a"], "event_at": ["2024-06-01", "2024-06-03"]})
    utc = pd.DataFrame(
        {
            "customer_id": ["a", "a", "a"],
            "event_at": pd.to_datetime(
                ["2024-05-31T15:00Z", "2024-06-01T14:59Z", "2024-06-03T03:00Z"]
            ),
        }
    )  # the bundle's zone is Asia/Seoul, nine hours ahead
    one, two = (score(exported, purchases=e, details=False) for e in (local, utc))
    assert one["p_alive"].equals(two["p_alive"])
    assert one["valid_for_last_purchase_at"].equals(two["valid_for_last_purchase_at"])


def test_members_without_purchase_start_the_visit_clock_at_signup(exported):
    members = pd.DataFrame(
        {"customer_id": ["m", "b"], "signed_up_at": ["2024-06-29", "2023-01-01"]}
    )
    visits = pd.DataFrame({"customer_id": ["0001"], "event_at": ["2024-06-30"]})
    table = score(exported, purchases=EVENTS, visits=visits, members=members)
    table = table.set_index("customer_id")
    assert table.loc["m", "segment_code"] == "none.visit_active"
    assert table.loc["b", "visit_state"] == "visit_unknown"  # bought, never seen visiting
    assert table.loc["0001", "visit_state"] == "visit_active"
    assert (table["visit_risk_date"] <= table["visit_inactive_date"]).all()


def test_whoever_never_gets_to_the_threshold_has_the_far_date(exported):
    rules = read_bundle(exported)
    never = dataclasses.replace(rules.purchases, value=1.0, first_value=1.0)
    table = score(dataclasses.replace(rules, purchases=never), purchases=EVENTS, details=False)
    assert (table["at_risk_date"] == pd.Timestamp("9999-12-31")).all()
    assert table["purchase_state"].str.endswith("_active").all()


def test_rows_after_as_of_change_nothing(exported):
    later = pd.concat([EVENTS, EVENTS.assign(event_at="2025-01-01")])
    stamp = dt.datetime(2025, 1, 2, tzinfo=dt.UTC)
    one, two = (score(exported, purchases=e, scored_at=stamp) for e in (EVENTS, later))
    pd.testing.assert_frame_equal(one, two)


def test_no_purchaser_at_all_is_an_empty_table(exported):
    empty = pd.DataFrame(
        {"customer_id": pd.Series(dtype="str"), "event_at": pd.Series(dtype="str")}
    )
    table = score(exported, purchases=empty)
    assert table.empty
    assert list(table.columns) == list(COLUMNS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"purchases": EVENTS.rename(columns={"customer_id": "user"})}, "customer_id"),
        ({"purchases": EVENTS.assign(event_at="soon")}, "not readable"),
        ({"purchases": EVENTS.assign(customer_id=1.5)}, "floating-point"),
        ({"purchases": EVENTS, "summary": EVENTS}, "not both"),
        ({"purchases": EVENTS, "as_of": "yesterday"}, "not a day"),
        ({"purchases": EVENTS, "columns": {"customer_id": "user"}}, "user"),
        ({"summary": ROW.assign(T=5)}, "'a'"),
        ({"summary": ROW.assign(x="?")}, "numbers"),
        ({"summary": pd.concat([ROW, ROW])}, "twice"),
    ],
)  # fmt: skip
def test_unusable_input_is_a_plain_error(exported, changes, message):
    with pytest.raises(DataError, match=message):
        score(exported, **changes)


def test_an_edited_bundle_is_not_scored(exported, tmp_path):
    text = (exported / "bundle.json").read_text("utf-8")
    path = tmp_path / "bundle.json"
    path.write_text(text.replace('"first_value": 0.4', '"first_value": 0.9'), "utf-8")
    with pytest.raises(VerificationError, match="content_hash"):
        read_bundle(path)
    path.write_text(text.replace('"schema_version": "1.4.0"', '"schema_version": "2.0.0"'), "utf-8")
    with pytest.raises(VerificationError, match=r"2\.0\.0"):
        read_bundle(path)
    with pytest.raises(VerificationError, match="cannot be read"):
        read_bundle(tmp_path / "none.json")


def test_grouped_bundles_take_the_group_from_members_or_summary(tmp_path):
    inputs = make_inputs(groups=("app", "web"), visits=False)
    export_bundle(tmp_path, inputs, created_at=CREATED)
    events = make_events()
    members = inputs.summary[["customer_id", "channel"]].assign(signed_up_at="2022-01-01")
    from_events = score(tmp_path, purchases=events, members=members, details=False)
    from_summary = score(tmp_path, summary=inputs.summary, details=False)
    np.testing.assert_array_equal(from_events["p_alive"], from_summary["p_alive"])
    with pytest.raises(DataError, match="channel"):
        score(tmp_path, purchases=events)


def test_a_log_of_another_zone_is_refused(exported):
    """The same events fall on other days: the bundle's zone is Asia/Seoul."""
    frames = {"purchases": EVENTS}
    log = log_from_frames(frames, time_zone="UTC", as_of="2024-06-30")
    with pytest.raises(UsageError, match=r"those of UTC.*data\.time_zone=Asia/Seoul"):
        score(exported, log)
    log = log_from_frames(frames, time_zone="Asia/Seoul", as_of="2024-06-30")
    table, same = score(exported, log), score(exported, purchases=EVENTS)
    stamps = ["scored_at", "updated_at"]
    pd.testing.assert_frame_equal(table.drop(columns=stamps), same.drop(columns=stamps))
