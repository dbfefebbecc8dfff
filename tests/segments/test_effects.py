"""What an action gained: a known uplift is found, an unstated ratio refused, cells are right."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from churnlab.events import log_from_frames
from churnlab.metrics.arms import Arm, members_needed, uplift
from churnlab.rules import Costs
from churnlab.segments import SegmentsConfig, default_playbook
from churnlab.segments.actions import effects as module
from churnlab.segments.actions.effects import action_effects, effect_lines, with_evidence
from churnlab.segments.grid.moments import cells_then
from churnlab.segments.grid.placed import place
from churnlab.summary import summarise

from .conftest import axes, slow_summary, snapshot_of

BOOK = default_playbook()
SENT, AS_OF = pd.Timestamp("2024-05-01 10:00"), "2024-06-30"
ACTION = "core_keep"


def log_with(n: int = 4000, *, held: float = 0.5, gain: float = 0.1, seed: int = 3, **more):
    """One purchase each in March, a message on 1 May, a purchase after it by chance and effect."""
    rng = np.random.default_rng(seed)
    ids = np.array([f"c{i:05d}" for i in range(n)])
    treat = rng.random(n) >= held
    again = rng.random(n) < 0.2 + gain * treat
    bought = [
        pd.DataFrame({"customer_id": ids, "event_at": pd.Timestamp("2024-03-05 12:00")}),
        pd.DataFrame({"customer_id": ids[again], "event_at": SENT + pd.Timedelta(9, "D")}),
    ]
    treatments = pd.DataFrame(
        {"customer_id": ids, "event_at": SENT, "arm": np.where(treat, "treat", "holdout"),
         "rule_id": ACTION, "cost": np.where(treat, 0.5, 0.0)}
    )  # fmt: skip
    frames = {"purchases": pd.concat(bought), "treatments": treatments.assign(**more)}
    return log_from_frames(frames, time_zone="UTC", as_of=AS_OF)


def found(log, share: float = 0.5, **costs: float) -> pd.DataFrame:
    purchase, _ = axes()
    placed = place(log.attributes(), summarise(log), purchase, None, None, SegmentsConfig(draws=5))
    return action_effects(
        log, placed, BOOK, costs=Costs(**costs), window_days=30, holdout_share=share, seed=1
    )


def test_a_known_uplift_is_found_and_becomes_the_evidence():
    table = found(log_with(), value_per_customer=20.0)
    row = table[table["segment_code"] == "all"].iloc[0]
    assert row["action_id"] == ACTION
    assert row["uplift_q05"] < 0.1 < row["uplift_q95"]
    assert abs(row["share_holdout"] - 0.2) < 0.03
    assert row["p_positive"] > 0.999
    assert row["reason"] is None
    assert row["break_even_uplift"] == 0.5 / 20.0  # the logged cost of a message
    needed = members_needed(0.025, row["share_holdout"], 0.5)
    assert (row["next_treat"], row["next_holdout"]) == needed
    book = with_evidence(BOOK, table, 30)
    assert book.action(ACTION).evidence.startswith("tested: +")
    others = [a.evidence for a in book.actions if a.action_id != ACTION]
    assert others == [a.evidence for a in BOOK.actions if a.action_id != ACTION]
    assert effect_lines(table, 30)[0].startswith("effect of core_keep: tested: +")


def test_without_treatments_nothing_is_claimed():
    log = log_with(n=200)
    bare = log_from_frames({"purchases": log.frame("purchases")}, time_zone="UTC", as_of=AS_OF)
    for one in (bare, log_with(n=200, rule_id="somebody_elses")):
        table = found(one)
        assert table.empty
        assert with_evidence(BOOK, table, 30) == BOOK
        assert "none is measured" in effect_lines(table, 30)[0]
    unknown = found(log_with())
    assert unknown["break_even_uplift"].isna().all()  # no value is stated, none is invented


def test_arms_that_were_not_assigned_as_stated_show_no_effect():
    table = found(log_with(held=0.5), share=0.4)
    row = table[table["segment_code"] == "all"].iloc[0]
    assert np.isnan(row["uplift"])
    assert "sample-ratio mismatch" in row["reason"]
    assert with_evidence(BOOK, table, 30) == BOOK


def test_windows_that_are_not_over_wait_and_small_arms_are_not_read():
    late = log_with(n=400, event_at=pd.Timestamp("2024-06-01 00:00:01"))
    row = found(late).iloc[0]
    assert (row["waiting"], row["n_treat"]) == (400, 0)
    assert "fewer than 20 in an arm" in row["reason"]
    over = found(log_with(n=400, event_at=pd.Timestamp("2024-06-01"))).iloc[0]
    assert over["waiting"] == 0


@pytest.mark.parametrize(("size", "read"), [(20, True), (19, False)])
def test_twenty_in_an_arm_are_read(size, read):
    part = pd.DataFrame({"arm": ["treat"] * 60 + ["holdout"] * size, "bought": False})
    row = module._row(part, size / (60 + size), float("nan"), np.random.default_rng(1))
    assert ("uplift" in row) == read


@pytest.mark.parametrize(("p", "read"), [(0.001, True), (np.nextafter(0.001, 0), False)])
def test_the_sample_ratio_is_refused_below_one_in_a_thousand(p, read, monkeypatch):
    monkeypatch.setattr(module, "sample_ratio_p", lambda *_: p)
    part = pd.DataFrame({"arm": ["treat", "holdout"] * 30, "bought": False})
    row = module._row(part, 0.5, float("nan"), np.random.default_rng(1))
    assert ("uplift" in row) == read


def test_first_assignment_counts_and_only_purchases_inside_the_window():
    log = log_with(n=60, gain=0.0)
    sent = log.frame("treatments")
    again = sent.assign(event_at=sent["event_at"] + pd.Timedelta(5, "D"),
                        arm=np.where(sent["arm"] == "treat", "holdout", "treat"))  # fmt: skip
    both = log_from_frames(
        {"purchases": log.frame("purchases"), "treatments": pd.concat([again, sent])},
        time_zone="UTC", as_of=AS_OF,
    )  # fmt: skip
    rows = module._assignments(both, BOOK)
    assert rows["arm"].tolist() == sent["arm"].tolist()
    near = module._bought(both, rows, 9)
    assert not near.any()  # nine whole days later is outside
    assert (
        module._bought(both, rows, 10).sum() == (log.frame("purchases")["event_date"] > SENT).sum()
    )


def test_the_cell_then_is_that_of_the_grid_of_the_day_before(shop):
    """Beside the slow grid of that day, for everybody, with visits and signups."""
    day = "2024-09-30"
    log = log_from_frames(shop.frames(), time_zone="UTC", as_of=shop.as_of)
    purchase, visit = axes()
    placed = place(log.attributes(), summarise(log), purchase, summarise(log, events="visits"),
                   visit, SegmentsConfig(draws=5))  # fmt: skip
    slow = snapshot_of(shop, day).membership
    moments = pd.DataFrame(
        {"customer_id": slow["customer_id"], "day": pd.Timestamp(day) + pd.Timedelta(days=1)}
    )
    signup = shop.members.set_index("customer_id")["signed_up_at"]
    assert (cells_then(log, placed, moments, signup) == slow["segment_code"].to_numpy()).all()
    assert slow_summary(shop.purchases, day).as_of == dt.date(2024, 9, 30)


def test_shares_have_a_jeffreys_prior():
    row = uplift(Arm(10, 100), Arm(0, 100), np.random.default_rng(1), 200_000)
    assert abs(row["share_treat"] - 10.5 / 101) < 5e-4
    assert abs(row["uplift"] - 10 / 101) < 5e-4
