"""Decisions inside segments and reports that a slip would change without a word."""

from __future__ import annotations

import datetime as dt

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import churnlab as cl
from churnlab.backtest.report.plots import threshold_cost
from churnlab.fitting.report.text import latest_at_risk
from churnlab.posterior import RiskConfig
from churnlab.segments import calibrate_out_of_time
from churnlab.summary import summarise

ORIGIN = dt.date(2024, 1, 1)


@pytest.mark.parametrize(("known_days", "left_out"), [(90, 0), (89, 2)])
def test_a_band_is_calibrated_on_windows_that_are_over(known_days: int, left_out: int) -> None:
    """A window of 90 days is over on its 90th day, and not before."""
    customers = pd.DataFrame(
        {"customer_id": ["a", "b"], "x": [1, 2], "rhythm_days": [20.0, 20.0],
         "risk_fixed_days": [0.3, 0.6]}
    )  # fmt: skip
    days = pd.DataFrame({"customer_id": ["a"], "day": [pd.Timestamp("2024-03-31")]})  # day 90
    found = calibrate_out_of_time(
        customers, days, ORIGIN, ORIGIN + dt.timedelta(days=known_days),
        RiskConfig(basis="fixed_days", horizon_days=90),
    )  # fmt: skip
    assert set(found["left_out"]) == {left_out}
    assert found["n"].sum() == 2 - left_out
    if not left_out:
        seen = found.set_index("churn_band")["observed"]
        assert seen["25-50%"] == 0.0  # a came back on the last day of the window
        assert seen["50-75%"] == 1.0


def test_a_purchase_on_a_visit_day_is_one_visit_day() -> None:
    visits = pd.DataFrame(
        {"customer_id": ["a"] * 3, "event_at": ["2024-01-01", "2024-01-05", "2024-01-09"]}
    )
    purchases = pd.DataFrame({"customer_id": ["a"] * 2, "event_at": ["2024-01-05", "2024-01-07"]})
    log = cl.read_events(purchases=purchases, visits=visits)
    for counted, x in ((False, 2.0), (True, 3.0)):
        summary = summarise(log, events="visits", count_purchases=counted)
        assert summary.customers.set_index("customer_id").loc["a", "x"] == x


def test_the_chosen_threshold_is_marked_on_its_curve() -> None:
    fig, ax = plt.subplots()
    at = np.linspace(0, 1, 11)
    threshold_cost(ax, at, (at - 0.3) ** 2, chosen=0.4, interval=(0.35, 0.5))
    (point,) = [line for line in ax.lines if line.get_marker() == "o"]
    assert point.get_xdata()[0] == 0.4
    assert point.get_ydata()[0] == pytest.approx(0.01, rel=1e-12)
    (band,) = ax.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((0.35, 0.5))
    assert "0.40" in [t.get_text() for t in ax.texts]
    plt.close(fig)


def test_the_latest_at_risk_come_first_and_nobody_from_the_future() -> None:
    days = ["2024-01-03", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-01"]
    customers = pd.DataFrame(
        {"customer_id": list("abcde"), "x": [1, 9, 5, 9, 0], "at_risk_date": pd.to_datetime(days),
         "days_since_last": 1.0, "rhythm_days": 2.0,
         "p_alive": 0.5, "p_alive_q05": 0.4, "p_alive_q95": 0.6}
    )  # fmt: skip
    shown = latest_at_risk(customers, pd.Timestamp("2024-01-03"))
    assert list(shown["customer_id"]) == ["c", "a", "b"]  # d tomorrow, e never bought again
    assert list(latest_at_risk(customers, pd.Timestamp("2024-01-03"), n=1)["customer_id"]) == ["c"]
