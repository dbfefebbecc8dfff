"""States and the grid: P3, P4, P5, and what dates must mean."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnlab.errors import UsageError
from churnlab.posterior import rows_of
from churnlab.posterior.settings import RiskConfig
from churnlab.posterior.silence.stream import Rows
from churnlab.segments import Axis, SegmentsConfig, Snapshot, VisitsConfig, take_snapshot
from churnlab.segments.grid.axes import cut_days, drawn_levels
from churnlab.segments.grid.states import after_days, cell_names, cells, purchase_codes, visit_codes
from churnlab.simulate import Shop
from churnlab.vocabulary import ALL_CODES, PURCHASE_STATES

from .conftest import SlowCells, axes, draws_around, slow_summary, snapshot_of


@given(st.one_of(st.just(float("nan")), st.integers(0, 50)), st.booleans())
def test_p3_every_member_has_exactly_one_purchase_state(x: float, at_risk: bool) -> None:
    state = PURCHASE_STATES[purchase_codes([x], [at_risk])[0]]
    if np.isnan(x):
        assert state == "none"
    else:
        assert state == ("first_" if x == 0 else "repeat_") + ("risk" if at_risk else "active")


def test_p3_a_first_purchasers_risk_rises_with_idle_time() -> None:
    """1 - P(alive) at x = 0 under MBG/NBD; BG/NBD holds it at 0 and can never decide the state."""
    days = np.arange(0.0, 400.0, 20.0)
    for model, rises in (("mbg_nbd", True), ("bg_nbd", False)):
        axis = Axis(draws_around((0.6, 40.0, 0.8, 2.0), model), RiskConfig(), (0.5,))
        zero = np.zeros(len(days))
        rows = Rows(zero.astype(np.int64), zero, zero, days)
        share = (drawn_levels(axis, rows, 40) > 0).mean(axis=0)
        never = cut_days(axis, Rows(*(v[:1] for v in rows)))[0, 0] < 0
        assert bool(share[-1] == 1.0) is rises
        assert bool(never) is not rises
        assert (np.diff(share) >= 0).all()


def test_p4_a_visit_on_the_day_itself_is_active_and_dates_follow(december: Snapshot) -> None:
    frame = december.membership
    day = pd.Timestamp("2024-12-31")
    today = frame["last_visit_at"] == day
    assert today.sum() > 20
    assert (frame.loc[today, "visit_state"] == "visit_active").all()
    assert (frame.loc[today, "p_visit_active"] == 1.0).all()
    clock = frame["last_visit_at"].fillna(frame["signed_up_at"])
    known = frame["visit_state"] != "visit_unknown"
    assert (frame.loc[known, "visit_risk_date"] >= clock[known] + pd.Timedelta(days=1)).all()
    far = frame["visit_inactive_date"] == pd.Timestamp("9999-12-31")
    assert (frame.loc[known & ~far, "visit_inactive_date"]
            > frame.loc[known & ~far, "visit_risk_date"]).all()  # fmt: skip


def test_states_follow_from_the_dates_alone(december: Snapshot) -> None:
    """Reached means day >= date: recomputed with plain pandas."""
    frame = december.membership
    day = frame["as_of"]
    for row, risk in (("at_risk_date", "_risk"),):
        bought = frame[frame["last_purchase_at"].notna()]
        late = bought["as_of"] >= bought[row]
        assert (bought["purchase_state"].str.endswith(risk) == late).all()
    known = frame["visit_state"] != "visit_unknown"
    expected = np.select(
        [day >= frame["visit_inactive_date"], day >= frame["visit_risk_date"]],
        ["visit_inactive", "visit_risk"], "visit_active",
    )  # fmt: skip
    assert (frame["visit_state"][known] == expected[known]).all()


def test_p5_the_grid_is_total_and_exclusive(shop: Shop) -> None:
    for day in ("2024-02-10", "2024-07-01", "2024-12-31"):
        snapshot = snapshot_of(shop, day)
        signed_up = shop.members["signed_up_at"].dt.normalize() <= pd.Timestamp(day)
        assert snapshot.n_members == signed_up.sum()
        assert snapshot.membership["customer_id"].is_unique
        assert set(snapshot.membership["segment_code"]) <= set(ALL_CODES)
        two = snapshot.membership["purchase_state"] + "." + snapshot.membership["visit_state"]
        assert (two == snapshot.membership["segment_code"]).all()


def test_p5_codes_of_all_pairs_of_states_are_distinct_and_in_order() -> None:
    purchase, visit = (v.ravel().astype(np.int8) for v in np.meshgrid(range(5), range(4)))
    names = cell_names(cells(purchase, visit))
    assert tuple(names) == ALL_CODES


def test_visit_unknown_is_never_a_guess(shop: Shop) -> None:
    seen = set(shop.visits["customer_id"])
    snapshot = snapshot_of(shop, "2024-12-31")
    frame = snapshot.membership
    unknown = frame["visit_state"] == "visit_unknown"
    bought = frame["last_purchase_at"].notna()
    assert unknown.sum() > 3
    assert not frame.loc[unknown, "customer_id"].isin(seen).any()
    assert bought[unknown].all()
    unseen = ~frame["customer_id"].isin(seen) & ~bought  # the clock of these starts at signup
    assert unseen.sum() > 10
    assert frame.loc[unseen, "last_visit_at"].isna().all()
    assert (frame.loc[unseen, "visit_state"] != "visit_unknown").all()
    same = frame.loc[unseen, "visit_risk_date"] - frame.loc[unseen, "signed_up_at"]
    assert (same == same.iloc[0]).all()
    without = snapshot_of(shop, "2024-12-31", visits=False).membership
    assert (without["visit_state"] == "visit_unknown").all()
    assert (without["purchase_state"] == frame["purchase_state"]).all()


def test_a_state_depends_on_nothing_after_its_day(shop: Shop) -> None:
    day = pd.Timestamp("2024-09-15")
    early = Shop(**{**shop.__dict__, "purchases": shop.purchases[shop.purchases["event_at"] < day],
                    "visits": shop.visits[shop.visits["event_at"] < day]})  # fmt: skip
    one = snapshot_of(shop, "2024-09-14").membership
    two = snapshot_of(early, "2024-09-14").membership
    pd.testing.assert_frame_equal(one, two)


def test_drawn_states_average_to_the_stated_probabilities(december: Snapshot) -> None:
    drawn = december.drawn
    codes = np.stack([drawn.codes(d) for d in range(drawn.n_draws)])
    stated = december.membership["probability"].to_numpy()
    total = drawn.probabilities()
    assert total.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    frame = december.membership
    for state, column in (("visit_active", "p_visit_active"), ("visit_risk", "p_visit_risk")):
        by_draw = np.isin(codes, [i for i, c in enumerate(ALL_CODES) if c.endswith("." + state)])
        known = frame[column].notna().to_numpy()
        assert by_draw.mean(axis=0)[known] == pytest.approx(frame[column].to_numpy()[known])
    # the cell by the mean risk is nearly always the most probable one
    assert (stated >= total.max(axis=1) - 0.3).mean() > 0.97


def test_dates_are_where_the_mean_risk_crosses() -> None:
    """At risk on the date, not at risk the day before: by the likelihood's own formula."""
    axis = axes()[0]
    x, t_x = np.array([0.0, 1.0, 4.0, 9.0]), np.array([0.0, 30.0, 90.0, 60.0])
    rows = Rows(np.zeros(4, np.int64), x, t_x, t_x)
    days = cut_days(axis, rows)[0]
    theta = axis.draws.theta_rows()
    assert (days > 1).all()
    for shift, reached in ((0, True), (-1, False)):
        alive = axis.draws.likelihood.p_alive(theta, x, t_x, t_x + days + shift).mean(axis=0)
        assert ((1 - alive >= 0.5) == reached).all()


def test_p4_cut_points_that_coincide_are_a_day_apart_and_else_where_they_belong() -> None:
    draws = axes()[1].draws
    x, t_x = np.array([0.0, 3.0, 20.0]), np.array([0.0, 50.0, 200.0])
    rows = Rows(np.zeros(3, np.int64), x, t_x, t_x)
    near = cut_days(Axis(draws, RiskConfig(), (0.5, 0.5001)), rows)
    assert (near[1] - near[0] == 1).all()
    wide = cut_days(Axis(draws, RiskConfig(), (0.5, 0.9)), rows)
    alone = cut_days(Axis(draws, RiskConfig(), (0.9,)), rows)
    assert (wide[1] == alone[0]).all()
    assert (wide[1] > wide[0] + 1).all()


def test_p4_a_draw_says_active_on_the_day_of_the_event_too() -> None:
    """MBG's 1 - P(alive) is a/(a+b+x) on the day itself: above a low cut, and yet active."""
    axis = Axis(draws_around((1.0, 20.0, 2.0, 2.0)), RiskConfig(), (0.1, 0.2))
    zero = np.zeros(2)
    rows = Rows(np.zeros(2, np.int64), zero, zero, np.array([0.0, 1.0]))
    levels = drawn_levels(axis, rows, 40)
    assert (levels[:, 0] == 0).all()
    assert (levels[:, 1] == 2).all()


def test_first_cut_moves_first_purchasers_only(shop: Shop) -> None:
    purchase, _ = axes()
    summary = slow_summary(shop.purchases, "2024-12-31")
    strict = Axis(purchase.draws, purchase.risk, purchase.cuts, first_cut=0.8)
    one = take_snapshot(shop.members, summary, purchase).membership
    two = take_snapshot(shop.members, summary, strict).membership
    first = one["purchase_state"].str.startswith("first")
    pd.testing.assert_frame_equal(one[~first], two[~first])
    assert (two.loc[first, "at_risk_date"] > one.loc[first, "at_risk_date"]).all()


def test_purchasers_missing_from_members_are_added_counted_and_said_so(shop: Shop) -> None:
    members = shop.members.iloc[100:]
    purchase, visit = axes()
    purchases, visits = (slow_summary(f, "2024-12-31") for f in (shop.purchases, shop.visits))
    snapshot = take_snapshot(members, purchases, purchase, visits, visit)
    ids = set(snapshot.membership["customer_id"])
    bought = set(purchases.customers["customer_id"]) - set(members["customer_id"])
    assert len(bought) > 10
    assert bought <= ids
    assert snapshot.notes[0].startswith(f"{len(bought)} purchasers are missing from the members")
    assert "visitors are missing" in snapshot.notes[1]


def test_dates_never_reached_are_far_and_never_past() -> None:
    last = np.array(["2024-01-01", "2024-01-01"], dtype="datetime64[D]")
    dates = after_days(last, np.array([-1, 3]))
    assert dates.tolist() == [pd.Timestamp("9999-12-31").date(), pd.Timestamp("2024-01-04").date()]
    assert visit_codes([False], [False], [True])[0] == 3


def test_grouped_fits_find_their_groups_by_name() -> None:
    theta = np.ones((3, 2, 4))
    draws = draws_around((1.0, 20.0, 1.0, 3.0))
    grouped = type(draws)("mbg_nbd", 1, theta, ("a", "b"))
    some = SlowCells(*(np.zeros(2) for _ in range(3)), group=np.array([0, 1]), groups=("b", "a"))
    assert rows_of(some, grouped).group.tolist() == [1, 0]
    assert rows_of(some, draws).group.tolist() == [0, 0]
    other = SlowCells(*(np.zeros(1) for _ in range(3)), group=np.array([0]), groups=("c",))
    with pytest.raises(UsageError, match="knows no group 'c'; it has a, b"):
        rows_of(other, grouped)


def test_cut_points_that_do_not_increase_are_refused() -> None:
    draws = draws_around((1.0, 20.0, 1.0, 3.0))
    with pytest.raises(UsageError, match=r"must increase inside \(0, 1\); got \(0.9, 0.5\)"):
        Axis(draws, RiskConfig(), (0.9, 0.5))
    with pytest.raises(UsageError, match="cut points must increase"):
        VisitsConfig(risk_value=0.9, inactive_value=0.5)
    with pytest.raises(UsageError, match="Did you mean 'p_alive'"):
        VisitsConfig(basis="p_alife")
    with pytest.raises(UsageError, match="dwell_bands must be positive and increase"):
        SegmentsConfig(dwell_bands=[30, 7])


def test_days_that_differ_are_refused(shop: Shop) -> None:
    purchase, visit = axes()
    one, two = slow_summary(shop.purchases, "2024-12-31"), slow_summary(shop.visits, "2024-12-30")
    with pytest.raises(UsageError, match="A snapshot needs one day; got 2024-12-30, 2024-12-31"):
        take_snapshot(shop.members, one, purchase, two, visit)
    with pytest.raises(UsageError, match="one cut point and visits two"):
        take_snapshot(shop.members, one, visit)
    with pytest.raises(UsageError, match="or neither"):
        take_snapshot(shop.members, one, purchase, slow_summary(shop.visits, "2024-12-31"))


def test_p3_bg_nbd_never_decides_a_first_purchase_state(shop: Shop) -> None:
    summary = slow_summary(shop.purchases, "2024-12-31")
    axis = Axis(draws_around((0.6, 40.0, 0.8, 2.0), "bg_nbd"), RiskConfig(), (0.5,))
    with pytest.raises(UsageError, match="bg_nbd cannot place first purchasers"):
        take_snapshot(shop.members, summary, axis)
