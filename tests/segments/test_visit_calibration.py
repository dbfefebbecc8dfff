"""The visit model's silence in short windows, on a simulated shop."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import UsageError
from churnlab.inference.fit import maximum_likelihood
from churnlab.models.draws import PopulationDraws
from churnlab.segments.grid.visits import any_event, forecast_silence, visit_calibration
from churnlab.simulate import Shop
from churnlab.summary import Cells

from .conftest import SlowSummary, slow_summary


def fitted(summary: SlowSummary) -> PopulationDraws:
    cells, _ = Cells.collapse(summary.cells.x, summary.cells.t_x, summary.cells.T)
    theta = maximum_likelihood(cells, "mbg_nbd").theta
    return PopulationDraws("mbg_nbd", 1, theta[None, None, :])


def days_of(events: pd.DataFrame) -> pd.DataFrame:
    days = events.assign(day=events["event_at"].dt.normalize())[["customer_id", "day"]]
    return days.drop_duplicates()


def test_windows_start_the_day_after_the_origin_and_include_their_end() -> None:
    days = pd.DataFrame(
        {"customer_id": ["a", "b", "c", "d"],
         "day": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-04", "2024-01-05"])}
    )  # fmt: skip
    found = any_event(np.array(["a", "b", "c", "d"], dtype=object), days, dt.date(2024, 1, 1), 3)
    assert found.tolist() == [False, True, True, False]


def test_visit_calibration_at_1_3_and_7_days(shop: Shop) -> None:
    origin = "2024-11-30"
    summary = slow_summary(shop.visits, origin)
    draws, days = fitted(summary), days_of(shop.visits)
    table = visit_calibration(summary, draws, days, dt.date(2024, 12, 31))
    by_band = table.set_index("horizon_days")
    parts, whole = (by_band[by_band["forecast_band"].eq("all") == all] for all in (False, True))
    for h in (1, 3, 7):  # the bands are the members, and their forecasts add up to the average
        some, one = parts.loc[[h]], whole.loc[h]
        assert some["n"].sum() == one["n"]
        assert np.average(some["forecast"], weights=some["n"]) == pytest.approx(one["forecast"])
    assert set(table["verdict"]) <= {"fits", "forecast too low", "forecast too high"}
    table = table[table["forecast_band"] == "all"].reset_index(drop=True)
    assert list(table["horizon_days"]) == [1, 3, 7]
    assert (np.diff(table["observed"]) < 0).all()
    assert (table["brier"] < table["brier_constant"]).all()
    assert (table["forecast"] - table["observed"]).abs().max() < 0.05
    silent = ~any_event(summary.customers["customer_id"], days, dt.date(2024, 11, 30), 3)
    assert table["observed"].iloc[1] == silent.mean()
    assert table["forecast"].iloc[1] == forecast_silence(summary, draws, [3])[0].mean()
    with pytest.raises(UsageError, match=r"Windows of \[7\] days after 2024-11-30 end after"):
        visit_calibration(summary, draws, days, dt.date(2024, 12, 5))
