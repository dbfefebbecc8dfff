"""The distinct rows of a table, by whole numbers joined into one and by sorting every column."""

import numpy as np
import pytest

from churnlab.summary import cells

#: What cannot be joined into one column of whole numbers that sorts the same.
ODD = {
    "whole numbers": [3.0, 0.0, 1.0],
    "halves": [2.5, 0.0, 1.0],
    "below zero": [-1.0, 0.0, 2.0],
    "large": [1e18, 7.0, 1.0],
}


@pytest.mark.parametrize("kind", ODD)
def test_they_are_those_of_numpy(kind):
    rng = np.random.default_rng(1)
    table = [rng.choice(v, 200) for v in ([0, 1], ODD[kind], [0.0, 9.0, 4.0])]
    assert (cells._joined(table) is not None) == (kind == "whole numbers")
    first, inverse = cells.distinct_rows(*table)
    wanted, of = np.unique(np.column_stack(table), axis=0, return_inverse=True)
    np.testing.assert_array_equal(np.column_stack(table)[first], wanted)
    np.testing.assert_array_equal(inverse, of.ravel())


def test_a_joined_column_keeps_to_what_64_bits_hold():
    most = cells._WHOLE - 1
    assert cells._joined([np.array([0, most])]) is not None
    assert cells._joined([np.array([0, most + 1])]) is None
    assert cells._joined([np.array([0, 1]), np.array([0, most // 2])]) is not None
    assert cells._joined([np.array([0, 1]), np.array([0, most // 2 + 1])]) is None
    assert cells._joined([np.array([0, np.nan])]) is None
