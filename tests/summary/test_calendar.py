"""Calendars and clocks against Python's own dates and slow sums."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import UsageError
from churnlab.events import read_events
from churnlab.summary import Calendar, Clock, Summary, summarise
from churnlab.summary.calendar import date, number

DAYS = np.arange(number(dt.date(2003, 12, 20)), number(dt.date(2021, 1, 10)))
#: Uneven multipliers, so that a day in the wrong bucket shows.
UNEVEN = tuple(0.4 + 0.13 * i for i in range(12))


def test_months_and_iso_weeks_are_those_of_python():
    dates = [date(d) for d in DAYS]
    np.testing.assert_array_equal(Calendar("month").codes(DAYS), [d.month - 1 for d in dates])
    weeks = [min(d.isocalendar().week, 52) - 1 for d in dates]
    np.testing.assert_array_equal(Calendar("week").codes(DAYS), weeks)


@pytest.mark.parametrize(
    ("events", "inside", "outside"),
    [
        ({"e": ["12-20", "01-05"]}, ["2010-12-20", "2011-01-05", "2012-01-01"], ["2011-01-06"]),
        ({"e": ["02-29", "03-01"]}, ["2012-02-29", "2011-02-28", "2011-03-01"], ["2012-02-28"]),
        ({"e": ["2010-12-01", "2010-12-24"]}, ["2010-12-01", "2010-12-24"], ["2011-12-10"]),
        ({"e": [["2010-11-26", "2010-11-26"], ["2011-11-25", "2011-11-25"]]},
         ["2010-11-26", "2011-11-25"], ["2010-11-25"]),
        ({"e": [dt.date(2010, 5, 1), dt.date(2010, 5, 2)]}, ["2010-05-02"], ["2010-05-03"]),
    ],
)  # fmt: skip
def test_events_hold_both_ends_and_go_before_months(events, inside, outside):
    calendar = Calendar.of("month", events)
    names = np.array(calendar.buckets)

    def found(texts):
        return set(names[calendar.codes([number(dt.date.fromisoformat(t)) for t in texts])])

    assert found(inside) == {"e"}
    assert "e" not in found(outside)


@pytest.mark.parametrize(
    ("kind", "events", "words"),
    [
        ("moth", {}, "Did you mean 'month'"),
        (None, {"a": ["2010-01-01", "2010-01-05"], "b": ["01-05", "01-06"]}, "overlap on 2010-01"),
        (None, {"a": ["12-30", "01-02"], "b": ["12-31", "12-31"]}, "overlap"),
        (None, {"a": ["2010-01-05", "2010-01-01"]}, "last before first"),
        (None, {"a": ["2010-01-05", "01-06"]}, "last before first"),
        (None, {"a": ["2010-13-05", "2010-13-06"]}, "write events as"),
        (None, {"a": "2010-01-01"}, "write events as"),
        (None, {"a": []}, "write events as"),
        (None, {"a": ["2010-01-01"] * 3}, "write events as"),
        (None, {"month_01": ["2010-01-01", "2010-01-01"]}, "name of a bucket"),
    ],
)
def test_a_wrong_calendar_says_what_is_wrong(kind, events, words):
    with pytest.raises(UsageError, match=words):
        Calendar.of(kind, events)


def test_nothing_asked_for_is_no_calendar():
    assert Calendar.of(None, {}) is None
    with pytest.raises(UsageError, match="needs a kind"):
        Calendar()


def test_clock_time_is_the_sum_of_multipliers_before_and_after_the_origin():
    clock = Clock(Calendar("month"), UNEVEN, dt.date(2010, 3, 15))
    for text in ("2010-03-15", "2010-04-02", "2011-12-31", "2010-03-14", "2009-01-31"):
        day, zero = dt.date.fromisoformat(text), clock.origin
        low, high = min(day, zero), max(day, zero)
        between = [low + dt.timedelta(days=i + 1) for i in range((high - low).days)]
        slow = sum(UNEVEN[d.month - 1] for d in between) * (1 if day >= zero else -1)
        assert clock.time(number(day)) == pytest.approx(slow, abs=1e-9)


def test_a_day_has_one_clock_time_whatever_is_asked_with_it():
    clock = Clock(Calendar("week"), tuple(np.linspace(0.3, 2.7, 52)), dt.date(2010, 3, 15))
    every = clock.time(DAYS)
    assert all(clock.time(DAYS[i : i + 1])[0] == every[i] for i in range(0, len(DAYS), 97))
    assert (np.diff(every) > 0).all()


def test_days_come_back_from_clock_time_with_their_fractions():
    clock = Clock(Calendar("month"), UNEVEN, dt.date(2010, 3, 15))
    np.testing.assert_allclose(clock.day(clock.time(DAYS)), DAYS, atol=1e-6)
    half = (clock.time(DAYS[:-1]) + clock.time(DAYS[1:])) / 2
    np.testing.assert_allclose(clock.day(half), DAYS[:-1] + 0.5, atol=1e-6)
    assert clock.date(float(clock.time(number(dt.date(2011, 7, 1))))) == dt.date(2011, 7, 1)


def test_a_clock_survives_json_exactly():
    calendar = Calendar.of("month", {"sale": ["12-01", "12-05"]})
    clock = Clock(calendar, (*UNEVEN, 1 / 3), dt.date(2010, 3, 15))
    assert Clock.from_dict(json.loads(json.dumps(clock.to_dict()))) == clock


def test_a_clock_refuses_multipliers_that_are_not_positive_or_too_few():
    for bad in ((1.0,) * 11, (0.0,) + (1.0,) * 11, (float("nan"),) + (1.0,) * 11):
        with pytest.raises(UsageError, match="12 positive multipliers"):
            Clock(Calendar("month"), bad, dt.date(2010, 1, 1))


@pytest.fixture(scope="module")
def summary() -> Summary:
    """Three customers; `b` buys in two seasons."""
    rows = [("a", "2010-01-05"), ("b", "2010-01-20"), ("b", "2010-02-10"), ("b", "2010-03-03"),
            ("c", "2010-03-01"), ("c", "2010-03-04")]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["customer_id", "event_at"])
    return summarise(read_events(purchases=frame, as_of="2010-04-10"))


def test_cells_are_in_clock_days_and_customers_in_days(summary):
    multipliers = (2.0, 0.5, 1.5, 3.0, *(1.0,) * 8)
    timed = summary.on_clock(Clock(Calendar("month"), multipliers, dt.date(2010, 1, 5)))
    plain = timed.customers.set_index("customer_id")
    assert plain.loc["b", ["x", "t_x", "T"]].tolist() == [2, 42, 80]
    row = plain.loc["b", "cell"]
    # 11 days of January, 28 of February, 3 (to the last purchase) or 31 of March, 10 of April
    assert timed.cells.t_x[row] == pytest.approx(11 * 2 + 28 * 0.5 + 3 * 1.5)
    assert timed.cells.T[row] == pytest.approx(11 * 2 + 28 * 0.5 + 31 * 1.5 + 10 * 3)


def test_a_flat_clock_changes_nothing(summary):
    timed = summary.on_clock(Clock.flat(Calendar("month"), dt.date(2010, 1, 5)))
    pd.testing.assert_frame_equal(timed.customers, summary.customers)
    for name in ("x", "t_x", "T", "weight"):
        np.testing.assert_array_equal(getattr(timed.cells, name), getattr(summary.cells, name))


def test_what_a_clock_is_learnt_from(summary):
    dated = summary.dated()
    seen = {str(date(d)): n for d, n in zip(dated.days, dated.repeats, strict=True) if n}
    assert seen == {"2010-02-10": 1, "2010-03-03": 1, "2010-03-04": 1}
    assert dated.weight.sum() == 3
    assert date(dated.start) == dt.date(2010, 1, 5)


def test_a_summary_from_arrays_does_not_know_the_days_of_purchase():
    made = Summary.from_arrays([1], [5], [9], as_of="2010-01-10")
    with pytest.raises(UsageError, match="summarise"):
        made.dated()
