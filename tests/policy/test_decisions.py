"""Whom a rule contacts at an origin, what that cost, and how each is written down."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from churnlab.backtest.scores.board import P_ALIVE, PLAIN, Cells, Entry
from churnlab.backtest.scores.decisions import (
    OWN_CUTOFF,
    _decisions,
    _paid_for,
    curves_frame,
    decision_risk,
    rules_frame,
)
from churnlab.backtest.scores.resample import Estimate
from churnlab.rules import CostRatioRule, Costs, FixedRule

#: A contact pays from a risk of one quarter on.
COSTS = Costs(cost_contact_wasted=1.0, cost_churn_missed=3.0)


def entry(score: list[float], outcome: list[float], x: list[int], **more: Any) -> Entry:
    """Return a forecast of customers with x repeat purchases."""
    truth = SimpleNamespace(
        past=SimpleNamespace(x=np.array(x), n=len(x), customer=np.arange(len(x))),
        target=SimpleNamespace(label="90d", basis="fixed_days"), scored=True,
        origin=dt.date(2024, 1, 1), known_from=dt.date(2024, 3, 31), outcome=np.array(outcome),
    )  # fmt: skip
    at = np.array(score)
    made = {"variant": PLAIN, "score": at, "risk": at} | more
    return Entry(truth, "m", "model", **made)  # type: ignore[arg-type]


def decided(one: Entry, **rules: Any) -> list[Any]:
    return list(_decisions(one, [], rules, None))


def priced(one: Entry, rule: Any) -> Any:
    mean = SimpleNamespace(mean=lambda e, paid: (Estimate(e.mean(paid), np.array([0.1, 0.3])),))
    (made,) = decided(one, rule=rule)
    return _paid_for(made, COSTS, mean)  # type: ignore[arg-type]


def test_first_purchasers_are_held_against_their_own_cut() -> None:
    one = entry([0.55, 0.55, 0.65], [1, 0, 1], x=[0, 2, 2])
    (made,) = decided(one, fixed=FixedRule(value=0.6, first_value=0.5))
    assert made.flag.tolist() == [True, False, True]
    assert (made.basis, made.rule, made.note) == ("fixed_days", "fixed", "")


def test_what_must_be_learnt_waits_for_an_earlier_origin() -> None:
    """Under P(alive) a cost ratio is learnt; in a window it is the cut itself."""
    rule = CostRatioRule(cost_contact_wasted=1.0, cost_churn_missed=3.0)
    (window,) = decided(entry([0.2, 0.3], [0, 1], x=[1, 1]), cost_ratio=rule)
    assert window.threshold.value == 0.25
    assert window.flag.tolist() == [False, True]
    (waiting,) = decided(entry([0.2, 0.3], [0, 1], x=[1, 1], variant=P_ALIVE), cost_ratio=rule)
    assert waiting.flag is waiting.threshold is None
    assert waiting.note == "no earlier origin with complete labels to learn from"
    table = rules_frame([waiting], COSTS).iloc[0]
    assert (table["basis"], table["rule"], table["note"]) == ("p_alive", "cost_ratio", waiting.note)
    assert np.isnan(table["flagged_share"])


def test_a_bare_score_has_no_decision() -> None:
    assert decided(entry([3.0, 9.0], [0, 1], x=[1, 1], risk=None), fixed=FixedRule()) == []


def test_a_decision_is_written_with_its_price_by_hand() -> None:
    """The cut .5 flags two of three, one in vain; .4 flags all, .6 one and misses nobody."""
    one = entry([0.45, 0.55, 0.65], [0, 0, 1], x=[1, 1, 1])
    row = rules_frame([priced(one, FixedRule(value=0.5))], COSTS).iloc[0]
    assert (row["rule"], row["threshold"], row["first_threshold"]) == ("rule", 0.5, 0.5)
    assert (row["origin"], row["n"], row["learnt_until"]) == ("2024-01-01", 3, "")
    assert row["flagged_share"] == pytest.approx(2 / 3)
    assert (row["precision"], row["recall"]) == pytest.approx((0.5, 1.0))
    assert row["cost_per_customer"] == pytest.approx(1 / 3)
    assert (row["cost_q05"], row["cost_q95"]) == pytest.approx((0.11, 0.29))
    assert row["extra_cost_lower"] == pytest.approx(1 / 3)
    assert row["extra_cost_higher"] == pytest.approx(-1 / 3)
    assert row["regret"] == pytest.approx(1 / 3)


def test_a_row_counts_as_often_as_it_has_customers() -> None:
    """Three alike at .45 and one at .65: the lower cut wastes three messages of four."""
    cells = Cells(np.array([0, 3]), np.array([0, 0, 0, 1]))
    one = entry([0.45, 0.65], [0, 0, 0, 1], x=[1, 1, 1, 1], shared=cells)
    row = rules_frame([priced(one, FixedRule(value=0.5))], COSTS).iloc[0]
    assert (row["flagged_share"], row["cost_per_customer"]) == (0.25, 0.0)
    assert row["extra_cost_lower"] == pytest.approx(3 / 4)


def test_a_score_that_ranks_by_p_alive_is_cut_as_a_risk() -> None:
    one = entry([-0.1, 1.2], [0, 1], x=[1, 1], variant=P_ALIVE)
    basis, risk = decision_risk(one) or ("", np.empty(0))
    assert (basis, risk.tolist()) == ("p_alive", [0.0, 1.0])


def test_a_cutoff_of_ones_own_is_written_as_such() -> None:
    flag = np.array([False, True])
    one = entry([3.0, 40.0], [0, 1], x=[1, 1], risk=None, flag=flag, details={"cutoff_days": 40.0})
    (made,) = decided(one, fixed=FixedRule())
    row = rules_frame([made], COSTS).iloc[0]
    assert (row["basis"], row["rule"], row["threshold"]) == ("idle_days", OWN_CUTOFF, 40.0)
    assert (row["precision"], row["recall"], row["flagged_share"]) == (1.0, 1.0, 0.5)
    assert np.isnan(row["cost_per_customer"])  # nobody has priced it


def test_a_forecast_has_one_curve_whatever_the_rules() -> None:
    one = entry([0.2, 0.8], [0, 1], x=[1, 1])
    made = decided(one, a=FixedRule(value=0.5), b=FixedRule(value=0.9))
    curve = curves_frame(made, COSTS)
    assert curve["threshold"].tolist() == pytest.approx(np.linspace(0, 1, 51).tolist())
    assert curve["flagged_share"].iloc[[0, 25, 50]].tolist() == [1.0, 0.5, 0.0]
    assert curve["cost_per_customer"].iloc[[0, 25, 50]].tolist() == [0.5, 0.0, 1.5]
    assert set(curve["candidate"]) == {"m"}
    assert curves_frame(made, Costs())["cost_per_customer"].isna().all()
    assert curves_frame([], COSTS).empty
