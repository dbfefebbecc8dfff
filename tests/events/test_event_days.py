"""Event-days as numbers: those that the engine gives, on every day of the log and by order."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from churnlab.events import log_from_frames
from churnlab.summary import summarise

ROWS = pd.DataFrame(
    {
        "customer_id": ["b", "a", "a", "b", "c", "a", "a"],
        "event_at": pd.to_datetime(
            ["2024-01-05", "2024-01-01", "2024-01-03", "2024-01-05", "2024-01-09", "2024-01-10",
             "2024-01-03 08:00"],
            format="mixed",
        ),
        "order_id": ["o1", "o2", "o3", "o4", "o5", "o6", "o3"],
    }
)  # fmt: skip
VISITS = pd.DataFrame(
    {"customer_id": ["a", "d"], "event_at": pd.to_datetime(["2024-01-02", "2024-01-04"])}
)
DAY = dt.date(2024, 1, 5)


def log_of(unit, rows=ROWS):
    return log_from_frames({"purchases": rows, "visits": VISITS}, purchase_unit=unit)


@pytest.mark.parametrize("unit", ["customer_day", "order"])
@pytest.mark.parametrize("day", [None, DAY, dt.date(2024, 1, 1)])
def test_they_are_those_of_the_engine_on_every_day(unit, day):
    log = log_of(unit)
    log = log if day is None else log.until(day)
    days, found = log.days(), log.event_days()
    ids = found.ids.to_numpy(zero_copy_only=False)[found.customer]
    assert list(ids) == list(days["customer_id"])
    assert list(found.day.astype("datetime64[D]")) == list(days["day"].astype("datetime64[s]"))


def test_a_purchase_day_is_a_visit_day_once_where_it_counts():
    both = log_of("order").event_days("visits", count_purchases=True)
    assert both.ids.to_pylist() == ["a", "b", "c", "d"]
    assert np.diff(both.starts).tolist() == [4, 1, 1, 1]


def test_the_days_of_some_come_sorted_whatever_the_order_asked_in():
    found = log_of("customer_day").event_days().of(["c", "a", "x", "c"])
    assert found["customer_id"].tolist() == ["a", "a", "a", "c"]
    assert found["day"].tolist() == [dt.date(2024, 1, d) for d in (1, 3, 10, 9)]


@pytest.mark.parametrize("unit", ["customer_day", "order"])
def test_logs_of_gaps_are_summed_in_the_order_of_the_days(unit):
    people = summarise(log_of(unit, ROWS.sample(frac=1, random_state=1))).customers
    found = dict(zip(people["customer_id"], people["sum_log_gap"], strict=True))
    same_day = 0.0 if unit == "customer_day" else -np.inf  # two orders of b
    assert found == {"a": np.log(2.0) + np.log(7.0), "b": same_day, "c": 0.0}


def test_days_before_1970_stay_with_their_customer():
    days = ["1900-01-01", "1969-12-31", "1965-02-01", "1970-01-01", "2199-12-31"]
    log = log_from_frames({"purchases": pd.DataFrame(
        {"customer_id": list("aabbb"), "event_at": pd.to_datetime(days)})})  # fmt: skip
    found = log.event_days()
    assert np.diff(found.starts).tolist() == [2, 3]
    assert list(found.day.astype("datetime64[D]")) == list(np.array(days, "datetime64[D]"))


def test_days_in_several_rows_are_counted_once_each():
    rows = pd.DataFrame({"customer_id": list("aaaab"), "event_at": pd.to_datetime(
        ["2024-01-03 08:00", "2024-01-03 09:00", "2024-01-03 10:00", "2024-01-04", "2024-01-04"],
        format="mixed")})  # fmt: skip
    report = log_of("customer_day", rows).report
    assert (report.purchase_days, report.days_with_several) == (3, 1)
    assert log_of("order", rows).report.purchase_days == 3


def test_what_the_engine_was_asked_for_once_is_shared_by_views():
    log, found = log_of("order"), []
    first = log.once("a", lambda: found.append(1) or found)
    assert log.until(DAY).once("a", lambda: found.append(2) or []) is first
    assert log.once(("a", DAY), list) == []
    assert found == [1]
