"""Backtest, fit, export, verify, score in SQL and in the light scorer, monitor on later data."""

from __future__ import annotations

import datetime as dt

import duckdb
import numpy as np
import pandas as pd
import pytest

from churnlab.backtest import SplitConfig, calibrate_threshold, run_backtest
from churnlab.bundle import score
from churnlab.events import log_from_frames, open_log
from churnlab.events.config import DataConfig
from churnlab.export import (
    ExportConfig,
    ExportInputs,
    SqlConfig,
    VisitEvidence,
    backtest_evidence,
    export_bundle,
    playbook_parts,
    verify,
)
from churnlab.fitting import fit
from churnlab.monitor import monitor
from churnlab.posterior import RiskConfig
from churnlab.rules import FixedRule
from churnlab.segments import default_playbook
from churnlab.simulate import ShopConfig, simulate_shop
from churnlab.summary import summarise

TRUE_TO = 1e-9


def cdnow():
    """Real: the 1/10 sample; exported on 1998-03-31, monitored on 1998-06-30."""
    return open_log(DataConfig(name="cdnow")), dt.date(1998, 3, 31)


def shop():
    """Simulated: members, visits and purchases."""
    made = simulate_shop(ShopConfig(n_members=3000), np.random.default_rng(3))
    log = log_from_frames(made.frames(), time_zone="Asia/Seoul", as_of=made.as_of)
    return log, made.as_of - dt.timedelta(days=60)


def visit_evidence(log):
    """Fit visit-days and cut their risk twice."""
    summary = summarise(log, events="visits")
    draws = fit(summary, seed=2, draws=200, check=False).draws
    risk = RiskConfig(basis="p_alive")
    return VisitEvidence(
        draws=draws, risk=risk, risk_value=0.5, inactive_value=0.9,
        summary=summary.customers[["customer_id", "x", "t_x", "T"]],
    )  # fmt: skip


def inputs_of(log, *, origins=5):
    """Everything that an export is made of, from a log that ends on its `as_of`."""
    split = SplitConfig(
        origins=origins, horizon_days=[42], step_days=28, warmup=0, replicates=20, counts=False
    )
    tested = run_backtest(log, candidates=["mbg_nbd"], split=split, draws=200, seed=1)
    risk = RiskConfig(basis="fixed_days", horizon_days=42)
    fitted = fit(summarise(log), seed=1, draws=400)
    actions, by_cell = playbook_parts(default_playbook().frame())
    return fitted, ExportInputs(
        as_of=log.as_of,
        time_zone=log.time_zone,
        summary=fitted.data.customers,
        draws=fitted.draws,
        risk=risk,
        threshold=calibrate_threshold(log, rule=FixedRule(value=0.8), risk=risk),
        backtest=backtest_evidence(tested.summary, tested.scores),
        customers=fitted.customers(risk=risk, threshold=0.8),
        members=log.members(),
        visits=visit_evidence(log) if "visits" in log.tables else None,
        actions=actions,
        playbook=by_cell,
        data_hashes=log.hashes,
        config={"model": "mbg_nbd"},
        seed=1,
    )


@pytest.mark.parametrize(
    "source", [cdnow, pytest.param(shop, marks=pytest.mark.slow)], ids=lambda f: f.__name__
)
def test_round_trip(source, tmp_path):
    log, as_of = source()
    known = log.until(as_of)
    fitted, inputs = inputs_of(known)
    # 1. export and verify
    config = ExportConfig(sql=SqlConfig(table='전체 "주문"; --', dialects=["duckdb", "postgres"]))
    export_bundle(tmp_path, inputs, config)
    report = verify(tmp_path)
    assert (report["status"], report["calibration"]) == ("ok", "calibrated")
    table = pd.read_parquet(tmp_path / "customer_thresholds.parquet").set_index("customer_id")
    assert len(table) == len(known.members())
    # 2. thinned draws against the full posterior
    full = fitted.customers(risk=RiskConfig(basis="fixed_days", horizon_days=42), threshold=0.8)
    full = full.set_index("customer_id")
    shared = table.loc[full.index]
    assert (shared["purchase_risk"] - full["purchase_risk"]).abs().max() <= 0.005
    assert (shared["p_alive"] - full["p_alive"]).abs().max() <= 0.005
    days = (pd.to_datetime(shared["at_risk_date"]) - full["at_risk_date"]).dt.days.abs()
    assert (days <= 7).mean() > 0.95
    # 3. SQL from the event table, and the light scorer
    events = known.frame("purchases")
    with duckdb.connect() as connection:
        connection.register('전체 "주문"; --', events)
        sql = (tmp_path / "score.duckdb.sql").read_text("utf-8")
        found = connection.execute(sql).df().set_index("customer_id").loc[full.index]
    scored = score(tmp_path, purchases=events, details=False).set_index("customer_id")
    for column in ("purchase_risk", "p_alive"):
        for other in (found, scored.loc[full.index]):
            np.testing.assert_allclose(other[column], shared[column], rtol=0, atol=TRUE_TO)
    assert (found["purchase_state"] == shared["purchase_state"]).all()
    assert (scored.loc[full.index, "at_risk_date"] == pd.to_datetime(shared["at_risk_date"])).all()
    # 4. monitoring on later data, visits and members included
    visits = log.frame("visits") if "visits" in log.tables else None
    later = monitor(
        tmp_path, purchases=log.frame("purchases"), visits=visits, members=log.members(),
        as_of=log.as_of,
    )  # fmt: skip
    assert later["vintages"][0]["matured"]
    # the model is not perfect on real data; what is monitored must be near what was backtested
    first = later["vintages"][0]
    assert abs(first["expected"] / first["observed"] - 1) < 0.2
    assert {c["status"] for c in later["checks"]} <= {"ok", "warn", "fail"}
