"""Status and change: P7, P8, breakdown, re-estimation, the exported table."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import UsageError
from churnlab.posterior.settings import RiskConfig
from churnlab.segments import (
    Axis,
    SegmentsConfig,
    Snapshot,
    change_table,
    shares_table,
    take_snapshot,
)
from churnlab.segments.config import check_dates
from churnlab.segments.grid.snapshot import DrawnStates
from churnlab.segments.movement.change import reestimation_table, segment_share_frame
from churnlab.segments.movement.resampling import Pairing, counts_by_draw, resample
from churnlab.segments.movement.shares import breakdown_table
from churnlab.simulate import Shop
from churnlab.vocabulary import ALL_CODES

from .conftest import PURCHASE_THETA, axes, draws_around, slow_summary

CONFIG = SegmentsConfig(draws=30, replicates=600)


def made_up(day: str, ids: np.ndarray, codes: np.ndarray, n_draws: int = 1) -> Snapshot:
    """A snapshot with given cells and no posterior uncertainty."""
    row = np.arange(len(ids))
    drawn = DrawnStates(
        np.repeat((codes % 5)[None], n_draws, 0).astype(np.int8), row,
        np.repeat((codes // 5)[None], n_draws, 0).astype(np.int8), row,
    )  # fmt: skip
    stamp = pd.Timestamp(day)
    frame = pd.DataFrame({"customer_id": ids, "state_since": stamp - pd.Timedelta(days=5)})
    return Snapshot(dt.date.fromisoformat(day), frame, codes.astype(np.int8), drawn)


def ids_of(n: int, start: int = 0) -> np.ndarray:
    return np.array([f"c{i:06d}" for i in range(start, start + n)], dtype=object)


def test_p7_point_shares_sum_to_one_and_intervals_hold_them(december: Snapshot) -> None:
    table = shares_table(december, CONFIG, np.random.default_rng(1))
    for level in ("segment", "polarity", "purchase_state", "visit_state"):
        rows = table[table["level"] == level]
        assert rows["share"].sum() == pytest.approx(1.0, abs=1e-12)
        assert rows["n"].sum() == december.n_members
    inside = table["share"].between(table["share_q05"] - 0.01, table["share_q95"] + 0.01)
    assert inside.all()
    counts = december.membership["segment_code"].value_counts()
    cells = table[table["level"] == "segment"].set_index("segment_code")["n"]
    assert cells.sum() == counts.sum()
    assert (cells[counts.index] == counts).all()


def _drawn_by_hand(seed: int, members: int, draws: tuple[int, int]) -> tuple[DrawnStates, list]:
    """States of 40 rows an axis, many alike, and everybody's cell under each draw, slowly."""
    rng = np.random.default_rng(seed)
    tables = [np.clip(rng.integers(-3, top, (n, 40)), 0, None).astype(np.int8)
              for n, top in zip(draws, (4, 3), strict=True)]  # fmt: skip
    for table in tables:
        table[:, 20:] = table[:, :20]
    rows = [rng.integers(-1, 40, members) for _ in tables]
    codes = []
    for d in range(max(draws)):
        bought = np.where(rows[0] < 0, 4, tables[0][d % draws[0]][rows[0]])
        seen = np.where(rows[1] < 0, 3, tables[1][d % draws[1]][rows[1]])
        codes.append(5 * seen + bought)
    return DrawnStates.collapse(tables[0], rows[0], tables[1], rows[1]), codes


def test_tables_by_draw_are_the_counts_of_everybody() -> None:
    """Kinds of members stand for them; the slow twin counts everybody under every draw."""
    days = ("2024-10-31", "2024-12-31")
    (was, slow_was), (now, slow_now) = (_drawn_by_hand(i, n, d) for i, n, d in
                                        ((1, 500, (6, 3)), (2, 700, (4, 4))))  # fmt: skip
    assert was.purchase.shape[1] <= 20
    some = np.arange(500) % 3 == 0
    frames = [
        pd.DataFrame({"customer_id": ids_of(n, start)}) for n, start in ((500, 0), (700, 200))
    ]
    before, after = (
        Snapshot(dt.date.fromisoformat(day), frame, slow[0].astype(np.int8), drawn)
        for day, frame, slow, drawn in zip(
            days, frames, (slow_was, slow_now), (was, now), strict=True
        )
    )
    for who in (None, some):
        table = counts_by_draw(before, who)
        kept = slice(None) if who is None else who
        for d in range(6):
            np.testing.assert_array_equal(before.drawn.codes(d), slow_was[d])
            np.testing.assert_array_equal(table[d], np.bincount(slow_was[d][kept], minlength=20))
    joint = Pairing(before, after).joint_by_draw()
    assert joint.shape == (6, 21, 21)
    for d in range(6):
        slow = np.zeros((21, 21), dtype=int)
        # members 200 to 499 of the first day are the first 300 of the second
        np.add.at(slow, (slow_was[d][200:], slow_now[d % 4][:300]), 1)
        np.add.at(slow, (slow_was[d][:200], 20), 1)
        np.add.at(slow, (20, slow_now[d % 4][300:]), 1)
        np.testing.assert_array_equal(joint[d], slow)


def test_p7_bootstrap_by_counts_is_the_bootstrap_by_customers(december: Snapshot) -> None:
    """The slow twin: resample customers one by one under each draw."""
    rng = np.random.default_rng(5)
    fast = resample(counts_by_draw(december), 4000, rng) / december.n_members
    slow = np.empty((600, len(ALL_CODES)))
    for i in range(len(slow)):
        codes = december.drawn.codes(i % december.drawn.n_draws)
        some = codes[rng.integers(0, len(codes), len(codes))]
        slow[i] = np.bincount(some, minlength=len(ALL_CODES)) / len(codes)
    # standard errors of a mean and of a standard deviation over 600 replicates
    spread = fast.std(axis=0)
    assert (np.abs(fast.mean(axis=0) - slow.mean(axis=0)) <= 5 * spread / np.sqrt(600)).all()
    shown = spread > 0
    assert np.allclose(slow.std(axis=0)[shown] / spread[shown], 1.0, atol=5 / np.sqrt(1200))


@pytest.mark.parametrize("n_runs", [80, pytest.param(800, marks=pytest.mark.slow)])
def test_p7_sampling_intervals_cover_the_population_share(n_runs: int) -> None:
    """No posterior uncertainty: 90% intervals cover a known share, up to 3 binomial errors."""
    rng, hits = np.random.default_rng(3), 0
    for _ in range(n_runs):
        codes = rng.choice([0, 6, 14], 400, p=[0.3, 0.1, 0.6])
        table = shares_table(made_up("2024-01-01", ids_of(400), codes), CONFIG, rng)
        row = table[(table["level"] == "segment") & (table["segment_code"] == ALL_CODES[0])]
        hits += row["share_q05"].item() <= 0.3 <= row["share_q95"].item()
    assert abs(hits / n_runs - 0.9) <= 3 * np.sqrt(0.09 / n_runs)


def test_p8_counts_decompose_exactly(november: Snapshot, december: Snapshot) -> None:
    table = change_table(november, december, CONFIG, np.random.default_rng(2))
    flow = table["entries"] - table["exits"] + table["moves_in"] - table["moves_out"]
    assert (table["n"] - table["n_before"] == flow).all()
    parts = table["change_from_counts"] + table["change_from_total"]
    assert table["change"].to_numpy() == pytest.approx(parts.to_numpy(), abs=1e-12)
    difference = table["share"] - table["share_before"]
    assert table["change"].to_numpy() == pytest.approx(difference.to_numpy(), abs=1e-12)
    cells = table[table["level"] == "segment"]
    assert cells["entries"].sum() == december.n_members - november.n_members
    assert cells["moves_in"].sum() == cells["moves_out"].sum() > 100
    assert table["change"].between(table["change_q05"] - 0.01, table["change_q95"] + 0.01).all()


def test_p8_flows_are_those_of_a_plain_crosstab(november: Snapshot, december: Snapshot) -> None:
    table = change_table(november, december, CONFIG, np.random.default_rng(2))
    both = november.membership[["customer_id", "segment_code"]].merge(
        december.membership[["customer_id", "segment_code"]], on="customer_id", how="outer",
        suffixes=("_before", ""),
    )  # fmt: skip
    cells = table[table["level"] == "segment"].set_index("segment_code")
    code = "repeat_active.visit_active"
    was, now = both["segment_code_before"] == code, both["segment_code"] == code
    row = cells.loc[code]
    assert row["n_before"] == was.sum()
    assert row["entries"] == (now & both["segment_code_before"].isna()).sum()
    assert row["moves_in"] == (now & ~was & both["segment_code_before"].notna()).sum()
    assert row["moves_out"] == (was & ~now & both["segment_code"].notna()).sum()


def test_p8_moves_within_a_group_are_no_moves_of_the_group() -> None:
    ids = ids_of(10)
    one = made_up("2024-01-01", ids, np.zeros(10, int))
    two = made_up("2024-02-01", ids, np.ones(10, int))  # from one core cell to the other
    table = change_table(one, two, CONFIG, np.random.default_rng(1))
    core = table[(table["level"] == "parent") & (table["segment_code"] == "core_active")].iloc[0]
    assert (core["moves_in"], core["moves_out"], core["n"]) == (0, 0, 10)
    cell = table[table["segment_code"] == ALL_CODES[1]].iloc[0]
    assert (cell["moves_in"], cell["moves_out"]) == (10, 0)


def test_p8_a_share_can_fall_by_its_denominator_alone() -> None:
    one = made_up("2024-01-01", ids_of(100), np.zeros(100, int))
    two = made_up("2024-02-01", ids_of(200), np.repeat([0, 4], 100))
    row = change_table(one, two, CONFIG, np.random.default_rng(1)).iloc[0]
    assert row["change"] == -0.5
    assert row["change_from_counts"] == 0.0
    assert row["change_from_total"] == -0.5
    assert row["entries"] == 0


def test_p8_pairing_the_customers_narrows_the_interval() -> None:
    """Hardly anybody moves: two independent samples would have an interval ten times as wide."""
    rng, n = np.random.default_rng(4), 2000
    codes = rng.choice([0, 4], n)
    moved = codes.copy()
    moved[:10] = 4
    one, two = made_up("2024-01-01", ids_of(n), codes), made_up("2024-02-01", ids_of(n), moved)
    row = change_table(one, two, CONFIG, rng).iloc[0]
    unpaired = 2 * 1.645 * np.sqrt(2 * 0.25 / n)
    assert row["change_q95"] - row["change_q05"] < unpaired / 5
    assert row["change_q05"] <= row["change"] <= row["change_q95"]


@pytest.mark.parametrize("n_runs", [80, pytest.param(800, marks=pytest.mark.slow)])
def test_p8_paired_intervals_cover_the_true_change(n_runs: int) -> None:
    rng, hits = np.random.default_rng(8), 0
    for _ in range(n_runs):
        before = rng.choice([0, 4], 500, p=[0.5, 0.5])
        leaves, joins = rng.random(500) < 0.3, rng.random(500) < 0.1
        after = np.where(before == 0, np.where(leaves, 4, 0), np.where(joins, 0, 4))
        ids = ids_of(500)
        one, two = made_up("2024-01-01", ids, before), made_up("2024-02-01", ids, after)
        row = change_table(one, two, CONFIG, rng).iloc[0]
        hits += row["change_q05"] <= -0.1 <= row["change_q95"]  # .5 * .1 - .5 * .3
    assert abs(hits / n_runs - 0.9) <= 3 * np.sqrt(0.09 / n_runs)


def test_exits_are_counted_where_a_customer_is_gone() -> None:
    one, two = made_up("2024-01-01", ids_of(10), np.zeros(10, int)), made_up(
        "2024-02-01", ids_of(10, start=4), np.zeros(10, int))  # fmt: skip
    row = change_table(one, two, CONFIG, np.random.default_rng(1)).iloc[0]
    assert (row["entries"], row["exits"], row["n"]) == (4, 4, 10)
    assert Pairing(one, two).joint().sum() == 14


def test_days_in_the_wrong_order_are_refused(november: Snapshot, december: Snapshot) -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(UsageError, match="must lie before as_of"):
        change_table(december, november, CONFIG, rng)
    first, last = dt.date(2024, 1, 1), dt.date(2024, 6, 30)
    with pytest.raises(UsageError, match=r"compare_to \(2024-07-01\) must lie before as_of"):
        check_dates(last, dt.date(2024, 7, 1), first)
    with pytest.raises(UsageError, match="lies before the first event"):
        check_dates(last, dt.date(2023, 7, 1), first)
    check_dates(last, first, first)


def test_breakdown_adds_up_over_an_attribute(shop: Shop, december: Snapshot) -> None:
    rng = np.random.default_rng(1)
    table = breakdown_table(december, shop.members, "lead_type", CONFIG, rng)
    whole = shares_table(december, CONFIG, rng)
    assert set(table["value"]) == set(shop.members["lead_type"])
    total = table.groupby(["level", "segment_code"])["n"].sum()
    expected = whole.set_index(["level", "segment_code"])["n"]
    assert (total.reindex(expected.index) == expected).all()
    none = table[(table["segment_code"] == "none") & (table["level"] == "purchase_state")]
    share = none.set_index("value")["share"]
    assert share["high_involvement"] > share["acquaintance"]  # signed up, not bought
    members = shop.members.iloc[50:]
    part = breakdown_table(december, members, "lead_type", CONFIG, rng)
    missing = part[(part["value"] == "(missing)") & (part["level"] == "polarity")]
    assert missing["n"].sum() == 50
    with pytest.raises(UsageError, match="Did you mean 'lead_type'"):
        breakdown_table(december, shop.members, "lead_typ", CONFIG, rng)


def test_behaviour_and_reestimation_are_told_apart(
    shop: Shop, november: Snapshot, december: Snapshot
) -> None:
    """Another fit then, with twice the rate, moves people who did nothing; one fit does not."""
    visit = axes()[1]
    new = (PURCHASE_THETA[0], PURCHASE_THETA[1] / 2, *PURCHASE_THETA[2:])
    said_then = take_snapshot(
        shop.members,
        slow_summary(shop.purchases, "2024-11-30"),
        Axis(draws_around(new), RiskConfig(), (0.5,)),
        slow_summary(shop.visits, "2024-11-30"),
        visit,
    )
    table = reestimation_table(said_then, november, december)
    assert (table["n"] == table["n_before"] + table["behaviour"] + table["reestimation"]).all()
    assert table["reestimation"].sum() == 0
    assert table["moved_by_reestimation"].sum() > 20
    change = change_table(november, december, CONFIG, np.random.default_rng(1))
    assert (table["behaviour"] == change["n"] - change["n_before"]).all()
    same = reestimation_table(november, november, december)
    assert (same["reestimation"] == 0).all()
    assert (same["moved_by_reestimation"] == 0).all()
    assert same["behaviour"].abs().sum() > 20
    with pytest.raises(UsageError, match="must hold the members of `before`"):
        reestimation_table(december, november, december)


def test_exported_shares_have_the_contracts_columns(november: Snapshot, december: Snapshot) -> None:
    rng = np.random.default_rng(1)
    shares = shares_table(december, CONFIG, rng)
    change = change_table(november, december, CONFIG, rng)
    frame = segment_share_frame(shares, change)
    assert list(frame.columns) == [
        "as_of", "segment_code", "n", "share", "share_q05", "share_q95", "change", "change_q05",
        "change_q95", "entries", "exits", "moves",
    ]  # fmt: skip
    assert tuple(frame["segment_code"]) == ALL_CODES
    assert segment_share_frame(shares, None)["change"].isna().all()
