"""A bundle of a fit with calendar effects: exported, verified, scored, watched on one clock."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest
from conftest_export import AS_OF, CREATED, make_draws, make_events, make_inputs
from export_sql_cases import CLOCK

from churnlab.bundle import read_bundle, score, strict_json
from churnlab.bundle.consistency import check_content
from churnlab.bundle.reading import validate
from churnlab.errors import UsageError, VerificationError
from churnlab.events import log_from_frames
from churnlab.export import ExportConfig, SqlConfig, export_bundle, verify
from churnlab.monitor.steps import steps
from churnlab.monitor.vintages import vintages
from churnlab.posterior import RiskConfig, customers_table
from churnlab.summary import Clock, summarise

LIGHT = ExportConfig(draws=16, csv=False, sql=SqlConfig(dialects=["duckdb"]))


@pytest.fixture(scope="module")
def on_clock(tmp_path_factory):
    """Folder of an export whose windows of 90 days hold what the season has in them."""
    folder = tmp_path_factory.mktemp("clock")
    inputs = make_inputs(
        basis="fixed_days", visits=False, clock=CLOCK, draws=make_draws(n=16),
        config={"model": {"calendar": "month"}},
    )  # fmt: skip
    export_bundle(folder, inputs, LIGHT, created_at=CREATED)
    return folder


@pytest.fixture(scope="module")
def log():
    events = make_events(until=dt.date(2025, 1, 31))
    return log_from_frames({"purchases": events}, as_of="2025-01-31", time_zone="Asia/Seoul")


def test_a_bundle_on_a_clock_is_whole_and_its_sql_says_what_python_says(on_clock):
    report = verify(on_clock)
    assert report["status"] == "ok"
    assert {"dates", "sql against python"} <= {c["name"] for c in report["checks"]}
    assert read_bundle(on_clock).purchases.clock == CLOCK


def test_the_rows_are_those_of_the_fits_own_table(on_clock):
    """The customers table of a fit on this clock, and `score` of the same events."""
    rules = read_bundle(on_clock)
    events = make_events()
    shipped = pd.read_parquet(on_clock / "customer_thresholds.parquet").set_index("customer_id")
    made = summarise(
        log_from_frames({"purchases": events}, as_of=str(AS_OF), time_zone="Asia/Seoul")
    ).on_clock(CLOCK)
    own = customers_table(made, rules.purchases.draws, rules.purchases.risk,
                          state=rules.purchases.state).set_index("customer_id")  # fmt: skip
    rows = shipped.loc[own.index]
    scored = score(rules, purchases=events).set_index("customer_id").loc[own.index]
    for column in ("purchase_risk", "p_alive"):
        np.testing.assert_allclose(rows[column], own[column], rtol=0, atol=1e-12)
        np.testing.assert_allclose(scored[column], own[column], rtol=0, atol=1e-12)
    for column in ("at_risk_date", "due_date", "due_q90"):
        assert (pd.to_datetime(rows[column]) == own[column]).all()
        assert (scored[column] == own[column]).all()


def edited(folder, tmp_path, change):
    """A copy whose bundle.json was edited and hashed again."""
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    content = json.loads((copy / "bundle.json").read_text("utf-8"))
    change(content)
    content["content_hash"] = strict_json.hash_without(content)
    (copy / "bundle.json").write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    return copy


def test_a_forged_multiplier_with_a_fresh_hash_is_refused(on_clock, tmp_path):
    def forge(content):
        content["models"]["purchases"]["calendar"]["multipliers"][3] *= 1.01

    with pytest.raises(VerificationError, match=r"purchase_risk.*differs from the score"):
        verify(edited(on_clock, tmp_path, forge))


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("multipliers", [1.0] * 12, "calendar: a clock needs 13 positive multipliers"),
        ("multipliers", [1e-4] * 13, "calendar.multipliers"),
        ("events", [["holidays", "12-40", "01-03"]], "calendar: "),
        ("origin", "2024-02-30", "calendar: "),
        ("kind", "moon", "calendar.kind"),
    ],
)
def test_a_calendar_that_is_none_is_named(on_clock, key, value, named):
    content = json.loads((on_clock / "bundle.json").read_text("utf-8"))
    content["models"]["purchases"]["calendar"][key] = value
    with pytest.raises(VerificationError, match=f"models.purchases.{named}"):
        check_content(validate(content))


def test_regular_gaps_have_no_calendar(on_clock):
    content = json.loads((on_clock / "bundle.json").read_text("utf-8"))
    content["models"]["purchases"] |= {"name": "mbg_cnbd_k"}
    with pytest.raises(VerificationError, match=r"calendar: does not belong to mbg_cnbd_k"):
        check_content(validate(content))


def test_calendar_effects_without_their_clock_are_refused():
    for model in ({"calendar": "month"}, {"events": {"sale": ["05-01", "05-09"]}}):
        with pytest.raises(UsageError, match=r"no clock is given.*clock=fit\.seasons\.clock"):
            make_inputs(config={"model": {"name": "mbg_nbd", **model}})
    for plain in ({"calendar": None, "events": {}}, {"calendar": "auto"}):
        make_inputs(config={"model": {"name": "mbg_nbd", **plain}})


def test_the_clock_of_a_run_folder_is_that_of_its_fit():
    buckets = [{"bucket": n, "multiplier": m} for n, m in
               zip(CLOCK.calendar.buckets, CLOCK.multipliers, strict=True)]  # fmt: skip
    known = CLOCK.to_dict()
    del known["multipliers"]
    known |= {"spread": 0.5, "widening": 1.0, "buckets": buckets}
    assert Clock.of_fit({"calendar": known}) == CLOCK
    assert Clock.of_fit({"calendar": None}) is None


def test_vintages_are_forecast_on_the_clock(on_clock, log):
    rules = read_bundle(on_clock)
    for found, day in zip(vintages(rules, log, 60, 60)[:3], (0, 60, 120), strict=True):
        start = AS_OF + dt.timedelta(day)
        made = summarise(log, start).on_clock(CLOCK)
        risk = RiskConfig(basis="fixed_days", horizon_days=found.days)
        table = customers_table(made, rules.purchases.draws, risk, state=None)
        assert found.expected == pytest.approx(table["purchase_risk"].sum(), abs=1e-9)


def test_steps_know_who_bought_since_the_export_by_days_not_by_clock_days(on_clock, log):
    rules = read_bundle(on_clock)
    flat = dataclasses.replace(rules, purchases=dataclasses.replace(rules.purchases, clock=None))
    for timed, plain in zip(steps(rules, log), steps(flat, log), strict=True):
        assert plain.customers.sum() > 100
        for of in (lambda rows: rows.T, lambda rows: rows.T - rows.t_x):
            later = of(plain.rows) < plain.elapsed  # whole days: no rounding
            for step in (timed, plain):
                found = step.customers[step.is_since(of(step.rows))].sum()
                assert found == plain.customers[later].sum()
