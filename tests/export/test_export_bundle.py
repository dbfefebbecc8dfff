"""What an export contains, when it is refused, and that it is whole or not there."""

from __future__ import annotations

import dataclasses
import datetime as dt
import errno
import json
import multiprocessing
import os
import signal
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest_export import ACTIONS, BACKTEST, CREATED, PLAYBOOK, THRESHOLD, make_draws, make_inputs

from churnlab.bundle import score
from churnlab.bundle.schema import bundle_schema
from churnlab.bundle.score import COLUMNS
from churnlab.errors import DataError, FitRefusedError, UsageError
from churnlab.export import ExportConfig, SqlConfig, export_bundle, nday_rule, verify
from churnlab.export import publish as publish_module
from churnlab.export.draws import thin
from churnlab.export.sections import valid_until
from churnlab.export.tables import TABLES
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import RiskConfig, risk_summary
from churnlab.summary import Cells

LIGHT = ExportConfig(draws=4, csv=False, sql=SqlConfig(dialects=[]))


def read(folder):
    return json.loads((folder / "bundle.json").read_text("utf-8"))


def test_x1_an_export_verifies_and_holds_the_promised_tables(exported):
    report = verify(exported)
    assert report["status"] == "ok"
    assert {c["name"] for c in report["checks"]} >= {
        "schema",
        "files",
        "dates",
        "sql against python",
    }
    for name, table in TABLES.items():
        if name in ("journey_audience", "campaign_plan"):
            continue
        frame = pd.read_parquet(exported / f"{name}.parquet")
        assert list(frame.columns) == table.names
        assert len(pd.read_csv(exported / f"{name}.csv")) == len(frame)
    assert list(COLUMNS) == TABLES["customer_thresholds"].names
    for dialect in ("duckdb", "postgres", "spark", "bigquery", "snowflake"):
        assert (exported / f"score.{dialect}.sql").read_text("utf-8").startswith("-- churnlab")


@pytest.mark.parametrize(
    ("today", "expected"),
    [("2024-07-01", "2024-09-28"), ("2024-09-27", "2024-09-28"), ("2024-09-28", "2024-09-29"),
     ("2031-01-01", "2031-01-02")],
)  # fmt: skip
def test_a_bundle_is_valid_from_the_end_of_its_data(today, expected):
    """90 days from 30 June end on 28 September; what is over already is valid until tomorrow."""
    days = [dt.date.fromisoformat(d) for d in ("2024-06-30", today, expected)]
    assert valid_until(days[0], days[1], 90) == days[2]


def test_every_column_is_documented_and_dates_are_dates(exported):
    import pyarrow.parquet as pq

    text = (exported / "columns.md").read_text("utf-8")
    for table in TABLES.values():
        for column in table.columns:
            assert column.meaning in text
    schema = pq.read_schema(exported / "customer_thresholds.parquet")
    assert str(schema.field("at_risk_date").type) == "date32[day]"
    assert str(schema.field("updated_at").type) == "timestamp[us, tz=UTC]"
    assert schema.field("purchase_risk").metadata[b"description"]


def test_exported_rows_are_what_the_scorer_gives(exported):
    """Risk, states and dates in the table are those of the bundle's own draws."""
    inputs = make_inputs()
    scored = score(exported, summary=inputs.summary, members=inputs.members, details=False)
    table = pd.read_parquet(exported / "customer_thresholds.parquet").set_index("customer_id")
    scored = scored.set_index("customer_id").loc[table.index]
    np.testing.assert_allclose(table["purchase_risk"], scored["purchase_risk"], atol=1e-12)
    assert (pd.to_datetime(table["at_risk_date"]) == scored["at_risk_date"]).all()
    assert (table["purchase_state"] == scored["purchase_state"]).all()
    never = table[table["purchase_state"] == "none"]
    assert len(never) == 30
    assert (never["at_risk_date"].astype(str) == "9999-12-31").all()


def test_the_schema_is_published_and_closed(exported):
    schema = bundle_schema()
    assert json.loads((exported / "bundle.schema.json").read_text("utf-8")) == schema
    assert schema["$schema"].endswith("2020-12/schema")

    def closed(node):
        if isinstance(node, dict):
            if node.get("type") == "object":
                assert "additionalProperties" in node, node
            for value in node.values():
                closed(value)
        elif isinstance(node, list):
            for value in node:
                closed(value)

    closed(schema)


@pytest.mark.parametrize(
    ("backtest", "reason"),
    [
        (BACKTEST | {"origins": BACKTEST["origins"][:2], "scores": []}, "2 backtest origins"),
        (BACKTEST | {"baselines": ["majority"]}, "hiatus"),
    ],
)
def test_too_little_evidence_is_refused_unless_overridden(tmp_path, backtest, reason):
    inputs = make_inputs(backtest=backtest)
    with pytest.raises(DataError, match=reason):
        export_bundle(tmp_path, inputs, LIGHT)
    assert not (tmp_path / "bundle.json").exists()
    export_bundle(tmp_path, inputs, dataclasses.replace(LIGHT, allow_uncalibrated=True))
    assert read(tmp_path)["calibration"]["status"] == "not calibrated"
    assert verify(tmp_path)["calibration"] == "not calibrated"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"playbook": PLAYBOOK | {"none.visit_risk": []}}, DataError, "none.visit_risk"),
        ({"threshold": replace(THRESHOLD, basis="fixed_days")}, UsageError, "fixed_days"),
        ({"actions": ACTIONS[:1]}, Exception, "win_back"),
        ({"draws": make_draws(groups=("a", "b"))}, DataError, "group"),
    ],
)
def test_contradictions_are_refused_before_anything_is_published(tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        export_bundle(tmp_path, make_inputs(**changes), LIGHT)
    assert not (tmp_path / "bundle.json").exists()


def test_bg_nbd_does_not_decide_the_state_of_first_purchasers():
    with pytest.raises(UsageError, match="first purchasers"):
        make_inputs("bg_nbd")
    assert make_inputs("bg_nbd", basis="fixed_days").draws.model == "bg_nbd"


def test_uplift_without_randomisation_is_left_out(tmp_path):
    claim = {"mean": 0.1, "q05": 0.0, "q95": 0.2}
    rule = {"rule_id": "day-10", "last_unconverted_day": 9, "action_id": "keep", "uplift": claim}
    tested = rule | {"rule_id": "tested", "randomised": True, "holdout_share": 0.2}
    export_bundle(tmp_path, make_inputs(nday_rules=[rule, tested]), LIGHT)
    rules = read(tmp_path)["nday_rules"]
    assert rules[0]["uplift"] is None
    assert rules[1]["uplift"] == claim
    assert rules[0]["send_day"] == 10


def test_what_weakens_a_rule_travels_with_it(tmp_path):
    found = {"rule_id": "day-10", "last_unconverted_day": 9, "action_id": "keep"}
    said = nday_rule(found | {"warnings": [{"en": "Cohorts drift.", "ko": "변함"}]})
    quiet = nday_rule(found | {"rule_id": "quiet", "warnings": []})
    export_bundle(tmp_path, make_inputs(nday_rules=[said, quiet]), LIGHT)
    rules = read(tmp_path)["nday_rules"]
    assert rules[0]["notes"] == ["Cohorts drift."]
    assert not rules[1].get("notes")


def test_thinned_draws_keep_mean_and_spread():
    rng = np.random.default_rng(1)
    theta = np.array([0.5, 43.0, 0.9, 1.6]) * np.exp(
        rng.normal(size=(800, 1, 4)) * [0.05, 0.1, 0.3, 0.3]
    )
    full = PopulationDraws("mbg_nbd", 1, theta)
    x = rng.poisson(3, 2000).astype(float)
    T = rng.integers(1, 900, 2000).astype(float)
    t_x = np.where(x > 0, np.ceil(T * rng.beta(2, 1, 2000)), 0.0)
    cells, _ = Cells.collapse(x, t_x, T)
    thinned = thin(full, RiskConfig(), cells)
    assert thinned.p_alive <= 0.002
    assert len(thinned.draws.theta) == 64
    every = np.linspace(0, 799, 64).astype(int)
    plain = PopulationDraws("mbg_nbd", 1, theta[every])
    wide, chosen, naive = (risk_summary(d, cells) for d in (full, thinned.draws, plain))
    assert np.abs(chosen.mean - wide.mean).max() < np.abs(naive.mean - wide.mean).max()
    ratio = np.median((chosen.q95 - chosen.q05) / (wide.q95 - wide.q05))
    assert 0.85 < ratio < 1.15


def test_a_posterior_too_wide_for_few_draws_is_refused(tmp_path):
    wide = make_draws(n=200)
    theta = wide.theta * np.exp(np.random.default_rng(3).normal(size=wide.theta.shape))
    inputs = make_inputs(draws=dataclasses.replace(wide, theta=theta))
    with pytest.raises(FitRefusedError, match="too wide"):
        export_bundle(tmp_path, inputs, dataclasses.replace(LIGHT, draws=2))


def test_changed_rows_only(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    export_bundle(old, make_inputs(), LIGHT, created_at=CREATED)
    summary = make_inputs().summary.copy()
    summary.loc[7, ["x", "t_x"]] = (summary.loc[7, "x"] + 1, summary.loc[7, "T"])
    later = CREATED + dt.timedelta(days=1)
    config = dataclasses.replace(LIGHT, changed_since=str(old))
    export_bundle(new, make_inputs(summary=summary), config, created_at=later)
    verify(new)
    changed = pd.read_parquet(new / "customer_thresholds_changed.parquet")
    full = pd.read_parquet(new / "customer_thresholds.parquet").set_index("customer_id")
    assert list(changed["customer_id"]) == [summary.loc[7, "customer_id"]]
    assert (pd.to_datetime(changed["updated_at"]) == later).all()
    untouched = full.drop(index=changed["customer_id"])
    assert (pd.to_datetime(untouched["updated_at"]) == CREATED).all()
    assert (pd.to_datetime(full["scored_at"]) == later).all()


def test_the_new_bundle_supersedes_the_old_one_which_stays_for_rollback(tmp_path):
    export_bundle(tmp_path, make_inputs(), LIGHT, created_at=CREATED)
    first = read(tmp_path)["bundle_id"]
    export_bundle(tmp_path, make_inputs(seed=2), LIGHT, created_at=CREATED)
    second = read(tmp_path)
    assert second["supersedes"] == first
    assert verify(tmp_path)["bundle_id"] == second["bundle_id"]
    verify(tmp_path / "bundles" / first)
    # rollback: put the old bundle.json back
    old = (tmp_path / "bundles" / first / "bundle.json").read_bytes()
    (tmp_path / "bundle.json").write_bytes(old)
    assert verify(tmp_path)["bundle_id"] == first


def test_the_same_export_twice_is_one_bundle(tmp_path):
    for _ in range(2):
        export_bundle(tmp_path / "a", make_inputs(), LIGHT, created_at=CREATED)
        (tmp_path / "a" / "bundle.json").rename(tmp_path / "kept.json")  # no `supersedes`
    export_bundle(tmp_path / "a", make_inputs(), LIGHT, created_at=CREATED)
    verify(tmp_path / "a")
    assert len(list((tmp_path / "a" / "bundles").iterdir())) == 1


def _export(folder, seed):
    export_bundle(folder, make_inputs(seed=seed), LIGHT)


def test_concurrent_exports_leave_one_that_verifies(tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_export, args=(tmp_path, seed)) for seed in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    assert verify(tmp_path)["status"] == "ok"
    for folder in (tmp_path / "bundles").iterdir():
        verify(folder)


@pytest.mark.parametrize("after", [3, 9])
def test_a_killed_export_leaves_the_old_bundle(tmp_path, after):
    """The process is killed when the n-th file is written, and in between the copies."""
    export_bundle(tmp_path, make_inputs(), LIGHT, created_at=CREATED)
    before = read(tmp_path)["bundle_id"]
    child = os.fork()
    if child == 0:
        count = iter(range(1000))
        name = "_copy" if after == 9 else "file_hash"
        original = getattr(publish_module, name)

        def dying(*arguments):
            if next(count) == after % 9:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments)

        setattr(publish_module, name, dying)
        _export(tmp_path, 5)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert verify(tmp_path)["bundle_id"] == before


@pytest.mark.parametrize("n", [4, 9])
def test_a_full_disk_leaves_the_old_bundle_and_a_plain_error(tmp_path, monkeypatch, n):
    export_bundle(tmp_path, make_inputs(), LIGHT, created_at=CREATED)
    before = read(tmp_path)["bundle_id"]
    real, count = os.fsync, iter(range(1000))

    def full(descriptor):
        if next(count) >= n:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        export_bundle(tmp_path, make_inputs(seed=4), LIGHT)
    monkeypatch.undo()
    assert verify(tmp_path)["bundle_id"] == before
    assert not list((tmp_path / "bundles").glob(".staging-*"))


def test_progress_is_told(tmp_path):
    stages = []
    start = time.perf_counter()
    export_bundle(tmp_path, make_inputs(), LIGHT, progress=lambda s, f: stages.append((s, f)))
    assert [f for _, f in stages] == sorted(f for _, f in stages)
    assert time.perf_counter() - start < 60


def test_a_fit_of_orders_is_refused_since_the_sql_counts_days():
    make_inputs(config={"data": {"purchase_unit": "customer_day"}})
    with pytest.raises(UsageError, match=r"counts orders.*purchase_unit=customer_day"):
        make_inputs(config={"data": {"purchase_unit": "order"}})
