"""Pairs and triples: the window to the second, censoring, and equality with the obvious way."""

import itertools

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples

from churnlab.errors import DataError
from churnlab.events import log_from_frames
from churnlab.journeys import JourneyConfig
from churnlab.journeys.baskets import read_baskets
from churnlab.journeys.mine import mine

from .conftest import purchases
from .slow import count

SECOND = 1 / 86_400


def config(**keys):
    return JourneyConfig(**{"least_customers": 1, "most_items": 10} | keys)


def journeys(log, settings):
    baskets = read_baskets(
        log, level=settings.level, window_days=settings.window_days, most_items=settings.most_items
    )
    return mine(baskets, settings).journeys.set_index("path")


def test_j4_exactly_ten_days_is_in_one_second_more_is_out(make_log):
    log = make_log([("in", 1, "A"), ("in", 11, "B"), ("out", 1, "A"), ("out", 11 + SECOND, "B")])
    row = journeys(log, config()).loc["A > B"]
    assert (row["exposures"], row["completed"], row["support"]) == (2, 1, 1)
    assert row["gap_days"] == 10.0


def test_j4_the_whole_span_is_within_the_window_or_each_gap_on_its_own(make_log):
    log = make_log([("c", 1, "A"), ("c", 8, "B"), ("c", 15, "C"), ("d", 1, "A"), ("d", 4, "B"),
                    ("d", 11, "C")])  # fmt: skip
    whole, gap = (journeys(log, config(span=s)).loc["A > B > C"] for s in ("whole", "gap"))
    assert (whole["support"], gap["support"]) == (1, 2)
    assert whole["span_days"] == 10.0


def test_j4_per_gap_a_later_second_step_may_carry_on(make_log):
    log = make_log([("c", 1, "A"), ("c", 2, "B"), ("c", 10, "B"), ("c", 19, "C")])
    assert journeys(log, config(span="gap")).loc["A > B > C", "support"] == 1


@pytest.mark.parametrize(("day", "counted"), [(80.99, 1), (81.0, 0)])
def test_j4_per_gap_two_windows_must_be_over(make_log, day, counted):
    sure = [("c", 1, "A"), ("c", 2, "B"), ("c", 3, "C")]
    log = make_log([*sure, ("d", day, "A"), ("d", day + 1, "B"), ("d", day + 2, "C")])
    assert journeys(log, config(span="gap")).loc["A > B > C", "exposures"] == 1 + counted


@pytest.mark.parametrize(("day", "counted"), [(90.99, 1), (91.0, 0), (95.0, 0)])
def test_j4_exposures_with_an_open_window_leave_numerator_and_denominator(make_log, day, counted):
    """The log ends with day 100, so a window of 10 days after day 91, 0:00, is not over."""
    sure = [("c", 1.0, "A"), ("c", 2.0, "B")]
    log = make_log([*sure, ("d", day, "A"), ("d", day + 1, "B")])
    row = journeys(log, config()).loc["A > B"]
    assert (row["exposures"], row["completed"], row["support"]) == (1 + counted,) * 3


def test_support_counts_customers_and_a_repeat_is_no_journey(make_log):
    log = make_log(
        [("c", d, i) for d, i in enumerate("ABABAB", 1)] + [("d", 1, "A"), ("d", 2, "A")]
    )
    found = journeys(log, config())
    assert found.loc["A > B", "support"] == 1
    assert found.loc["A > B", "completed"] == 3
    assert "A > A" not in found.index
    assert "A > B > A" not in found.index


def test_rows_of_one_order_are_one_basket_at_its_first_row(make_log):
    log_frame = pd.DataFrame(
        {
            "customer_id": "c",
            "event_at": pd.to_datetime(
                ["2024-01-02 10:00", "2024-01-02 10:05", "2024-01-03 10:00"]
            ),
            "order_id": ["o1", "o1", "o2"],
            "item": ["A", "B", "B"],
        }
    )
    found = journeys(log_from_frames({"purchases": log_frame}, as_of="2024-03-01"), config())
    assert found.loc["A > B", "gap_days"] == 1.0


def test_j3_support_is_in_customers_by_item_or_by_category(make_log):
    """Two customers go from drinks to snacks, by different goods; one of them twice."""
    rows = purchases([("c", 1, "A"), ("c", 2, "X"), ("c", 20, "A"), ("c", 21, "X"), ("d", 1, "B"),
                      ("d", 2, "Y")])  # fmt: skip
    kinds = {"A": "drinks", "B": "drinks", "X": "snacks", "Y": "snacks"}
    rows["category"] = rows["item"].map(kinds)
    log = log_from_frames({"purchases": rows}, as_of="2024-04-01")
    assert journeys(log, config()).loc["A > X", ["support", "completed"]].tolist() == [1, 2]
    by_kind = journeys(log, config(level="category"))
    assert by_kind.loc["drinks > snacks", ["support", "completed"]].tolist() == [2, 3]


def test_j3_without_a_column_of_categories_it_is_said_how_to_map_one(make_log):
    log = make_log([("c", 1, "A"), ("c", 2, "B")])
    with pytest.raises(DataError, match=r"data\.purchases\.category"):
        journeys(log, config(level="category"))


HISTORY = st.lists(
    st.tuples(
        st.sampled_from("xyz"),
        st.integers(0, 30).map(float),
        st.sets(st.sampled_from("ABCD"), min_size=1).map(lambda s: " ".join(sorted(s))),
    ),
    min_size=4,
    max_size=25,
)


@pytest.mark.parametrize("span", ["whole", "gap"])
@settings(
    max_examples=examples(5, 12),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=HISTORY)
def test_every_count_equals_the_obvious_way(make_log, span, history):
    items = {i for _, _, text in history for i in text.split()}
    if len(items) < 2 or all(d + 5 >= 31 for _, d, _ in history):
        return
    log = make_log(history, days=30)
    found = journeys(log, config(span=span, window_days=5, most_prefixes=50, most_journeys=500))
    for length in (2, 3):
        for path in itertools.permutations(sorted(items), length):
            slow = count(history, path, 5, span, 31)
            name = " > ".join(path)
            assert (name in found.index) == (slow["support"] > 0), name
            if slow["support"]:
                row = found.loc[name]
                for column in ("exposures", "completed", "support"):
                    assert row[column] == slow[column], (name, column)
                assert row["expected"] == pytest.approx(slow["expected"], abs=1e-9), name
                quantiles = [row[f"gap_{q}"] for q in ("q10", "q25", "days", "q75", "q90")]
                slow_ones = np.quantile(slow["gaps"], [0.1, 0.25, 0.5, 0.75, 0.9])
                assert quantiles == pytest.approx(slow_ones), name


def test_the_window_must_fit_into_the_history(make_log):
    log = make_log([("c", 1, "A"), ("c", 2, "B")], days=8)
    with pytest.raises(DataError, match=r"spans 8\.0 days"):
        journeys(log, config(window_days=8))
    assert len(journeys(log, config(window_days=8 - 1e-6)))


def test_of_customers_whose_windows_are_all_open_there_are_no_journeys(make_log):
    """As of the few who are loyal, in a log that is longer than the window."""
    log = make_log([("early", 1, "Q"), ("c", 95, "A"), ("c", 96, "B")])
    baskets = read_baskets(log, level="item", window_days=10, most_items=9)
    late = ibis.memtable(pd.DataFrame({"customer_id": ["c"]}))
    assert mine(baskets.of(late), config()).journeys.empty


def test_one_kind_of_goods_has_no_journeys(make_log):
    with pytest.raises(DataError, match="at least two different goods"):
        journeys(make_log([("c", 1, "A"), ("c", 2, "A")]), config())


def test_what_is_listed_is_the_best_supported_and_the_highest_above_chance(make_log):
    rng = np.random.default_rng(1)
    baskets = [(f"c{i}", d, rng.choice(list("ABCDEF"))) for i in range(40) for d in range(1, 30, 3)]
    log = make_log(baskets)
    every, few = (journeys(log, config(most_journeys=n)) for n in (500, 3))
    pairs, short = every[every["length"] == 2], few[few["length"] == 2]
    assert len(pairs) == 30
    assert set(short.index) == {*pairs.index[:3], *pairs.nlargest(3, "lift_q05").index}
    assert short["prior_shape"].iloc[0] == pairs["prior_shape"].iloc[0]
