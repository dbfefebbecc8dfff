"""The per-customer table: columns, agreement with its parts, first purchasers under BG, errors."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import churnlab as cl
from churnlab import models as likelihoods
from churnlab.errors import UsageError
from churnlab.posterior import (
    RiskConfig,
    StateCut,
    ValueConfig,
    customers_table,
    risk_summary,
    value_table,
)
from churnlab.posterior.customers import COLUMNS, customer_columns, p_alive_table
from churnlab.posterior.silence import stream
from churnlab.runs import RunFolder
from churnlab.summary import Summary

#: docs/files.md, to the letter.
CONTRACT = [
    "customer_id", "x", "t_x", "T", "first_purchase_at", "last_purchase_at", "days_since_last",
    "p_alive", "p_alive_q05", "p_alive_q95", "cycle_days", "cycle_q05", "cycle_q95",
    "rhythm_days", "rate_per_day", "rate_q05", "rate_q95", "expected_purchases",
    "expected_purchases_q05", "expected_purchases_q95", "purchase_risk", "purchase_risk_q05",
    "purchase_risk_q95", "horizon_days", "risk_p_alive", "risk_personal_cycles",
    "risk_fixed_days", "at_risk_date", "at_risk_q05", "at_risk_q95", "p_alive_at_risk",
    "risk_band", "p_return_year", "due_date", "due_q10", "due_q90",
    "next_purchase_q10", "next_purchase_q50", "next_purchase_q90",
]  # fmt: skip


@pytest.fixture(scope="module")
def some(make_rows) -> Summary:
    return Summary.from_arrays(*make_rows(50)[1:], as_of="2024-06-30")


def test_columns_are_the_contracts():
    assert list(COLUMNS) == CONTRACT


@pytest.mark.parametrize("model", ["bg_nbd", "mbg_nbd", "pareto_nbd", "mbg_cnbd_k"])
@pytest.mark.parametrize("basis", ["p_alive", "personal_cycles", "fixed_days"])
def test_table_is_complete_and_consistent(model, basis, some, make_draws):
    draws = make_draws(model, 40)
    risk = RiskConfig(basis=basis, horizon_days=60)
    table = customers_table(some, draws, risk, state=StateCut(risk, 0.5, 0.5))
    assert list(table.columns) == CONTRACT
    assert table["customer_id"].tolist() == some.customers["customer_id"].tolist()
    filled = table.drop(columns=["horizon_days", *CONTRACT[-11:-8]])
    falls = model == "mbg_cnbd_k" and basis != "p_alive"
    assert table["at_risk_q05"].isna().all() == table["at_risk_q95"].isna().all() == falls
    never = table["at_risk_date"].dt.year == 9999
    assert (table["p_alive_at_risk"].isna() == (never | falls)).all()
    assert not filled.isna().any().any()
    assert table["horizon_days"].isna().all() == (basis == "p_alive")
    if basis == "fixed_days":
        assert set(table["horizon_days"]) == {60}
    if basis == "personal_cycles":
        window = np.ceil(np.clip(2 * table["rhythm_days"], 14, 182))
        assert (table["horizon_days"] == window).all()
    assert (table["purchase_risk"] == table[f"risk_{basis}"]).all()
    np.testing.assert_allclose(table["p_alive"], 1 - table["risk_p_alive"])
    for name in ("p_alive", "purchase_risk"):
        assert (table[f"{name}_q05"] <= table[name] + 1e-9).all()
        assert (table[name] <= table[f"{name}_q95"] + 1e-9).all()
    assert (table["cycle_q05"] < table["cycle_days"]).all()
    assert (table["cycle_days"] < table["cycle_q95"]).all()
    assert (table["due_q10"] <= table["due_date"]).all()
    assert (table["due_date"] <= table["due_q90"]).all()
    assert (table["last_purchase_at"] <= table["due_q10"]).all()
    assert (table["at_risk_date"] > table["last_purchase_at"]).all()


def test_state_today_is_the_date_against_today(some, make_draws):
    state = StateCut(RiskConfig(), 0.5, 0.4)
    table = customers_table(some, make_draws("mbg_nbd", 40), state=state)
    cut = np.where(table["x"] > 0, 0.5, 0.4)
    silent = table["days_since_last"] >= 1
    today = pd.Timestamp(some.as_of)
    state = (table["purchase_risk"] >= cut)[silent]
    assert (state == (table["at_risk_date"] <= today)[silent]).all()
    assert state.any()
    assert not state.all()


def test_order_chunks_and_threads_change_nothing(some, make_draws, monkeypatch):
    draws = make_draws("pareto_nbd", 30)
    whole = customers_table(some, draws, threads=1)
    order = np.random.default_rng(4).permutation(len(whole))
    people = some.customers.iloc[order]
    again = Summary.from_arrays(
        people["x"], people["t_x"], people["T"],
        as_of=some.as_of, customer_id=people["customer_id"],
    )  # fmt: skip
    monkeypatch.setattr(stream, "CHUNK_ELEMENTS", 90)
    mixed = customers_table(again, draws, threads=3)
    pd.testing.assert_frame_equal(mixed, whole.iloc[order].reset_index(drop=True), rtol=1e-13)


def test_later_rows_of_others_change_nobody(some, make_draws):
    """A customer's row depends on the draws and that customer's own history only."""
    draws, people = make_draws("mbg_nbd", 30), some.customers
    few = Summary.from_arrays(
        people["x"][:9], people["t_x"][:9], people["T"][:9],
        as_of=some.as_of, customer_id=people["customer_id"][:9],
    )  # fmt: skip
    part, whole = customers_table(few, draws), customers_table(some, draws)
    pd.testing.assert_frame_equal(part, whole.iloc[:9], rtol=1e-11)


def test_bg_says_that_it_cannot_judge_first_purchasers(some, make_draws):
    bg, mbg = make_draws("bg_nbd", 30), make_draws("mbg_nbd", 30)
    on_risk = StateCut(RiskConfig(), 0.5, 0.5)
    alone = customers_table(some, bg, state=on_risk)
    assert "first_draws" in alone.attrs["warnings"][0]
    first = alone["x"] == 0
    assert (alone["p_alive"][first] == 1).all()
    assert (alone["at_risk_date"][first].dt.year == 9999).all()
    helped = customers_table(some, bg, state=on_risk, first_draws=mbg)
    by_mbg = customers_table(some, mbg, state=on_risk)
    assert "warnings" not in helped.attrs
    assert "warnings" not in by_mbg.attrs
    assert (helped.pop("model") == np.where(first, "mbg_nbd", "bg_nbd")).all()
    pd.testing.assert_frame_equal(helped[first], by_mbg[first])  # one row, one model
    pd.testing.assert_frame_equal(helped[~first], alone[~first])


def test_p_alive_and_value_of_first_purchasers_come_from_the_same_model(some, make_draws):
    bg, mbg = make_draws("bg_nbd", 30), make_draws("mbg_nbd", 30)
    first = some.customers["x"].to_numpy() == 0
    value = ValueConfig(per_purchase=1.0)
    for made in (
        lambda draws, **more: p_alive_table(some, draws, at="2030-01-01", **more),
        lambda draws, **more: value_table(some, draws, value, **more),
    ):
        both = made(bg, first_draws=mbg)
        pd.testing.assert_frame_equal(both[first], made(mbg)[first])
        pd.testing.assert_frame_equal(both[~first], made(bg)[~first])


@pytest.fixture(scope="module")
def bg_fit():
    rng = np.random.default_rng(3)
    T = rng.integers(200, 400, 500).astype(float)
    theta = np.array([0.6, 30.0, 0.8, 1.5])[:, None]
    x, t_x, _ = likelihoods.get("mbg_nbd").simulate(theta, T, rng)
    return cl.fit(Summary.from_arrays(x, t_x, T, as_of="2024-12-31"), model="bg_nbd", draws=300)


def test_one_row_of_a_bg_fit_is_one_model(bg_fit):
    """Its purchases to come, P(alive), value and draws agree, and somebody says whose they are."""
    table = bg_fit.customers(horizon_days=90, value=ValueConfig(per_purchase=1.0, horizon_days=90))
    once = table["x"] == 0
    assert set(table["model"][once]) == {"mbg_nbd"}
    assert set(table["model"][~once]) == {"bg_nbd"}
    assert any("column model" in w and f"{once.sum()} customers" in w for w in bg_fit.warnings)
    np.testing.assert_allclose(table["p_alive"], bg_fit.p_alive()["p_alive"], rtol=1e-12)
    # E[N] lies between P(N >= 1) and what the same number of living customers would buy
    at_least_one = 1 - table["risk_fixed_days"]
    assert (table["expected_purchases"] >= at_least_one - 1e-9).all()
    assert (at_least_one <= table["p_alive"] + 1e-9).all()
    ratio = table["residual_value"] / table["expected_purchases"]
    assert ratio.between(0.95, 1.0).all()
    alive = bg_fit.sample_latent(draws=400)["alive"].mean(axis=0)
    np.testing.assert_allclose(alive[once].mean(), table["p_alive"][once].mean(), atol=0.02)


def test_other_customers_are_judged_by_the_same_two_fits(bg_fit):
    few = bg_fit.data.customers.iloc[:50]
    summary = Summary.from_arrays(
        few["x"], few["t_x"], few["T"], as_of="2024-12-31", customer_id=few["customer_id"]
    )
    applied = bg_fit.on(summary).customers()
    pd.testing.assert_frame_equal(applied, bg_fit.customers().iloc[:50], check_categorical=False)


def test_a_horizon_given_is_a_horizon_used(bg_fit):
    """Without a stated basis, the risk is that of no purchase within it."""
    table = bg_fit.customers(horizon_days=90)
    assert (table["horizon_days"] == 90).all()
    assert (table["purchase_risk"] == table["risk_fixed_days"]).all()
    stated = bg_fit.customers(horizon_days=30, risk=RiskConfig(basis="p_alive"))
    assert stated["horizon_days"].isna().all()
    assert (stated["purchase_risk"] == stated["risk_p_alive"]).all()
    month = bg_fit.customers(horizon_days=30)
    assert (stated["expected_purchases"] == month["expected_purchases"]).all()
    assert bg_fit.customers()["horizon_days"].isna().all()


def test_only_what_is_asked_for(some, make_draws):
    table = customers_table(some, make_draws("mbg_nbd", 20), columns=["customer_id", "p_alive"])
    assert list(table.columns) == ["customer_id", "p_alive"]
    without = customers_table(some, make_draws("mbg_nbd", 20), state=None)
    assert "at_risk_date" not in without
    with pytest.raises(UsageError, match="cycle_days"):
        customers_table(some, make_draws("mbg_nbd", 20), columns=["cycle_dys"])
    with pytest.raises(UsageError, match="need a state"):
        customers_table(some, make_draws("mbg_nbd", 20), state=None, columns=["at_risk_date"])


def test_groups_are_matched_by_name(make_rows, make_draws):
    rows, a = make_rows(20), make_draws("mbg_nbd", 20)
    other = make_draws("mbg_nbd", 20, spread=0.4)
    names = np.where(np.arange(20) % 2 == 0, "web", "app")
    summary = Summary.from_arrays(*rows[1:], as_of="2024-06-30", group=names)
    theta = np.concatenate([a.theta, other.theta], axis=1)
    draws = type(a)("mbg_nbd", 1, theta, ("web", "app"))
    table = customers_table(summary, draws)
    assert list(table.columns) == [*CONTRACT, "group"]
    swapped = type(a)("mbg_nbd", 1, theta[:, ::-1], ("app", "web"))
    pd.testing.assert_frame_equal(customers_table(summary, swapped), table)
    risk = np.where(names == "web", risk_summary(a, rows).mean, risk_summary(other, rows).mean)
    np.testing.assert_allclose(table["purchase_risk"], risk, rtol=1e-12)
    with pytest.raises(UsageError, match="no group 'app'"):
        customers_table(summary, type(a)("mbg_nbd", 1, theta, ("web", "shop")))


def test_parquet_round_trip_keeps_dates_and_text(some, make_draws, tmp_path):
    table = customers_table(some, make_draws("bg_nbd", 20), state=StateCut(RiskConfig(), 0.5, 0.5))
    table.to_parquet(tmp_path / "customers.parquet")
    back = pd.read_parquet(tmp_path / "customers.parquet")
    for name in ("at_risk_date", "due_date", "last_purchase_at"):
        assert (back[name].dt.date == table[name].dt.date).all()
    assert dt.date(9999, 12, 31) in set(back["at_risk_date"].dt.date)
    assert back["customer_id"].tolist() == table["customer_id"].tolist()


def test_p_alive_on_a_later_day(some, make_draws, make_rows):
    draws, rows = make_draws("mbg_nbd", 40), make_rows(50)
    table = p_alive_table(some, draws, at="2024-07-30")
    assert list(table.columns) == ["customer_id", "p_alive", "p_alive_q05", "p_alive_q95"]
    older = 1 - risk_summary(draws, rows._replace(T=rows.T + 30)).mean
    np.testing.assert_allclose(table["p_alive"], older, rtol=1e-12)
    assert (table["p_alive_q05"] <= table["p_alive_q95"]).all()
    with pytest.raises(UsageError, match="before the cutoff"):
        p_alive_table(some, draws, at=dt.date(2024, 6, 1))
    with pytest.raises(UsageError, match="date such as"):
        p_alive_table(some, draws, at="next week")


def test_progress_names_the_stages(some, make_draws):
    seen: list[tuple[str, float]] = []
    customers_table(some, make_draws("mbg_nbd", 5), progress=lambda *a: seen.append(a))
    assert [s for s, _ in seen][-1] == "customers"
    assert seen[-1][1] == 1.0
    assert all(0 <= share <= 1 for _, share in seen)


def test_rows_and_columns_of_the_table_are_those_of_the_whole(make_rows, make_draws, tmp_path):
    names = np.repeat("web", 20)
    summary = Summary.from_arrays(*make_rows(20)[1:], as_of="2024-06-30", group=names)
    draws = replace(make_draws("mbg_nbd", 20), groups=("web",))
    table = customer_columns(summary, draws, RiskConfig(basis="personal_cycles"))
    worth = pd.DataFrame(
        {"customer_id": summary.customers["customer_id"], "value": np.arange(20.0)}
    )
    worth.attrs["worth"] = "amount"
    table = table.joined(worth)
    whole = table.frame()
    assert tuple(whole) == table.names == (*CONTRACT, "value", "group")
    assert whole.attrs["worth"] == "amount"
    some = table.frame(["risk_band", "nothing", "value"])
    pd.testing.assert_frame_equal(some, whole[["risk_band", "value"]])
    for rows in (slice(1, 3), np.array([3, 0])):
        expected = whole.iloc[rows].reset_index(drop=True)
        pd.testing.assert_frame_equal(table.frame(rows=rows), expected)
    for name, source in (("frame", whole), ("rows", table)):
        RunFolder(tmp_path / name, "fit").write_parquet("customers.parquet", source)
    one, other = (tmp_path / name / "customers.parquet" for name in ("frame", "rows"))
    assert one.read_bytes() == other.read_bytes()
