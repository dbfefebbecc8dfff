"""Origins: where they lie, what is dropped and why, and bad configurations."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest

from churnlab.backtest import Panel, SplitConfig
from churnlab.backtest.splits import _fixed_step, plan_origins
from churnlab.errors import DataError, UsageError
from churnlab.origins.targets import targets


def _plan(log, **fields):
    split = SplitConfig(**fields)
    return plan_origins(Panel.from_log(log), split, targets(split.horizon_days, split.cycles))


def test_origins_are_laid_back_from_the_last_complete_window(small_log):
    plan = _plan(small_log, origins=3, horizon_days=[60], warmup=0)
    dates = [o.date for o in plan.origins]
    assert dates[-1] == small_log.as_of - dt.timedelta(days=60)
    assert {(b - a).days for a, b in pairwise(dates)} == {60}
    assert not plan.dropped


def test_anchored_origins_stay_where_they_are_while_the_log_grows(small_log):
    def days(as_of, **fields):
        log = small_log.until(as_of)
        plan = _plan(log, **{"horizon_days": [60], "warmup": 0, "anchored": True} | fields)
        return [o.date.toordinal() - dt.date(1970, 1, 1).toordinal() for o in plan.origins]

    last = (small_log.as_of - dt.timedelta(days=60)).toordinal()
    for ago in (0, 1, 59, 60):
        found = days(small_log.as_of - dt.timedelta(days=ago))
        room = last - ago - dt.date(1970, 1, 1).toordinal()
        assert found[-1] == room - room % 60
        assert {b - a for a, b in pairwise(found)} == {60}
    assert len(days(small_log.as_of, origins=9, step_days=60)) == 5  # those that have a history
    assert days(small_log.as_of, step_days=28)[-1] % 28 == 0


def test_the_step_of_anchored_origins_is_halved_where_the_history_is_short():
    assert [_fixed_step(span, 3, 60) for span in (180, 179, 90, 89, 0)] == [60, 30, 30, 15, 1]


def test_a_warm_up_origin_is_learnt_from_but_not_scored(small_log):
    limits = {"least_purchasers": 100}
    from churnlab.backtest.config import Limits

    plan = _plan(small_log, origins=2, horizon_days=[60], warmup=1, limits=Limits(**limits))
    assert [o.scored for o in plan.origins] == [False, True, True]
    assert (plan.origins[1].date - plan.origins[0].date).days == 60


def test_windows_that_are_not_complete_are_dropped_and_said(small_log):
    plan = _plan(small_log, origins=["2020-06-01", "2021-01-10"], horizon_days=[20, 60], warmup=0)
    assert [t.label for t in plan.origins[0].targets] == ["20d", "60d"]
    assert [t.label for t in plan.origins[1].targets] == ["20d"]
    assert "2021-01-10, 60d: the window ends on 2021-03-11" in plan.dropped[0]


def test_no_complete_window_at_all_is_an_error(small_log):
    with pytest.raises(DataError, match="no origin has a complete label window"):
        _plan(small_log, origins=["2021-02-01"], horizon_days=[90])
    with pytest.raises(DataError, match="before the first purchase"):
        _plan(small_log, origins=["2019-02-01"], horizon_days=[90])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"origins": 0}, "positive number or a list of dates"),
        ({"origins": ["1997-13-01"]}, "list of dates"),
        ({"origins": []}, "an empty list"),
        ({"origins": "soon"}, "list of dates"),
        ({"horizon_days": [-30]}, "must be positive; got -30"),
        ({"horizon_days": [], "cycles": []}, "both are empty"),
        ({"cycles": [0.0]}, "cycles must be positive"),
        (
            {"recalibration": "plat"},
            "isotonic, shrunk_isotonic, platt, beta, auto or none; got 'plat'",
        ),
        ({"step_days": 0}, "step_days must be positive"),
        ({"replicates": 3}, "at least 20"),
    ],
)
def test_bad_values_are_said_plainly(fields, words):
    with pytest.raises(UsageError, match=words):
        SplitConfig(**fields)
