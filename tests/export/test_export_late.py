"""Bundles whose states are late by the own rhythm: verified, scored, the same in SQL."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest_export import THRESHOLD, make_inputs

from churnlab.bundle import read_bundle, score
from churnlab.bundle.reading import validate
from churnlab.bundle.rules import rules_of
from churnlab.bundle.score import FAR
from churnlab.errors import UsageError, VerificationError
from churnlab.export import export_bundle, verify
from churnlab.export.recompute import run_summary_sql
from churnlab.export.tables.columns import TABLES
from churnlab.export.tables.files import read_table
from churnlab.export.tables.rows import tables_of
from churnlab.posterior import Lateness
from churnlab.posterior.settings import LATE
from churnlab.rules import OverdueRule

#: Two buyers of the same 420 days, silent for 40: every two months, every two weeks.
PAIR = pd.DataFrame(
    {"customer_id": ["A", "B"], "x": [7.0, 30.0], "t_x": 420.0, "T": 460.0, "grp": "all"}
).assign(last_purchase_at=pd.Timestamp("2024-05-21"))


@pytest.fixture(scope="module", params=["mbg_nbd", "pareto_nbd"])
def late(request, tmp_path_factory):
    """A bundle under the default state, visits by the same idea."""
    inputs = make_inputs(request.param, threshold=OverdueRule().threshold())
    cuts = {"risk_value": 0.8, "inactive_value": 0.95, "window_cycles": 6.0}
    inputs = replace(inputs, visits=replace(inputs.visits, **cuts))
    folder = tmp_path_factory.mktemp("late") / "bundle"
    export_bundle(folder, inputs)
    return folder


def test_it_verifies_dates_and_sql_included(late):
    report = verify(late)
    assert {c["name"]: c["status"] for c in report["checks"]}["sql against python"] == "ok"
    rules = read_bundle(late)
    assert rules.purchases.state == LATE
    assert rules.visits.measure == Lateness()


def test_how_far_at_risk_a_customer_is_stands_in_the_tables_of_the_day(late):
    table = read_table(late / "customer_thresholds.parquet", TABLES["customer_thresholds"])
    bands = table[["customer_id"]][::2].assign(risk_band="fresh")
    inputs = replace(make_inputs("mbg_nbd"), customers=bands)
    content = json.loads((late / "bundle.json").read_text())
    tables = tables_of(table, inputs, content)
    for name in ("segment_membership", "segment_audience"):
        told = tables[name].set_index("customer_id")["risk_band"]
        assert (told.dropna().index.isin(bands["customer_id"])).all()
        assert 0 < told.notna().sum() < len(told)
        plain = tables_of(table, replace(inputs, customers=None), content)[name]
        assert plain["risk_band"].isna().all()


def test_nobody_is_at_risk_before_a_whole_own_rhythm(late):
    table = pd.read_parquet(late / "customer_thresholds.parquet")
    bought = table[table["purchase_state"] != "none"]
    last = pd.to_datetime(bought["valid_for_last_purchase_at"])
    days = (pd.to_datetime(bought["at_risk_date"]) - last).dt.days
    assert (days >= np.maximum(bought["rhythm_days"], 2)).all()
    assert set(bought["purchase_state"]) >= {"repeat_active", "repeat_risk", "first_risk"}


def test_forty_days_are_late_for_one_of_two_buyers_in_the_scorer_and_in_sql(late):
    rules = read_bundle(late)
    for scored in (score(late, summary=PAIR), run_summary_sql(PAIR, rules)):
        states = scored.set_index("customer_id")["purchase_state"]
        assert states.to_dict() == {"A": "repeat_active", "B": "repeat_risk"}


def test_sql_states_are_those_of_the_dates_on_every_day_around_them(late):
    rules = read_bundle(late)
    summary = pd.read_parquet(late / "customer_summary.parquet").drop_duplicates(["x", "t_x"])
    table = pd.read_parquet(late / "customer_thresholds.parquet").set_index("customer_id")
    dates = pd.to_datetime(table.loc[summary["customer_id"], "at_risk_date"]).to_numpy()
    summary, dates = summary[dates < FAR], dates[dates < FAR]
    last = pd.to_datetime(summary["last_purchase_at"]).to_numpy()
    days = (dates - last) / np.timedelta64(1, "D")
    for shift in (-3, -1, 0, 1):
        T = summary["t_x"].to_numpy() + days + shift
        state = run_summary_sql(summary.assign(T=T), rules)["purchase_state"].astype("str")
        assert state.str.endswith("_risk").all() == (shift >= 0)
        assert state.str.endswith("_active").all() == (shift < 0)


def test_a_bundle_without_the_window_cuts_the_risk_as_ever(late):
    content = json.loads((late / "bundle.json").read_text("utf-8"))
    old = copy.deepcopy(content)
    del old["thresholds"]["purchases"]["window_cycles"]
    assert rules_of(validate(old)).purchases.state.measure.basis == "p_alive"
    content["thresholds"]["purchases"]["window_cycles"] = 1.0
    with pytest.raises(VerificationError, match="window_cycles"):
        validate(content)


def test_a_cut_on_another_basis_is_still_refused():
    with pytest.raises(UsageError, match="fixed_days"):
        make_inputs(threshold=replace(THRESHOLD, basis="fixed_days"))


def test_the_campaign_plan_travels_and_its_actions_are_checked(tmp_path):
    plan = pd.DataFrame(
        {"customer_id": ["고객 0001"], "action_id": "win_back",
         "segment_code": "repeat_risk.visit_risk",
         "channel": "message", "send_date": pd.Timestamp("2024-07-01"), "arm": "treat",
         "priority": 3, "risk_band": "fresh", "items": None, "suppressed_reason": None}
    )  # fmt: skip
    export_bundle(tmp_path / "one", make_inputs(campaign_plan=plan))
    assert verify(tmp_path / "one")["status"] == "ok"
    found = pd.read_parquet(tmp_path / "one" / "campaign_plan.parquet")
    said = found[["action_id", "priority", "risk_band"]].to_numpy().tolist()
    assert said == [["win_back", 3, "fresh"]]
    strange = make_inputs(campaign_plan=plan.assign(action_id="spam"))
    export_bundle(tmp_path / "two", strange)
    with pytest.raises(VerificationError, match="action_id"):
        verify(tmp_path / "two")
