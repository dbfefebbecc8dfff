"""Several days: which, the shares on them, the core-leak verdict (P10), and one person's days."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import UsageError
from churnlab.explanation.curves import risk_by_day
from churnlab.explanation.data import near_ids
from churnlab.posterior import RiskConfig
from churnlab.posterior.risk import risk_curve
from churnlab.segments import (
    Axis,
    SegmentsConfig,
    Snapshot,
    calibrate_out_of_time,
    days_back,
    leak_verdict,
    shares_over_time,
    shares_table,
)
from churnlab.segments.movement.history import LeakVerdict
from churnlab.segments.movement.leaks import leak_alert

from .conftest import PURCHASE_THETA, draws_around
from .test_shares_change import ids_of, made_up

CONFIG = SegmentsConfig(draws=30, replicates=200)


def test_days_go_back_in_equal_steps_and_leave_out_the_shops_first() -> None:
    as_of = dt.date(2024, 12, 31)
    days = days_back(as_of, dt.date(2024, 1, 1), 30, 3)
    assert [(as_of - d).days for d in days] == [90, 60, 30, 0]
    young = days_back(as_of, dt.date(2024, 10, 2), 30, 6)
    assert [(as_of - d).days for d in young] == [60, 30, 0]  # 90 days back is the first event
    younger = days_back(as_of, dt.date(2024, 10, 3), 30, 6)
    assert [(as_of - d).days for d in younger] == [30, 0]  # 60 days back is its 30th day
    assert days_back(as_of, dt.date(2024, 1, 1), 30, 0) == [as_of]


def test_p7_shares_over_time_are_each_days_own(november: Snapshot, december: Snapshot) -> None:
    both = {"own_fit": [november, december], "latest_fit": [december]}
    table = shares_over_time(both, CONFIG, np.random.default_rng(1))
    assert table.groupby(["scored_by", "as_of"]).ngroups == 3
    for snapshot in (november, december):
        alone = shares_table(snapshot, CONFIG, np.random.default_rng(1))
        day = table[(table["scored_by"] == "own_fit")
                    & (table["as_of"] == pd.Timestamp(snapshot.as_of))]  # fmt: skip
        assert day["share"].tolist() == alone["share"].tolist()
        assert (day["share_q05"] <= day["share_q95"]).all()


def _months(leaks: list[float], new: list[int], n: int = 1000) -> list[Snapshot]:
    """A core of which a share leaks each month, and newcomers outside of it."""
    rng = np.random.default_rng(5)
    snapshots, signup, total = [], [], n
    for i, (leak, joined) in enumerate(zip([0.0, *leaks], [0, *new], strict=True)):
        total += joined
        in_core = rng.random(total) >= leak
        day = pd.Timestamp("2024-01-31") + pd.Timedelta(days=30 * i)
        made = made_up(str(day.date()), ids_of(total), np.where(in_core, 0, 12))
        signup += [day if i else pd.Timestamp("2023-01-01")] * (total - len(signup))
        snapshots.append(
            replace(made, membership=made.membership.assign(signed_up_at=list(signup)))
        )
    return snapshots


def test_p10_every_step_is_judged_by_the_steps_before_it() -> None:
    found = leak_verdict(_months([0.2] * 5 + [0.35], [100] * 6), 0.05)
    steps = found.steps
    assert found.alert is not None
    assert found.alert.alert
    assert found.reason is None
    assert steps["n_new"].tolist() == [100] * 6
    assert steps["alert"].isna().tolist() == [True] * 3 + [False] * 3
    assert steps["alert"].tolist()[3:] == [False, False, True]
    for i in (3, 4, 5):
        alone = leak_alert(steps.iloc[: i + 1], 0.05)
        assert steps["p_value"].iloc[i] == alone.p_value
        assert steps["usual_share"].iloc[i] == alone.usual_share


def test_p10_a_closed_cohort_gets_no_verdict_and_falling_inflow_is_said() -> None:
    closed = leak_verdict(_months([0.2] * 4 + [0.35], [0] * 5), 0.05)
    assert closed.alert is None
    assert "closed cohort always leaks" in str(closed.reason)
    assert closed.steps["alert"].isna().all()
    falling = leak_verdict(_months([0.2] * 5, [100, 100, 100, 100, 40]), 0.05)
    assert falling.alert is not None
    assert "40 members signed up in the latest period, 100 in an earlier one" in str(falling.reason)


@pytest.mark.parametrize("leaks", [[1.0] * 5, [1.0, 0.2, 0.2, 0.2, 1.0, 0.2]])
def test_p10_without_a_core_to_leave_there_is_no_verdict(leaks: list[float]) -> None:
    """No visit log, or a core that is empty when the latest step begins."""
    days = _months(leaks, [50] * len(leaks))[1:]
    found = leak_verdict(days, 0.05)
    assert found.steps["n_core"].iloc[-1] == 0
    assert found.alert is None
    assert "nobody was in the core" in str(found.reason)
    assert found.steps["p_value"].isna().iloc[-1]


def test_p10_one_core_customer_is_enough_for_a_verdict() -> None:
    steps = pd.DataFrame({"n_core": [0, 0, 5, 1], "n_leaked": [0, 0, 1, 1]})
    assert 0 < leak_alert(steps).p_value <= 1
    for place in (2, 3):
        with pytest.raises(UsageError, match="there were"):
            leak_alert(steps.assign(n_core=np.where(np.arange(4) == place, 0, steps["n_core"])))


@pytest.mark.parametrize("periods", [0, 1, 3])
def test_p10_too_few_periods_are_said(periods: int) -> None:
    found: LeakVerdict = leak_verdict(_months([0.2] * periods, [50] * periods), 0.05)
    assert found.alert is None
    assert f"there are {max(periods - 1, 0)}" in str(found.reason)


def test_a_persons_risk_is_that_of_the_history_up_to_each_day() -> None:
    draws = draws_around(PURCHASE_THETA, n=20)
    events = np.array(["2024-01-10", "2024-01-30", "2024-03-01"], dtype="datetime64[D]")
    for basis in ("p_alive", "personal_cycles"):
        risk = RiskConfig(basis=basis)
        axis = Axis(draws, risk, (0.5,))
        found = risk_by_day(axis, events, np.datetime64("2024-04-30")).set_index("day")
        assert found.index[0] == pd.Timestamp("2024-01-11")
        assert found.loc[["2024-01-30", "2024-03-01"], "mean"].isna().all()
        between = risk_curve(draws, 1, 20, np.arange(1, 31), risk)  # 31 January to 29 February
        assert found.loc["2024-01-31":"2024-02-29", "mean"].to_numpy() == pytest.approx(
            between.mean, abs=1e-12
        )
        after = risk_curve(draws, 2, 51, np.arange(1, 61), risk)
        for name in ("mean", "q05", "q95"):
            assert found.loc["2024-03-02":, name].to_numpy() == pytest.approx(
                getattr(after, name), abs=1e-12
            )


def test_ids_near_an_unknown_one_differ_by_zeros_or_case_first() -> None:
    known = ["m00015", "m00150", "m02015", "c15", "x"]
    assert near_ids("m15", known)[0] == "m00015"
    assert near_ids("M0015", known)[0] == "m00015"
    assert near_ids("15", ["0015", "9915"])[0] == "0015"
    assert near_ids("zzzzzzzz", known) == []


def test_p12_out_of_time_counts_only_windows_that_are_over() -> None:
    """By hand: windows are 2 rhythms, 14 to 182 days; 60 days are known after the origin."""
    customers = pd.DataFrame(
        {
            "customer_id": list("abcde"),
            "x": [3, 3, 3, 3, 0],
            "rhythm_days": [20.0, 20.0, 2.0, 90.0, 20.0],
            "risk_personal_cycles": [0.2, 0.2, 0.6, 0.9, 0.9],
        }
    )
    days = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c", "d"],
            "day": pd.to_datetime(["2024-02-10", "2024-02-09", "2024-01-15", "2024-01-05"]),
        }
    )
    found = calibrate_out_of_time(
        customers, days, dt.date(2024, 1, 1), dt.date(2024, 3, 1), RiskConfig()
    ).set_index("churn_band")
    # a comes on day 40 of its window of 40, b a day earlier, c on day 14 of 14; d's window (180)
    # is not over and e has bought once
    assert (found["left_out"] == 1).all()
    assert found["n"].to_dict() == {"0-25%": 2, "25-50%": 0, "50-75%": 1, "75-100%": 0}
    assert found.loc[["0-25%", "50-75%"], "observed"].tolist() == [0.0, 0.0]
    late = days.assign(day=days["day"] + pd.Timedelta(days=1))
    again = calibrate_out_of_time(
        customers, late, dt.date(2024, 1, 1), dt.date(2024, 3, 1), RiskConfig()
    ).set_index("churn_band")
    assert again.loc[["0-25%", "50-75%"], "observed"].tolist() == [0.5, 1.0]
