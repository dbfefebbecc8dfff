"""Cohort counts: L1, the day boundary, censoring, who is left out."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import DataError, UsageError
from churnlab.events import log_from_frames
from churnlab.nday.data import (
    CohortConfig,
    attention_from_visits,
    cohort_curve,
    convert,
    count_cohorts,
    pooled_curve,
    require_enough,
)
from churnlab.nday.inputs import read_inputs

from .simulators import cliff, config, counts_from_hazard, day, frames_from_counts


def _members(rows):
    return pd.DataFrame(rows, columns=["customer_id", "signed_up_at"])


def _purchases(rows):
    return pd.DataFrame(rows, columns=["customer_id", "event_at"])


def _found(members, purchases, as_of="2026-03-31", **kw):
    members = members.assign(signed_up_at=pd.to_datetime(members["signed_up_at"], format="ISO8601"))
    purchases = purchases.assign(event_at=pd.to_datetime(purchases["event_at"], format="ISO8601"))
    return convert(members, purchases, as_of=dt.date.fromisoformat(as_of), **kw)


def test_age_counts_local_calendar_days():
    found = _found(
        _members([("a", "2026-03-01 23:59:59"), ("b", "2026-03-01 00:00:00"), ("c", "2026-03-01")]),
        _purchases([("a", "2026-03-02 00:00:00"), ("b", "2026-03-01 23:59:59")]),
    )
    ages = found.frame.set_index("customer_id")["age"]
    assert ages.to_dict() == {"a": 1, "b": 0, "c": -1}


def test_conversion_before_signup_is_counted_and_left_out():
    found = _found(
        _members([("a", "2026-03-10 12:00"), ("b", "2026-03-10 12:00"), ("c", "2026-03-10 12:00")]),
        _purchases([("a", "2026-03-09 12:00"), ("a", "2026-03-12"), ("b", "2026-03-10 11:59:59"),
                    ("c", "2026-03-10")]),
    )  # fmt: skip
    assert found.report["purchase_before_signup"] == 2
    # A date without a time on the signup day is a same-day purchase, not one before signup.
    assert found.frame["customer_id"].tolist() == ["c"]
    assert found.frame["age"].tolist() == [0]


def test_a_purchaser_who_is_no_member_has_no_day_to_count_from():
    members, bought = [("a", "2026-03-10")], [("a", "2026-03-12")]
    guests = [("guest", "2026-03-11"), ("guest", "2026-03-12"), ("b", "2026-03-12")]
    found = _found(_members(members), _purchases([*bought, *guests]))
    assert found.report["no_signup"] == 2
    frames = {"members": _members(members), "purchases": _purchases([*bought, *guests])}
    read = read_inputs(log_from_frames(frames, as_of="2026-03-31"), None, None)
    assert read.members["customer_id"].tolist() == ["a"]


def test_signup_and_purchase_after_as_of_are_not_seen():
    found = _found(
        _members([("a", "2026-03-10"), ("late", "2026-04-01 00:00:00")]),
        _purchases([("a", "2026-04-01 00:00:00")]),
    )
    assert found.report["signup_after_as_of"] == 1
    assert found.frame["age"].tolist() == [-1]


def test_repeated_signup_keeps_the_first():
    found = _found(_members([("a", "2026-03-10"), ("a", "2026-03-02")]), _purchases([]))
    assert found.report["repeated_signup"] == 1
    assert found.frame["signup_date"].tolist() == [pd.Timestamp("2026-03-02")]


@pytest.mark.parametrize(("zone", "age"), [("UTC", 0), ("Asia/Seoul", 1), ("America/New_York", 0)])
def test_time_zone_moves_the_day_boundary(zone, age):
    members = _members([("a", pd.Timestamp("2026-03-10T10:00Z"))])
    purchases = _purchases([("a", pd.Timestamp("2026-03-10T15:30Z"))])
    found = convert(members, purchases, as_of=dt.date(2026, 3, 31), time_zone=zone)
    assert found.frame["age"].tolist() == [age]


def test_daylight_saving_does_not_shorten_a_day():
    # New York: 2026-03-08 has 23 hours; 9 calendar days are 9 days.
    members = _members([("a", pd.Timestamp("2026-03-01T05:30Z"))])
    purchases = _purchases([("a", pd.Timestamp("2026-03-10T04:10Z"))])
    zone = "America/New_York"
    found = convert(members, purchases, as_of=dt.date(2026, 3, 31), time_zone=zone)
    assert found.frame["age"].tolist() == [9]


def test_l1_curve_marks_what_is_not_over_yet():
    truth = counts_from_hazard(cliff(), np.random.default_rng(0), n_cohorts=40)
    counts = truth.until(day(45))
    curve = cohort_curve(counts)
    assert len(curve) == 40 * 31
    over = curve["signup_date"] + pd.to_timedelta(curve["day"], unit="D") <= pd.Timestamp(day(45))
    assert (curve["observed"] == over).all()
    assert curve.loc[~curve["observed"], ["buyers", "ratio"]].isna().all().all()
    seen = curve[curve["observed"]]
    assert (seen["ratio"] * seen["signups"] - seen["buyers"].astype(float)).abs().max() < 1e-9
    # Against a slow count: cohort 7 by day 5.
    row = curve[(curve["signup_date"] == pd.Timestamp(day(7))) & (curve["day"] == 5)]
    assert int(row["buyers"].iloc[0]) == truth.conversions[7, :6].sum()


def test_l1_counts_agree_with_frames_and_day_index_renames_only():
    truth = counts_from_hazard(cliff(), np.random.default_rng(1), n_cohorts=8, size=30)
    members, purchases = frames_from_counts(truth)
    found = convert(members, purchases, as_of=truth.as_of)
    counts = count_cohorts(found, config(window_days=30))
    assert (counts.conversions == truth.conversions).all()
    one = count_cohorts(found, config(window_days=31, day_index=1))
    assert (one.conversions == truth.conversions).all()
    assert cohort_curve(one)["day"].min() == 1


def test_until_looks_at_nothing_later():
    truth = counts_from_hazard(cliff(), np.random.default_rng(2), n_cohorts=30)
    cut = truth.until(day(20))
    assert len(cut.cohorts) == 21
    assert (cut.conversions[~cut.observed] == 0).all()
    assert (cut.conversions[cut.observed] == truth.conversions[:21][cut.observed]).all()


def test_order_of_rows_does_not_matter():
    truth = counts_from_hazard(cliff(), np.random.default_rng(3), n_cohorts=5, size=40)
    members, purchases = frames_from_counts(truth)
    shuffled = members.sample(frac=1.0, random_state=1), purchases.sample(frac=1.0, random_state=2)
    a = count_cohorts(convert(members, purchases, as_of=truth.as_of), config())
    b = count_cohorts(convert(*shuffled, as_of=truth.as_of), config())
    assert (a.conversions == b.conversions).all()


def test_pooled_curve_is_kaplan_meier():
    lifelines = pytest.importorskip("lifelines")
    truth = counts_from_hazard(cliff(), np.random.default_rng(4), n_cohorts=30, size=50)
    counts = truth.until(day(40))
    members, purchases = frames_from_counts(truth)
    found = convert(members, purchases, as_of=counts.as_of).frame
    follow = (pd.Timestamp(counts.as_of) - found["signup_date"]).dt.days.clip(upper=30)
    event = found["age"].between(0, 30)
    # Days are whole: shift by one, so that day 0 is a time of its own.
    duration = found["age"].where(event, follow) + 1
    fitter = lifelines.KaplanMeierFitter().fit(duration, event)
    ours = pooled_curve(counts)
    theirs = 1 - fitter.survival_function_at_times(ours["day"] + 1).to_numpy()
    assert np.abs(ours["converted"] - theirs).max() < 1e-12
    # lifelines' variance: the square of its Greenwood term on the same days.
    spread = fitter._cumulative_sq_.reindex(ours["day"] + 1.0).to_numpy()
    own = ours["standard_error"] / (1 - ours["converted"])
    assert np.abs(own - np.sqrt(spread)).max() < 1e-9


def test_attention_counts_the_unconverted_who_still_visit():
    members = _members([(c, "2026-03-01") for c in "abc"])
    purchases = _purchases([("c", "2026-03-03")])
    found = _found(members, purchases)
    visits = _purchases([("a", "2026-03-05 10:00"), ("b", "2026-02-01"), ("zzz", "2026-03-02")])
    visits["event_at"] = pd.to_datetime(visits["event_at"], format="ISO8601")
    seen = attention_from_visits(found, visits, last_age=10, active_days=3)
    assert seen.unconverted.tolist() == [3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2]
    # a visits at age 4: within three days of ages 2, 3 and 4. b's visit was before the signup.
    assert seen.active.tolist() == [0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    # Who buys within the window is not to be won, however often they visit.
    again = pd.concat([visits, visits.assign(customer_id="c", event_at=pd.Timestamp("2026-03-02"))])
    more = attention_from_visits(found, again, last_age=10, active_days=3)
    assert more.active.tolist() == seen.active.tolist()
    draws = seen.draws(500, np.random.default_rng(0))
    assert draws.shape == (500, 11)
    assert ((draws > 0) & (draws < 1)).all()


def test_refusals():
    truth = counts_from_hazard(cliff(), np.random.default_rng(5), n_cohorts=10, size=10)
    with pytest.raises(DataError, match=r"100 signups.*at least 200"):
        require_enough(truth, config())
    short = truth.until(day(12))
    with pytest.raises(DataError, match=r"followed for 12 days"):
        require_enough(short, config(min_signups=10))
    with pytest.raises(DataError, match=r"window ends on day 30.*ends on day 20"):
        require_enough(truth.until(day(20)), config(min_signups=10))
    with pytest.raises(DataError, match="no members table"):
        convert(None, _purchases([]), as_of=dt.date(2026, 1, 1))
    members, purchases = frames_from_counts(truth)
    with pytest.raises(DataError, match=r"no column 'lead_typ'.*Did you mean 'lead_type'"):
        convert(members, purchases, as_of=truth.as_of, by="lead_typ")


@pytest.mark.parametrize(
    "bad",
    [
        {"day_index": 2},
        {"window_days": 1},
        {"expiry_days": [0]},
        {"expiry_days": [31]},
        {"campaigns": {"x": "2026-01-05"}},
        {"campaigns": {"x": "2026-01-05..2026-01-01"}},
        {"min_signups": 0},
    ],
)
def test_configuration_is_checked(bad):
    with pytest.raises(UsageError):
        CohortConfig(**bad)
