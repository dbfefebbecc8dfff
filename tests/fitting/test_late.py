"""Newly late, winnable, gone: edges of the bands, the headline, extreme states."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from churnlab.fitting.late import count_late, extreme_states
from churnlab.fitting.report.text import banner, headline
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import RiskConfig, Rows, StateCut, customers_table, risk_summary
from churnlab.posterior.bands import days_since, risk_band
from churnlab.rules import Costs
from churnlab.segments.grid.extremes import extreme_visits
from churnlab.summary import Summary

DAY = dt.date(2024, 6, 30)
COSTS = Costs(contact_cost=1.0, save_probability=0.05, value_per_customer=40.0)
DRAWS = PopulationDraws("mbg_nbd", 1, np.array([[[0.52, 43.0, 0.89, 1.61]]]))


def people(days_late, p_return, risk=0.9, **more) -> pd.DataFrame:
    """Customers late for so many days (negative: not yet), one row each."""
    late = np.array(days_late, float)
    dates = np.datetime64(DAY, "s") - late.astype("timedelta64[D]")
    band = risk_band(late, np.broadcast_to(np.array(p_return, float), late.shape))
    columns = {"at_risk_date": dates, "risk_band": band, "risk_personal_cycles": risk, "x": 1}
    return pd.DataFrame(columns | more)


@pytest.mark.parametrize(
    ("late", "p_return", "band"),
    [
        (-1, 0.1, "active"),
        (0, 0.1, "fresh"),
        (29, 0.1, "fresh"),
        (30, 0.1, "gone"),
        (30, 0.5, "winnable"),
        (30, np.nextafter(0.5, 0), "gone"),
        (np.nan, 0.0, "active"),
    ],
)
def test_bands_begin_where_they_say(late, p_return, band):
    assert risk_band(np.array([late]), np.array([p_return])).tolist() == [band]


def test_days_at_risk_count_the_date_itself_as_0_and_never_as_nan():
    dates = np.array(["2024-06-30", "2024-06-23", "2024-07-01", "9999-12-31"], "datetime64[s]")
    since = days_since(dates, DAY)
    assert since[:3].tolist() == [0, 7, -1]
    assert np.isnan(since[3])


def test_the_headline_counts_week_month_worth_and_gone():
    some = people([0, 6, 7, 29, 40, 41, 42, -3], [0.9, 0.9, 0.9, 0.9, 0.8, 0.8, 0.2, 0.9])
    counts = count_late(some, DAY, COSTS)
    assert (counts.week, counts.month, counts.winnable, counts.gone) == (2, 4, 2, 1)
    assert (counts.at_risk, counts.purchasers, counts.worth_message) == (7, 8, 2)
    said = headline(counts.to_dict())
    assert said == (
        "2 became late this week, 4 this month; 2 more are worth a message at your costs; "
        "1 are probably gone."
    )
    assert "2명은 지정한 비용에서" in headline(counts.to_dict(), "ko")


def test_a_message_pays_from_the_cost_ratio_on():
    at = people([40, 40], 0.8, risk=[COSTS.ratio, np.nextafter(COSTS.ratio, 0)])
    assert count_late(at, DAY, COSTS).worth_message == 1


def test_without_costs_nobody_is_called_worth_a_message():
    counts = count_late(people([40, 40, 3], 0.8), DAY, Costs())
    assert counts.worth_message is None
    assert "costs not stated" in headline(counts.to_dict())
    assert "비용이 지정되지 않았습니다" in headline(counts.to_dict(), "ko")


def test_value_at_stake_is_summed_by_band():
    counts = count_late(people([0, 40, -1], 0.8, residual_value=[3.0, 5.0, 7.0]), DAY, Costs())
    assert counts.value == {"active": 7.0, "fresh": 3.0, "winnable": 5.0, "gone": 0.0}
    assert count_late(people([0], 0.8), DAY, Costs()).value is None


@pytest.mark.parametrize(
    ("at_risk", "of", "said"),
    [(5, 50, []), (4, 50, ["repeat_active"]), (45, 50, []), (46, 50, ["repeat_risk"])],
)
def test_a_state_of_more_than_90_percent_is_said_with_its_reason(at_risk, of, said):
    some = people(
        [5] * at_risk + [-5] * (of - at_risk), 0.8, days_since_last=40.0, rhythm_days=20.0,
        last_purchase_at=np.datetime64("2024-05-21", "s"),
    )  # fmt: skip
    found = extreme_states(some, DAY)
    assert [f["state"] for f in found] == said
    for f in found:
        assert f["of"] == of
        assert f["n"] == max(at_risk, of - at_risk)
        assert "silent for 2.0 own rhythms" in banner(f)


def test_visit_states_are_said_under_2_and_over_90_percent():
    def found(*counts):
        states = np.repeat(["visit_active", "visit_risk", "visit_inactive"], counts)
        last = pd.Timestamp("2024-06-20")
        return extreme_visits(
            pd.DataFrame(
                {"visit_state": states, "as_of": pd.Timestamp(DAY), "last_visit_at": last,
                 "signed_up_at": last, "visit_risk_date": pd.Timestamp("2024-07-05")}
            )
        )  # fmt: skip

    assert found(2, 8, 90) == []
    assert [f["state"] for f in found(1, 8, 91)] == ["visit_active", "visit_inactive"]
    assert "not come for 10 days or longer, and visits are at risk after 15 days" in banner(
        found(1, 9, 90)[0]
    )
    assert extreme_visits(pd.DataFrame({"visit_state": ["visit_unknown"]})) == []


def test_the_table_holds_the_chance_to_return_within_a_year_and_the_band():
    rows = Rows(np.zeros(4, np.int64), *np.array([[0, 3, 8, 1], [0, 90, 300, 30],
                                                  [400, 140, 330, 45]], float))  # fmt: skip
    summary = Summary.from_arrays(*rows[1:], as_of=DAY)
    table = customers_table(summary, DRAWS)
    year = risk_summary(DRAWS, rows, RiskConfig(basis="fixed_days", horizon_days=365)).mean
    np.testing.assert_allclose(table["p_return_year"], 1 - year, rtol=1e-12)
    since = days_since(table["at_risk_date"].to_numpy(), DAY)
    assert table["risk_band"].tolist() == risk_band(since, 1 - year).tolist()
    only = customers_table(summary, DRAWS, columns=["customer_id", "risk_band"])
    assert only["risk_band"].tolist() == table["risk_band"].tolist()
    assert "risk_band" not in customers_table(summary, DRAWS, state=None)
    on_risk = customers_table(summary, DRAWS, state=StateCut(RiskConfig(), 0.5, 0.5))
    assert set(on_risk["risk_band"]) <= {"active", "fresh", "winnable", "gone"}
