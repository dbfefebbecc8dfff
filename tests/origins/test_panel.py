"""The panel against a slow, obvious twin and against the summary of the engine."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from churnlab.backtest import Panel, Target
from churnlab.errors import DataError
from churnlab.events import read_events
from churnlab.origins.guards import LeakageError
from churnlab.origins.targets import common_rhythm
from churnlab.origins.training import training_for
from churnlab.summary import summarise

ORIGIN = dt.date(2020, 8, 1)


def test_past_agrees_with_the_engine_s_summary(small_log):
    past = Panel.from_log(small_log).until(ORIGIN)
    expected = summarise(small_log, ORIGIN).customers
    assert past.n == len(expected)
    for name in ("x", "t_x", "T"):
        np.testing.assert_array_equal(getattr(past, name), expected[name])
    np.testing.assert_allclose(past.sum_log_gap, expected["sum_log_gap"], atol=1e-9)


def test_past_and_counts_agree_with_a_loop_over_customers(small_log):
    panel = Panel.from_log(small_log)
    past, windows = panel.until(ORIGIN), None
    windows = Target("personal_cycles", 2.0).windows(past)
    counts = panel.counts(past, windows)
    days = small_log.days()
    rows = {c: sorted(g["day"].dt.date) for c, g in days.groupby("customer_id")}
    for i in range(0, past.n, 17):
        known = [d for d in rows[panel.ids[past.customer[i]]] if d <= ORIGIN]
        assert past.x[i] == len(known) - 1
        assert past.t_x[i] == (known[-1] - known[0]).days
        assert past.T[i] == (ORIGIN - known[0]).days
        gaps = [np.log((b - a).days) for a, b in pairwise(known)]
        assert past.sum_log_gap[i] == pytest.approx(sum(gaps))
        end = ORIGIN + dt.timedelta(days=int(windows[i]))
        came = [d for d in rows[panel.ids[past.customer[i]]] if ORIGIN < d <= end]
        assert counts[i] == len(came)


def test_a_past_holds_nothing_after_its_origin(small_log):
    """The same past comes from the log that never had the future."""
    whole, cut = Panel.from_log(small_log), Panel.from_log(small_log.until(ORIGIN))
    one, other = whole.until(ORIGIN), cut.until(ORIGIN)
    np.testing.assert_array_equal(whole.ids[one.customer], cut.ids[other.customer])
    for name in ("x", "t_x", "T", "sum_log_gap"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one._events.day.max() <= (ORIGIN - dt.date(1970, 1, 1)).days
    with pytest.raises(LeakageError, match="lies after the origin"):
        one.at(ORIGIN + dt.timedelta(days=1))
    with pytest.raises(LeakageError, match="need data until"):
        one.counts(one, np.full(one.n, 30))


def test_incomplete_windows_are_refused(small_log):
    panel = Panel.from_log(small_log)
    past = panel.until(small_log.as_of - dt.timedelta(days=10))
    with pytest.raises(DataError, match="after the last known day"):
        panel.counts(past, np.full(past.n, 11))


def test_the_amounts_of_a_day_have_the_same_bits_in_any_order_of_the_rows():
    amounts = [80432.47, 214.63, 2.5, 24.07, 5.0]
    rows = pd.DataFrame({"customer_id": "a", "event_at": "2024-01-02", "amount": amounts})
    rows.loc[4, "customer_id"] = "b"  # the first four sum to another last bit in another order
    found = [
        Panel.from_log(read_events(purchases=rows.iloc[order], as_of="2024-03-01"))
        for order in ([0, 1, 2, 3, 4], [1, 3, 0, 2, 4], [4, 2, 3, 1, 0])
    ]
    assert [panel.ids.tolist() for panel in found] == [["a", "b"]] * 3
    assert [panel.events.customer.tolist() for panel in found] == [[0, 1]] * 3
    first, *others = (panel.events.amount.tolist() for panel in found)
    assert first == [pytest.approx(80673.67, rel=1e-15), 5.0]
    assert others == [first, first]


def test_the_window_begins_the_day_after_the_origin():
    rows = [("a", "2020-01-01"), ("a", "2020-01-10"), ("b", "2020-01-05"), ("b", "2020-01-11")]
    frame = pd.DataFrame(rows, columns=["customer_id", "event_at"])
    panel = Panel.from_log(read_events(purchases=frame, as_of="2020-01-31"))
    past = panel.until(dt.date(2020, 1, 10))
    assert past.idle.tolist() == [0.0, 5.0]
    assert panel.counts(past, np.array([1, 1])).tolist() == [0, 1]


def test_personal_windows_follow_one_rule_and_stay_within_bounds(small_log):
    past = Panel.from_log(small_log).until(ORIGIN)
    typical = past.t_x.sum() / past.x.sum()
    np.testing.assert_allclose(common_rhythm(past), (past.t_x + typical) / (past.x + 1))
    windows = Target("personal_cycles", 2.0).windows(past)
    assert windows.min() >= 14
    assert windows.max() <= 182
    slow = common_rhythm(past) > 40
    assert (windows[slow] > 80).all()


def test_training_uses_complete_earlier_windows_only(small_log):
    past = Panel.from_log(small_log).until(dt.date(2020, 12, 1))
    training = training_for(past, Target("fixed_days", 60.0), 3)
    assert training.note == ""
    dates = [dt.date(2020, 6, 4), dt.date(2020, 8, 3), dt.date(2020, 10, 2)]
    assert [p.origin for p in training.pasts] == dates
    latest = training_for(past, Target("fixed_days", 60.0))
    assert [p.origin for p in latest.pasts] == dates[-1:]
    assert training.seen_until == past.origin
    assert training.outcome.size == sum(p.n for p in training.pasts)


def test_training_on_a_short_history_is_cut_and_says_so(small_log):
    past = Panel.from_log(small_log).until(dt.date(2020, 3, 1))
    training = training_for(past, Target("fixed_days", 180.0))
    assert "learnt on windows of 30 days instead of 180d" in training.note
    assert training.seen_until <= past.origin


def test_the_simple_rule_never_takes_longer_silence_for_less_risk(small_log):
    """Outcome 1 in the middle only: an unconstrained fit would bend down."""
    from churnlab.candidates.baselines import _design, _fit_rising, fit_logistic

    idle = np.linspace(0, 200, 400)
    outcome = ((idle > 40) & (idle < 120)).astype(float)
    design = _design(idle, 200.0)
    assert fit_logistic(design, outcome)[2] < 0
    assert (np.diff(design @ _fit_rising(design, outcome)) >= 0).all()


def test_an_unknown_group_column_is_said_plainly(small_log):
    with pytest.raises(DataError, match="members have no column 'chanel'"):
        Panel.from_log(small_log, "chanel")


def test_visits_before_1970_stay_with_their_customer():
    rows = {"customer_id": list("aab"), "event_at": ["1960-01-01", "1975-01-01", "1971-01-01"]}
    seen = {"customer_id": list("ab"), "event_at": ["1961-01-01", "1969-12-31"]}
    log = read_events(pd.DataFrame(rows), visits=pd.DataFrame(seen))
    days = Panel.from_log(log, visits=True).events.visits
    assert days.customer.tolist() == [0, 0, 0, 1, 1]
    assert [int(d) for d in np.flatnonzero(days.logged)] == [1, 3]
    assert days.day[1] == (dt.date(1961, 1, 1) - dt.date(1970, 1, 1)).days


def test_a_purchase_of_the_origin_is_known_and_a_day_before_the_first_is_refused():
    days = pd.to_datetime(["2024-01-02", "2024-01-05", "2024-01-05"])
    log = read_events(purchases=pd.DataFrame({"customer_id": list("aab"), "event_at": days}))
    panel = Panel.from_log(log)
    first = panel.until(dt.date(2024, 1, 2))
    assert (first.n, first.T.tolist()) == (1, [0.0])
    assert panel.until(dt.date(2024, 1, 5)).x.tolist() == [1.0, 0.0]
    with pytest.raises(DataError, match="no purchase up to 2024-01-01; the first is on 2024-01-02"):
        panel.until(dt.date(2024, 1, 1))
    with pytest.raises(LeakageError, match="lies after the origin"):
        first.at(dt.date(2024, 1, 3))
