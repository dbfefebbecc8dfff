"""From events to x, t_x, T: against a slow, obvious count in pure Python, and by fixed example."""

import datetime as dt
import itertools
import math
import zoneinfo
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples

from churnlab.backtest import Panel
from churnlab.errors import DataError, UsageError
from churnlab.events import DataConfig, log_from_frames, open_log, read_events
from churnlab.summary import Cells, Summary, summarise

SLOW_ENGINE = settings(
    max_examples=examples(8, 20),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)


def slow_summary(rows, zone, as_of, order_unit=False):
    """Count by hand: rows are (id, aware UTC instant, order id); as_of is a local day."""
    days = defaultdict(list)
    for who, instant, order in rows:
        day = instant.astimezone(zoneinfo.ZoneInfo(zone)).date()
        if day <= as_of:
            days[who].append((order, day))
    found = {}
    for who, seen in days.items():
        if order_unit:
            first_of = {}
            for order, day in seen:
                first_of[order] = min(day, first_of.get(order, day))
            dates = sorted(first_of.values())
        else:
            dates = sorted({day for _, day in seen})
        gaps = [(b - a).days for a, b in itertools.pairwise(dates)]
        logs = sum(math.log(g) if g else -math.inf for g in gaps)
        found[who] = (len(dates) - 1, (dates[-1] - dates[0]).days, (as_of - dates[0]).days, logs)
    return found


def as_dict(summary):
    c = summary.customers
    columns = zip(c["customer_id"], c["x"], c["t_x"], c["T"], c["sum_log_gap"], strict=True)
    return {who: tuple(v) for who, *v in columns}


START = dt.datetime(2021, 3, 10, tzinfo=dt.UTC)
minutes = st.integers(0, 12 * 24 * 60) | st.sampled_from(
    [d * 1440 + h * 60 for d in range(12) for h in (0, 4, 5, 15, 23)]
)
events = st.lists(
    st.tuples(st.sampled_from(["a", "b", "0001", "1", "회원"]), minutes, st.integers(0, 4)),
    min_size=1,
    max_size=40,
)


@SLOW_ENGINE
@given(
    events,
    st.sampled_from(["UTC", "Asia/Seoul", "America/New_York"]),
    st.integers(0, 13),
    st.booleans(),
    st.booleans(),
)
def test_summary_equals_a_slow_count(rows, zone, cutoff_day, order_unit, offsets):
    """Several events a day, ties at as_of, T = 0, t_x = T, zones and a change of the clock."""
    rows = [(who, START + dt.timedelta(minutes=m), f"{who}{order}") for who, m, order in rows]
    as_of = (START + dt.timedelta(days=cutoff_day)).date()
    local = zoneinfo.ZoneInfo(zone)
    frame = pd.DataFrame(
        {
            "customer_id": [r[0] for r in rows],
            "event_at": [
                r[1].isoformat() if offsets else str(r[1].astimezone(local).replace(tzinfo=None))
                for r in rows
            ],
            "order_id": [r[2] for r in rows],
        }
    )
    want = slow_summary(rows, zone, as_of, order_unit)
    unit = "order" if order_unit else "customer_day"
    options = {"time_zone": zone, "purchase_unit": unit}
    if not want:
        with pytest.raises(DataError, match="after as_of"):
            read_events(frame, as_of=as_of, **options)
        return
    read = summarise(read_events(frame, as_of=as_of, **options))
    log = read_events(frame, **options)
    viewed = summarise(log, min(as_of, log.as_of))
    got = as_dict(read)
    assert got.keys() == want.keys()
    for who, values in want.items():
        assert got[who] == pytest.approx(values, rel=1e-12, abs=1e-12)
    if as_of <= log.as_of:
        pd.testing.assert_frame_equal(read.customers, viewed.customers)


def test_fixed_examples_of_the_contract():
    """Two orders on a day are one purchase; as_of is inclusive; t_x = T and T = 0 are kept."""
    frame = pd.DataFrame(
        {
            "customer_id": ["twice", "twice", "tie", "tie", "new", "gone", "gone", "gone", "later"],
            "event_at": [
                "2020-01-01 09:00", "2020-01-01 18:00",
                "2020-01-01 00:00", "2020-01-31 23:59:59",
                "2020-01-31 12:00",
                "2020-01-02", "2020-01-04", "2020-01-12",
                "2020-02-01 00:00",
            ],
        }
    )  # fmt: skip
    summary = summarise(read_events(frame), "2020-01-31")
    assert as_dict(summary) == {
        "gone": (2.0, 10.0, 29.0, pytest.approx(math.log(2) + math.log(8))),
        "new": (0.0, 0.0, 0.0, 0.0),
        "tie": (1.0, 30.0, 30.0, pytest.approx(math.log(30))),
        "twice": (0.0, 0.0, 30.0, 0.0),
    }
    row = summary.customers.set_index("customer_id").loc["gone"]
    assert row["first_purchase_at"] == pd.Timestamp("2020-01-02")
    assert row["last_purchase_at"] == pd.Timestamp("2020-01-12")
    assert summary.as_of == dt.date(2020, 1, 31)


def test_orders_as_the_unit():
    frame = pd.DataFrame(
        {
            "customer_id": ["a"] * 5,
            "event_at": ["2020-01-01", "2020-01-01", "2020-01-01", "2020-01-03", "2020-01-05"],
            "order_id": ["1", "1", "2", None, "2"],
            "line": range(5),
        }
    )
    log = read_events(frame, purchase_unit="order")
    assert log.days()["day"].dt.day.tolist() == [1, 1, 3]  # order 2 stands on its first day
    assert as_dict(summarise(log)) == {"a": (2.0, 2.0, 4.0, -math.inf)}
    single = read_events(frame.drop(columns="order_id"), purchase_unit="order")
    assert as_dict(summarise(single))["a"][:3] == (4.0, 4.0, 4.0)


def test_visits_are_summarised_by_day():
    visits = pd.DataFrame(
        {
            "customer_id": ["a", "a", "a", "b"],
            "event_at": ["2020-01-01", "2020-01-01 10:00", "2020-01-08", "2020-01-09"],
        }
    )
    bought = pd.DataFrame({"customer_id": ["c"], "event_at": ["2020-01-10"]})
    summary = summarise(log_from_frames({"purchases": bought, "visits": visits}), events="visits")
    assert as_dict(summary) == {
        "a": (1.0, 7.0, 9.0, pytest.approx(math.log(7))),
        "b": (0.0, 0.0, 1.0, 0.0),
    }
    with pytest.raises(UsageError, match="purchases, visits"):
        summarise(log_from_frames({"visits": visits}), events="visit")
    with pytest.raises(DataError, match="no table 'purchases'"):
        summarise(log_from_frames({"visits": visits}))


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("cdnow", {"N": 2357, "zero": 1411, "sum_x": 2457, "sum_xstar": 1882, "cells": 1016}),
        (
            "cdnow_full",
            {"N": 23570, "zero": 14119, "sum_x": 24337, "sum_xstar": 19684, "cells": 8685},
        ),
    ],
)
def test_fingerprints_of_cdnow(name, want):
    """Source: oracles data.cdnow_sample and data.cdnow_full; calibration to 1997-09-30."""
    log = open_log(DataConfig(name=name))
    summary = summarise(log, "1997-09-30")
    days = log.days()
    later = days[
        (days["day"] > "1997-09-30") & days["customer_id"].isin(summary.customers["customer_id"])
    ]
    x = summary.customers["x"]
    got = {
        "N": len(x),
        "zero": int((x == 0).sum()),
        "sum_x": int(x.sum()),
        "sum_xstar": len(later),
        "cells": len(summary.cells),
    }
    assert got == want


# ---- groups ------------------------------------------------------------------------------------


def grouped_log():
    frame = pd.DataFrame(
        {
            "customer_id": list("abcd"),
            "event_at": ["2020-02-01", "2020-02-01", "2020-02-05", "2020-02-01"],
        }
    )
    members = pd.DataFrame(
        {
            "customer_id": list("abc"),
            "signed_up_at": ["2020-01-01", "2020-01-31", "2020-02-01"],
            "channel": ["web", None, "app"],
            "tier": [1, 2, 1],
        }
    )
    return log_from_frames({"purchases": frame, "members": members})


def test_groups_come_from_members_and_missing_is_unknown():
    summary = summarise(grouped_log(), group="channel")
    assert summary.cells.groups == ("app", "unknown", "web")
    assert summary.customers["channel"].tolist() == ["web", "unknown", "app", "unknown"]
    assert summary.cells.weight.tolist() == [1, 2, 1]
    assert summary.cells.group.tolist() == [0, 1, 2]
    both = summarise(grouped_log(), group=["channel", "tier"])
    assert both.group_columns == ("channel", "tier")
    assert both.cells.groups[-1] == "web | 1"
    months = summarise(grouped_log(), group="signup_month")
    assert months.cells.groups == ("2020-01", "2020-02")


def test_the_first_purchases_category_is_a_group_that_never_changes():
    rows = [
        ("a", "2020-01-02 10:00", "tea"), ("a", "2020-01-02 10:00", "cups"),
        ("a", "2020-01-02 09:00", None), ("a", "2020-02-01 09:00", "pots"),
        ("b", "2020-01-05 12:00", "tea"), ("b", "2020-01-05 12:00", "cups"),
        ("c", "2020-01-07 12:00", "pots"), ("c", "2020-03-07 12:00", "tea"),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["customer_id", "event_at", "category"])
    log = log_from_frames({"purchases": frame})
    summary = summarise(log, group="first_category")
    assert summary.customers["first_category"].tolist() == ["unknown", "cups", "pots"]
    past = summarise(log, "2020-01-10", group=["first_category", "signup_month"])
    assert past.customers["first_category"].tolist() == ["unknown", "cups", "pots"]
    assert past.cells.groups[0] == "cups | 2020-01"
    panel = Panel.from_log(log, "first_category").until(dt.date(2020, 1, 10))
    assert panel.group_names == ("cups", "pots", "unknown")
    with pytest.raises(DataError, match="They have: signup_month"):
        summarise(log_from_frames({"purchases": frame.drop(columns="category")}),
                  group="first_category")  # fmt: skip


def test_an_unknown_group_names_those_there_are():
    with pytest.raises(DataError, match=r"'chanel'.*Did you mean 'channel'.*tier, signup_month"):
        summarise(grouped_log(), group="chanel")


# ---- cells -------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 2)),
        max_size=60,
    )
)
def test_cells_are_distinct_sorted_and_lead_back_to_every_customer(rows):
    values = np.array(rows, dtype=float).reshape(len(rows), 4)
    group, x, t_x, T = values[:, 3].astype(int), values[:, 0], values[:, 1], values[:, 2]
    gaps = np.arange(len(rows), dtype=float)
    cells, inverse = Cells.collapse(
        x, t_x, T, sum_log_gap=gaps, group=group, groups=("a", "b", "c")
    )
    keys = list(zip(cells.group, cells.x, cells.t_x, cells.T, strict=True))
    assert keys == sorted(set(zip(group, x, t_x, T, strict=True)))
    assert cells.n_customers == len(rows)
    for column, own in ((x, cells.x), (t_x, cells.t_x), (T, cells.T), (group, cells.group)):
        np.testing.assert_array_equal(own[inverse], column)
    for i in range(len(cells)):
        assert cells.sum_log_gap[i] == pytest.approx(gaps[inverse == i].mean())
        assert cells.weight[i] == (inverse == i).sum()


def test_customers_point_to_their_cells():
    summary = summarise(open_log(DataConfig(name="cdnow")), "1997-09-30")
    cells, customers = summary.cells, summary.customers
    for name in ("x", "t_x", "T"):
        np.testing.assert_array_equal(getattr(cells, name)[customers["cell"]], customers[name])
    assert (cells.weight * cells.sum_log_gap).sum() == pytest.approx(customers["sum_log_gap"].sum())


def test_a_summary_from_arrays_agrees_with_the_one_from_events():
    summary = summarise(grouped_log(), group="channel")
    c = summary.customers
    again = Summary.from_arrays(
        c["x"],
        c["t_x"],
        c["T"],
        as_of="2020-02-05",
        customer_id=c["customer_id"],
        group=c["channel"],
    )
    renamed = c.rename(columns={"channel": "group"})
    pd.testing.assert_frame_equal(again.customers, renamed)
    np.testing.assert_array_equal(again.cells.weight, summary.cells.weight)


@pytest.mark.parametrize(
    ("x", "t_x", "T"), [(1, 5, 4), (0, 1, 4), (-1, 0, 1), (1.5, 1, 2), (1, -1, 2), (1, 1, np.nan)]
)
def test_values_no_customer_can_have_are_refused(x, t_x, T):
    with pytest.raises(UsageError, match=r"row 1 \(customer '0000001'\) has"):
        Summary.from_arrays([0, x], [0, t_x], [3, T], as_of="2020-01-01")


def test_arrays_of_different_length_are_refused():
    with pytest.raises(UsageError, match="one length"):
        Summary.from_arrays([0, 1], [0], [3, 3], as_of="2020-01-01")
    with pytest.raises(DataError, match="no purchases up to 2019-12-31"):
        summarise(grouped_log().until("2019-12-31"))


@pytest.mark.slow
def test_a_million_customers_in_seconds():
    """5 million rows; 3.4 s of processor time on two cores when written; the bound is generous."""
    import time

    rng = np.random.default_rng(0)
    n = 1_000_000
    who = np.repeat(np.arange(n), rng.geometric(0.2, n))
    at = np.datetime64("2022-01-01") + rng.integers(0, 730, len(who)).astype("timedelta64[D]")
    frame = pd.DataFrame({"customer_id": who, "event_at": at.astype("datetime64[s]")})
    log = read_events(frame, duplicates="keep")
    start = time.process_time()
    summary = summarise(log)
    assert time.process_time() - start < 20
    assert summary.cells.n_customers == n
