"""The grid of a fit on a clock: dates in days of the calendar, the same states from all sides."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from churnlab.events import log_from_frames
from churnlab.explanation.curves import risk_by_day
from churnlab.posterior import RiskConfig, customers_table
from churnlab.posterior.settings import LATE, StateCut
from churnlab.segments import Axis, SegmentsConfig
from churnlab.segments.grid.moments import cells_then
from churnlab.segments.grid.placed import place
from churnlab.summary import Calendar, Clock, summarise

from .conftest import PURCHASE_THETA, draws_around

MONTHS = Calendar("month")
SEASON = Clock(MONTHS, (0.6,) * 9 + (1.2, 2.4, 2.8), dt.date(2024, 1, 1))
AS_OF = dt.date(2024, 11, 30)
CUTS = [LATE, StateCut(RiskConfig(basis="fixed_days", horizon_days=60), 0.7, 0.8)]


@pytest.fixture(scope="module")
def log(shop):
    frames = {"purchases": shop.purchases, "members": shop.members}
    return log_from_frames(frames, as_of=str(AS_OF))


def axis_on(clock: Clock | None, cut: StateCut = LATE) -> Axis:
    return Axis(
        draws_around(PURCHASE_THETA, n=20), cut.measure, (cut.value,), cut.first_value, clock
    )


def placed_on(log, axis, day=AS_OF):
    summary = summarise(log, day, log_gaps=False)
    made = summary if axis.clock is None else summary.on_clock(axis.clock)
    return place(log.attributes(), made, axis, None, None, SegmentsConfig(draws=10))


def test_a_clock_on_which_every_day_counts_1_changes_nothing(log) -> None:
    plain, flat = (
        placed_on(log, axis_on(c)) for c in (None, Clock.flat(MONTHS, dt.date(2024, 1, 1)))
    )
    pd.testing.assert_frame_equal(plain.snapshot.membership, flat.snapshot.membership)


@pytest.mark.parametrize("cut", CUTS, ids=["late", "fixed_days"])
def test_the_grid_says_what_the_customers_table_says(log, cut) -> None:
    axis = axis_on(SEASON, cut)
    placed = placed_on(log, axis)
    risk = cut.measure if isinstance(cut.measure, RiskConfig) else None
    table = customers_table(placed.purchases, axis.draws, risk, state=cut)
    grid = placed.snapshot.membership.set_index("customer_id").loc[table["customer_id"]]
    assert (grid["at_risk_date"].to_numpy() == table["at_risk_date"].to_numpy()).all()
    at_risk = grid["purchase_state"].str.endswith("risk").to_numpy()
    assert (at_risk == (table["at_risk_date"] <= pd.Timestamp(AS_OF)).to_numpy()).all()
    assert 0.1 < at_risk.mean() < 0.9
    dates = placed_on(log, axis_on(None, cut)).snapshot.membership["at_risk_date"]
    assert (dates != placed.snapshot.membership["at_risk_date"]).mean() > 0.3


def test_states_at_a_moment_are_those_of_the_grid_of_that_day(log) -> None:
    axis = axis_on(SEASON)
    now, then = placed_on(log, axis), placed_on(log, axis, dt.date(2024, 8, 31))
    grid = then.snapshot.membership
    moments = grid[["customer_id"]].assign(day=pd.Timestamp("2024-09-01"))
    signed = grid.set_index("customer_id")["signed_up_at"]
    found = cells_then(log, now, moments, signed)
    assert (found == grid["segment_code"].to_numpy()).all()


def test_a_risk_by_day_is_that_of_the_customers_table_on_that_day() -> None:
    axis = axis_on(SEASON, CUTS[1])
    days = pd.to_datetime(["2024-03-10", "2024-06-30"])
    found = risk_by_day(axis, days.to_numpy().astype("datetime64[D]"), np.datetime64("2024-12-31"))
    bought = pd.DataFrame({"customer_id": "a", "event_at": days})
    one = summarise(log_from_frames({"purchases": bought}, as_of="2024-10-31")).on_clock(SEASON)
    risk = RiskConfig(basis="fixed_days", horizon_days=60)
    table = customers_table(one, axis.draws, risk, state=None)
    on_day = found.set_index("day").loc["2024-10-31", "mean"]
    assert on_day == pytest.approx(table["risk_fixed_days"][0], abs=1e-12)
