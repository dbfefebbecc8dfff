"""Transitions, first -> repeat (P14) and core leaks (P10)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import betabinom

from churnlab.errors import UsageError
from churnlab.posterior import RiskConfig
from churnlab.segments import Axis, SegmentsConfig, Snapshot, take_snapshot
from churnlab.segments.movement.leaks import leak_alert, leak_history, leak_table
from churnlab.segments.movement.repeat import repeat_rates, repeat_table
from churnlab.segments.movement.shrinkage import best_strength, pooled_row, shrink
from churnlab.segments.movement.transitions import (
    band_names,
    dwell_days,
    transition_counts,
    transition_table,
)
from churnlab.vocabulary import CORE_CODES

from .conftest import slow_summary
from .test_shares_change import ids_of, made_up
from .test_visit_calibration import fitted

CONFIG = SegmentsConfig(draws=30, replicates=600)


def loss_gained(past: pd.DataFrame, held_out: pd.DataFrame) -> np.ndarray:
    """Held-out log loss of shrunk rates minus that of unpooled ones, by customer.

    Both learn the repeat rate of each cell on `past`; the unpooled rate is smoothed by half a
    customer on either side. Below 0: shrinking helps.
    """
    cells = sorted(set(past["segment_code"]) | set(held_out["segment_code"]))
    by_cell = past.groupby("segment_code")["repeated"].agg(["size", "sum"]).reindex(cells).fillna(0)
    n, k = (by_cell[c].to_numpy(dtype=np.int64) for c in ("size", "sum"))
    cell = np.searchsorted(cells, held_out["segment_code"].to_numpy(dtype=object))
    repeated = held_out["repeated"].to_numpy(dtype=bool)

    def loss(rate: np.ndarray) -> np.ndarray:
        return -np.log(np.where(repeated, rate[cell], 1 - rate[cell]))

    return loss(np.asarray(repeat_rates(n, k)["repeat_rate"])) - loss((k + 0.5) / (n + 1))


def first_purchasers(before: Snapshot, after: Snapshot) -> pd.DataFrame:
    """Return ``customer_id, segment_code, repeated`` of all first purchasers at `before`."""
    first = before.membership[before.membership["segment_code"].str.startswith("first_")]
    now = first["customer_id"].map(after.membership.set_index("customer_id")["segment_code"])
    repeated = now.str.startswith("repeat_").fillna(False).astype(bool)
    return first[["customer_id", "segment_code"]].assign(repeated=repeated)


def test_transition_rows_sum_to_one_and_counts_to_the_members(
    november: Snapshot, december: Snapshot
) -> None:
    table = transition_table(november, december, CONFIG)
    sums = table.groupby(["origin", "dwell_band"])[["probability", "share"]].sum()
    assert sums.to_numpy() == pytest.approx(1.0, abs=1e-12)
    assert table.loc[table["dwell_band"] == "all", "n"].sum() == november.n_members
    assert table.loc[table["dwell_band"] != "all", "n"].sum() == november.n_members
    assert (table["probability_q05"] <= table["probability"] + 1e-9).all()
    assert (table["probability"] <= table["probability_q95"] + 0.02).all()


def test_small_bands_are_drawn_to_their_cells_row(november: Snapshot, december: Snapshot) -> None:
    table = transition_table(november, december, CONFIG)
    rows = table[table["dwell_band"] != "all"].merge(
        table.loc[table["dwell_band"] == "all", ["origin", "destination", "share", "n_origin"]],
        on=["origin", "destination"], suffixes=("", "_cell"),
    )  # fmt: skip
    raw, pulled = ((rows[c] - rows["share_cell"]).abs() for c in ("share", "probability"))
    clear = (raw > 0.02) & (rows["n_origin_cell"] >= 100)
    assert clear.sum() >= 8
    assert (pulled[clear] < raw[clear]).all()
    # the pooled row weighs 20 customers: what is left of a difference is n / (n + 20)
    n = rows["n_origin"]
    assert (pulled / raw)[clear].to_numpy() == pytest.approx((n / (n + 20))[clear], abs=0.2)


def test_what_cannot_happen_gets_no_probability(november: Snapshot, december: Snapshot) -> None:
    table = transition_table(november, december, CONFIG)
    stays = table["destination"].str.startswith("repeat") | (table["destination"] == "left")
    undone = table["origin"].str.startswith("repeat") & ~stays
    assert undone.sum() > 50
    assert (table.loc[undone, "probability"] == 0).all()


def test_dwell_bands_count_days_since_the_last_clock(november: Snapshot) -> None:
    assert band_names([7, 30]) == ["0-7", "8-30", "31+"]
    days = dwell_days(november)
    frame = november.membership
    assert days.min() >= 0
    visited = frame["last_visit_at"] == pd.Timestamp("2024-11-30")
    assert (days[visited] == 0).all()
    counts = transition_counts(november, november, [7, 30])
    assert counts[:, 0].sum() == (days <= 7).sum()
    assert counts[:, 2].sum() == (days > 30).sum()


def test_shrinkage_is_the_conjugate_posterior() -> None:
    """Against scipy's beta-binomial: the strength found maximises its likelihood."""
    rng = np.random.default_rng(3)
    p = rng.beta(0.3 * 30, 0.7 * 30, 60)
    n = rng.integers(20, 200, 60)
    k = rng.binomial(n, p)
    counts = np.stack([k, n - k], axis=1)
    pooled = pooled_row(counts.astype(float))
    strength = best_strength(counts, pooled)

    def log_likelihood(s: float) -> float:
        return float(betabinom.logpmf(k, n, s * pooled[0], s * pooled[1]).sum())

    assert log_likelihood(strength) >= max(log_likelihood(strength * f) for f in (0.8, 1.25))
    assert 12 < strength < 80  # the truth is 30
    shrunk = shrink(counts, 10.0)
    assert shrunk.mean[:, 0] == pytest.approx((k + 10 * pooled[0]) / (n + 10), abs=1e-12)


def test_a_shrunk_share_lies_within_its_own_interval() -> None:
    """Of what was hardly ever seen, the mean lies beyond the 95% quantile."""
    found = shrink(np.array([[1000, 0, 0], [0, 1, 0], [5, 0, 900]]), 10.0)
    assert ((found.q05 <= found.mean) & (found.mean <= found.q95)).all()


def test_p14_repeat_rates_count_first_purchasers_who_bought_again(
    november: Snapshot, december: Snapshot
) -> None:
    table = repeat_table(november, december)
    both = november.membership.merge(
        december.membership[["customer_id", "purchase_state"]], on="customer_id",
        suffixes=("", "_after"),
    )  # fmt: skip
    first = both[both["purchase_state"].str.startswith("first")]
    repeated = first["purchase_state_after"].str.startswith("repeat")
    assert table["n"].sum() == len(first)
    assert table["n_repeat"].sum() == repeated.sum() > 5
    by_cell = repeated.groupby(first["segment_code"]).sum()
    counted = table.set_index("segment_code")["n_repeat"]
    assert (counted[by_cell.index] == by_cell).all()
    assert table["repeat_rate"].between(table["repeat_rate_q05"], table["repeat_rate_q95"]).all()
    assert (table["days"] == 31).all()


def _p14_gain(rng: np.random.Generator) -> float:
    """Held-out log score per customer: shrunk minus add-half smoothed."""
    truth = rng.beta(0.15 * 20, 0.85 * 20, 6)
    n = rng.integers(5, 120, 6)
    k = rng.binomial(n, truth)
    future_n = np.full(6, 200)
    future_k = rng.binomial(future_n, truth)
    shrunk = np.asarray(repeat_rates(n, k)["repeat_rate"])
    smoothed = (k + 0.5) / (n + 1)

    def score(p: np.ndarray) -> float:
        return float((future_k * np.log(p) + (future_n - future_k) * np.log1p(-p)).sum())

    return (score(shrunk) - score(smoothed)) / future_n.sum()


def test_p14_shrinkage_is_no_worse_on_held_out_customers() -> None:
    gains = np.array([_p14_gain(np.random.default_rng(seed)) for seed in range(40)])
    assert gains.mean() > 0
    assert gains.mean() > 1.5 * gains.std() / np.sqrt(len(gains))


def test_p14_a_repeat_is_a_second_purchase_whatever_the_risk() -> None:
    ids = ids_of(5)
    one = made_up("2024-01-01", ids, np.array([1, 1, 1, 1, 4]))  # four first purchasers
    two = made_up("2024-02-01", ids, np.array([0, 1, 2, 3, 0]))  # two of them bought again
    table = repeat_table(one, two)
    assert (table["n"].sum(), table["n_repeat"].sum()) == (4, 2)


def test_p14_comparison_pairs_customers_and_scores_what_came(
    november: Snapshot, december: Snapshot
) -> None:
    rows = first_purchasers(november, december)
    table = repeat_table(november, december)
    assert len(rows) == table["n"].sum()
    assert rows["repeated"].sum() == table["n_repeat"].sum()
    # two cells that nobody repeated from in the past, held out with a repeat: unpooled is surprised
    past = pd.DataFrame(
        {"customer_id": [f"p{i}" for i in range(62)], "segment_code": ["a"] * 60 + ["b"] * 2,
         "repeated": [True, False] * 30 + [False] * 2}
    )  # fmt: skip
    future = pd.DataFrame(
        {"customer_id": [f"f{i}" for i in range(40)], "segment_code": ["b"] * 40,
         "repeated": [True, False] * 20}
    )  # fmt: skip
    found = loss_gained(past, future)
    rates = repeat_rates(np.array([60, 2]), np.array([30, 0]))["repeat_rate"]
    unpooled = -(np.log(0.5 / 3) + np.log(1 - 0.5 / 3)) / 2
    shrunk = -(np.log(rates[1]) + np.log(1 - rates[1])) / 2
    assert found.mean() == pytest.approx(shrunk - unpooled, abs=1e-12)
    assert len(found) == 40


@pytest.mark.slow
@pytest.mark.shared_data
def test_p14_on_real_submissions_by_visit_state(shared_data: Path) -> None:
    """A course: students with one submission so far, by how they visit; the next month held out."""
    events = pd.read_parquet(shared_data / "udacity_events.parquet")
    events = events.rename(columns={"date": "event_at"})
    events["event_at"] = pd.to_datetime(events["event_at"])
    bought, seen = (events[events["event"] == name] for name in ("submission", "visit"))
    first = events.groupby("customer_id")["event_at"].min().rename("signed_up_at").reset_index()
    days = pd.date_range("2015-05-15", periods=4, freq="28D").strftime("%Y-%m-%d")

    def place(day: str) -> Snapshot:
        purchases, visits = slow_summary(bought, day), slow_summary(seen, day)
        return take_snapshot(
            first,
            purchases,
            Axis(fitted(purchases), RiskConfig(), (0.5,)),
            visits,
            Axis(fitted(visits), RiskConfig(), (0.5, 0.9)),
        )

    snapshots = [place(day) for day in days]
    past, held_out = (first_purchasers(a, b) for a, b in (snapshots[:2], snapshots[2:]))
    found = loss_gained(past, held_out)
    print(found.mean(), len(past), len(held_out))
    assert found.mean() < 0.02  # shrinking may help or not; it must not hurt by much


def test_p10_leaks_go_from_the_core_to_elsewhere(november: Snapshot, december: Snapshot) -> None:
    table = leak_table(november, december, CONFIG, np.random.default_rng(1))
    both = november.membership[["customer_id", "segment_code"]].merge(
        december.membership[["customer_id", "segment_code"]], on="customer_id",
        suffixes=("_before", ""),
    )  # fmt: skip
    core = both[both["segment_code_before"].isin(CORE_CODES)]
    gone = core[~core["segment_code"].isin(CORE_CODES)]
    total = table[table["destination"] == "total"].iloc[0]
    assert (total["n_core"], total["n"]) == (len(core), len(gone))
    assert total["share_q05"] < total["share"] < total["share_q95"]
    parts = table[table["destination"] != "total"].set_index("destination")["n"]
    assert (parts == gone["segment_code"].value_counts()[parts.index]).all()
    assert not set(parts.index) & set(CORE_CODES)


def test_p10_history_and_alert_on_a_sudden_leak() -> None:
    rng, ids = np.random.default_rng(1), ids_of(1000)
    days = pd.date_range("2024-01-31", periods=7, freq="MS")
    snapshots = []
    for i, day in enumerate(days):
        core = rng.random(1000) < (0.8 if i < 6 else 0.5)
        snapshots.append(made_up(str(day.date()), ids, np.where(core, 0, 12)))
    history = leak_history(snapshots)
    assert list(history["as_of"]) == list(days[1:])
    alert = leak_alert(history, 0.05)
    assert alert.alert
    assert "usual is" in alert.sentence
    assert not leak_alert(history.iloc[:-1], 0.05).alert
    with pytest.raises(UsageError, match="at least 3 earlier periods; got 2"):
        leak_alert(history.iloc[:3])


def _false_alarms(n_runs: int, spread: float, seed: int) -> float:
    rng = np.random.default_rng(seed)
    alarms = 0
    for _ in range(n_runs):
        n = rng.integers(200, 400, 8)
        p = 0.2 * np.exp(rng.normal(0, spread, 8))
        history = pd.DataFrame({"n_core": n, "n_leaked": rng.binomial(n, p)})
        alarms += leak_alert(history, 0.1).alert
    return alarms / n_runs


@pytest.mark.parametrize("spread", [0.0, 0.15], ids=["chance", "seasons"])
def test_p10_false_alarm_rate_of_the_test_itself(spread: float) -> None:
    rate = _false_alarms(600, spread, 6)
    error = np.sqrt(0.1 * 0.9 / 600)
    assert rate <= 0.1 + 2 * error
    assert rate > 0.01  # it can ring at all
