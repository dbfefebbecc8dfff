"""Ids in Arrow: where they stand, in what order, and names by code."""

import numpy as np
import pandas as pd
import pytest

from churnlab.events.arms import HOLDOUT, arm_of, held_out
from churnlab.events.ids import increasing, looked_up, positions, ranks, text, whole

IDS = pd.Series(["b", "a", "é", "b"], dtype="str")


def test_positions_are_the_first_of_several_and_minus_one_for_nobody():
    assert positions(["b", "z", "é"], IDS).tolist() == [0, -1, 2]
    assert positions([], IDS).tolist() == []


def test_columns_are_looked_up_by_id_and_null_for_nobody():
    days = pd.Series(pd.to_datetime(["2024-01-01", "2024-01-02", None, "2024-01-04"]))
    day, name = looked_up(["é", "z", "b"], IDS, days, IDS)
    assert [*pd.Series(day).isna()] == [True, True, False]
    assert day[2] == days[0]  # the first of two
    assert [*pd.Series(name).fillna("nobody")] == ["é", "nobody", "b"]


def test_ranks_are_those_of_the_sorted_distinct_ids():
    assert ranks(IDS).tolist() == [1, 0, 2, 1]
    assert ranks(IDS[IDS == "nobody"]).tolist() == []


@pytest.mark.parametrize(
    ("ids", "expected"),
    [([], True), (["a"], True), (["a", "b"], True), (["a", "a"], False), (["b", "a"], False)],
)
def test_increasing_ids_are_sorted_and_differ(ids, expected):
    assert increasing(pd.Series(ids, dtype="str")) is expected


def test_pieces_of_several_tables_are_one_array():
    both = pd.concat([IDS, IDS.iloc[:1]], ignore_index=True)
    assert whole(both).to_pylist() == [*IDS, "b"]


def test_a_code_of_minus_one_has_no_name():
    named = text(("x", "y"), np.array([1, -1, 0], np.int8))
    assert pd.Series(named).astype(object).where(~pd.isna(named), None).tolist() == ["y", None, "x"]
    assert named.dtype == "str"


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_many_are_held_out_as_each_alone(share):
    ids = pd.Series([f"kunde-é-{i}" for i in range(400)], dtype="str")
    alone = [arm_of(one, share, "salt") == HOLDOUT for one in ids]
    assert held_out(ids, share, "salt").tolist() == alone
