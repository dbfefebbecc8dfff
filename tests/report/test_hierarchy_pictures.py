"""Shrinkage figures: their numbers are the tables', and both languages draw."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from churnlab.errors import UsageError
from churnlab.fitting.report import groups_data as numbers
from churnlab.fitting.report import groups_plots as pictures
from churnlab.report.style import styled

SIZES = {"fair": 8, "search": 900, "email": 50}


def table(shift: float, *, population: bool) -> pd.DataFrame:
    rows = {f"rate_mean[{name}]": shift + i for i, name in enumerate(SIZES)}
    rows |= {"rate_mean": 7.0} if population else {}
    mean = pd.Series(rows)
    return pd.DataFrame({"mean": mean, "q05": mean - 0.5, "q95": mean + 0.25})


@pytest.fixture
def found() -> pd.DataFrame:
    apart, partial = table(1.0, population=False), table(2.0, population=True)
    return numbers.groups(apart, partial, SIZES, scale=30)


def test_groups_come_largest_first_with_both_estimates(found):
    assert list(found["group"]) == ["search", "email", "fair"]
    assert list(found["customers"]) == [900, 50, 8]
    np.testing.assert_allclose(found["apart"], 30 * np.array([2.0, 3.0, 1.0]))
    np.testing.assert_allclose(found["partial_q95"], 30 * np.array([3.25, 4.25, 2.25]))
    assert (found["population"] == 210.0).all()


def test_a_fit_without_groups_says_what_to_do():
    pooled = pd.DataFrame({"mean": [1.0], "q05": [0.5], "q95": [2.0]}, index=["rate_mean"])
    with pytest.raises(UsageError, match=r"the apart fit has no rate_mean\[search\].*group="):
        numbers.groups(pooled, table(2.0, population=True), SIZES)


@pytest.fixture
def pairs() -> pd.DataFrame:
    x = np.r_[np.zeros(50), np.ones(400), np.arange(2, 52)]
    people = {"x": x, "t_x": 3 * x, "cycle_days": 5 + x, "cycle_q05": 1 + x, "cycle_q95": 9 + x}
    return numbers.individuals(pd.DataFrame(people), most=40)


def test_individuals_are_spread_over_the_number_of_gaps(pairs):
    assert len(pairs) == 40
    assert (pairs["x"].min(), pairs["x"].max()) == (1, 51)
    np.testing.assert_allclose(pairs["mean_gap_days"], 3.0)
    np.testing.assert_allclose(pairs["cycle_q95"] - pairs["cycle_q05"], 8.0)
    assert (pairs["x"] > 1).sum() >= 4  # a tenth of the repeat customers, and seen


@pytest.mark.parametrize(("lang", "word"), [("en", "partial pooling"), ("ko", "부분 풀링")])
def test_the_figures_are_drawn_in_both_languages(found, pairs, lang, word):
    with styled():
        _, (left, right) = plt.subplots(1, 2)
        pictures.groups(left, found, truth=dict.fromkeys(SIZES, 60.0), quantity="q", lang=lang)
        pictures.individuals(right, pairs, lang=lang)
        assert word in left.get_legend().get_texts()[1].get_text()
        assert left.get_yticklabels()[0].get_text() == "search (900)"
        drawn = np.concatenate([line.get_xdata() for line in left.lines[:2]])
        np.testing.assert_allclose(drawn, np.r_[found["apart"], found["partial"]])
        plt.close("all")
