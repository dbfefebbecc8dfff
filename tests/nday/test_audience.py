"""L4: the audience, exact at the day's boundaries."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnlab.errors import DataError, UsageError
from churnlab.events.arms import arm_of
from churnlab.nday.decide.audience import ALREADY, COLUMNS, SALT, audience

AS_OF = dt.date(2026, 3, 31)


def _frame(rows, time):
    frame = pd.DataFrame(rows, columns=["customer_id", time])
    return frame.assign(**{time: pd.to_datetime(frame[time], format="ISO8601")})


def _send(members, purchases, **kw):
    kw = {"n": 10, "as_of": AS_OF, "holdout_share": 0.0, **kw}
    return audience(_frame(members, "signed_up_at"), _frame(purchases, "event_at"), **kw)


def _ids(found):
    return found.frame["customer_id"].tolist()


def test_l4_day_n_counts_from_the_signup_day():
    members = [(f"d{d:02d}", f"2026-03-{d:02d} 15:00") for d in range(18, 27)]
    # Sent on 2026-04-01: day 10 of those who signed up on 2026-03-22 (day 0).
    assert _ids(_send(members, [])) == ["d22"]
    # Called day 1, the signup day of day 10 is one day later.
    assert _ids(_send(members, [], day_index=1)) == ["d23"]
    found = _send(members, [])
    assert found.frame["send_date"].tolist() == [pd.Timestamp("2026-04-01")]
    assert tuple(found.frame.columns) == COLUMNS


def test_l4_purchase_in_the_last_second_of_day_n_minus_1_counts():
    members = [(c, "2026-03-22 08:00") for c in ("last_second", "day_n", "never", "same_day")]
    purchases = [
        ("last_second", "2026-03-31 23:59:59"),
        ("day_n", "2026-04-01 00:00:00"),
        ("same_day", "2026-03-22 23:00"),
    ]
    assert _ids(_send(members, purchases)) == ["day_n", "never"]


def test_l4_local_time_decides():
    members = pd.DataFrame(
        {"customer_id": ["a"], "signed_up_at": [pd.Timestamp("2026-03-21T16:00Z")]}
    )
    purchases = pd.DataFrame(
        {"customer_id": ["a"], "event_at": [pd.Timestamp("2026-03-31T14:59:59Z")]}
    )
    seoul = audience(members, purchases, n=10, as_of=AS_OF, time_zone="Asia/Seoul")
    assert len(seoul.frame) == 0  # Signed up on the 22nd in Seoul; bought at 23:59:59 there.
    later = purchases.assign(event_at=pd.Timestamp("2026-03-31T15:00:00Z"))
    assert len(audience(members, later, n=10, as_of=AS_OF, time_zone="Asia/Seoul").frame) == 1
    assert len(audience(members, later, n=10, as_of=AS_OF, time_zone="UTC").frame) == 0


@pytest.mark.parametrize(
    ("zone", "signup", "as_of"),
    [
        ("America/New_York", "2026-03-05T04:30Z", dt.date(2026, 3, 13)),  # 23-hour day between
        ("America/New_York", "2026-10-29T03:30Z", dt.date(2026, 11, 6)),  # 25-hour day between
    ],
)
def test_l4_daylight_saving_moves_nobody(zone, signup, as_of):
    members = pd.DataFrame({"customer_id": ["a"], "signed_up_at": [pd.Timestamp(signup)]})
    none = pd.DataFrame({"customer_id": [], "event_at": pd.to_datetime([])})
    days = [
        as_of + dt.timedelta(days=k)
        for k in range(-2, 3)
        if len(
            audience(members, none, n=10, as_of=as_of + dt.timedelta(days=k), time_zone=zone).frame
        )
    ]
    assert days == [as_of]


def test_l4_signup_after_as_of_and_purchase_before_signup_are_out_and_counted():
    members = [("later", "2026-04-01"), ("buyer", "2026-03-22"), ("fresh", "2026-03-22")]
    found = _send(members, [("buyer", "2026-03-01")])
    assert _ids(found) == ["fresh"]
    assert found.report["signup_after_as_of"] == 1
    assert found.report["purchase_before_signup"] == 1


def test_l4_nobody_twice_when_n_changes_or_a_run_is_repeated():
    rng = np.random.default_rng(0)
    members = [(f"m{i}", f"2026-03-{d:02d}") for i, d in enumerate(rng.integers(1, 29, 300))]
    sent = pd.DataFrame(columns=["customer_id", "send_date"])
    messaged: list[str] = []
    for k, n in enumerate([10, 10, 12, 12, 9, 9, 10]):
        day = dt.date(2026, 3, 20) + dt.timedelta(days=k)
        found = _send(members, [], n=n, as_of=day, previous=sent)
        again = _send(members, [], n=n, as_of=day, previous=pd.concat([sent, found.frame]))
        assert found.frame.equals(again.frame)
        messaged += found.frame.loc[found.frame["suppressed_reason"].isna(), "customer_id"].tolist()
        sent = pd.concat([sent, found.frame])
    assert len(messaged) == len(set(messaged)) > 40
    assert (sent["suppressed_reason"] == ALREADY).any()


def test_opt_out_is_suppressed_with_its_reason():
    found = _send([("a", "2026-03-22"), ("b", "2026-03-22")], [], opted_out=("b",))
    assert found.frame["suppressed_reason"].fillna("").tolist() == ["", "opted_out"]
    assert found.report["suppressed_opted_out"] == 1
    assert found.report["treat"] == 1


def test_standing_holdout_is_random_and_stands():
    ids = [f"고객{i}" for i in range(20_000)]
    held = np.array([arm_of(i, 0.1, SALT) == "holdout" for i in ids])
    assert abs(held.mean() - 0.1) < 0.007  # three standard errors
    more = np.array([arm_of(i, 0.2, SALT) == "holdout" for i in ids])
    assert (more | ~held).all()
    halves = held[::2].mean(), held[1::2].mean()
    assert abs(halves[0] - halves[1]) < 0.013


def test_groups_may_have_an_n_of_their_own():
    members = pd.DataFrame(
        {
            "customer_id": ["s10", "s7", "r10", "r7"],
            "signed_up_at": pd.to_datetime(["2026-03-22", "2026-03-25"] * 2),
            "lead_type": ["search", "search", "referral", "referral"],
        }
    )
    none = pd.DataFrame({"customer_id": [], "event_at": pd.to_datetime([])})
    found = audience(members, none, n=10, as_of=AS_OF, by="lead_type", n_by_group={"referral": 7})
    assert _ids(found) == ["r7", "s10"]
    assert found.frame["group"].tolist() == ["referral", "search"]


def test_refusals():
    with pytest.raises(UsageError, match="n must be at least 1"):
        _send([("a", "2026-03-22")], [], n=0)
    with pytest.raises(UsageError, match="holdout_share"):
        _send([("a", "2026-03-22")], [], holdout_share=1.0)
    with pytest.raises(DataError, match="no members table"):
        audience(None, _frame([], "event_at"), n=10, as_of=AS_OF)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.one_of(st.none(), st.integers(-3, 24))),
        min_size=1,
        max_size=25,
    ),
    st.integers(1, 12),
    st.integers(0, 1),
)
def test_l4_against_a_slow_twin(people, n, index):
    start = pd.Timestamp("2026-03-01 13:00")
    n += index
    members, purchases, expected = [], [], []
    for i, (signup, bought) in enumerate(people):
        members.append((f"m{i:02d}", start + pd.Timedelta(days=signup)))
        if bought is not None:
            purchases.append((f"m{i:02d}", start + pd.Timedelta(days=bought, hours=1)))
        as_of_day = 20
        day_tomorrow = as_of_day + 1 - signup + index
        known = bought is not None and bought <= as_of_day
        if signup <= as_of_day and day_tomorrow == n and not known:
            expected.append(f"m{i:02d}")
    found = audience(
        pd.DataFrame(members, columns=["customer_id", "signed_up_at"]),
        pd.DataFrame(purchases, columns=["customer_id", "event_at"]).astype(
            {"event_at": "datetime64[us]"}
        ),
        n=n,
        as_of=dt.date(2026, 3, 21),
        day_index=index,
        holdout_share=0.0,
    )
    assert _ids(found) == expected
