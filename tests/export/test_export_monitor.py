"""Monitoring: quiet on data like those of the export, loud on each thing that can go wrong."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from conftest_export import AS_OF, BACKTEST, CREATED, make_inputs, make_summary

from churnlab.bundle import read_bundle
from churnlab.errors import DataError, UsageError, VerificationError
from churnlab.events import log_from_frames
from churnlab.export import ExportConfig, SqlConfig, export_bundle
from churnlab.models.draws import PopulationDraws
from churnlab.monitor import monitor
from churnlab.monitor.vintages import vintages
from churnlab.posterior import RiskConfig

THETA = (2.0, 60.0, 1.0, 9.0)  # r, alpha, a, b: the truth of the customers below
END = dt.date(2024, 10, 31)


def simulate(n, until, *, seed, pace=1.0):
    """Customers of MBG/NBD with known parameters; `pace` slows purchases after AS_OF."""
    rng = np.random.default_rng(seed)
    r, alpha, a, b = THETA
    rows = []
    for i in range(n):
        rate, p = rng.gamma(r) / alpha, rng.beta(a, b)
        day, cut = rng.uniform(0, 500), (AS_OF - dt.date(2023, 1, 1)).days + 1
        while day < 800:
            rows.append((f"c{i:05d}", day))
            if rng.random() < p:
                break
            gap = rng.exponential(1 / rate)
            late = max(day + gap - max(cut, day), 0)
            day += gap - late + late / pace
    events = pd.DataFrame(rows, columns=["customer_id", "day"])
    events["event_at"] = (
        pd.Timestamp("2023-01-01") + pd.to_timedelta(events.pop("day"), unit="D")
    ).dt.floor("s")
    return events[events["event_at"] < pd.Timestamp(until) + pd.Timedelta(days=1)]


@pytest.fixture(scope="module")
def events():
    return simulate(1500, END, seed=4)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, events):
    """A bundle with the true parameters, exported at AS_OF."""
    folder = tmp_path_factory.mktemp("monitored")
    rng = np.random.default_rng(5)
    theta = np.array(THETA) * np.exp(0.02 * rng.normal(size=(100, 1, 4)))
    known = events[events["event_at"] < pd.Timestamp(AS_OF) + pd.Timedelta(days=1)]
    inputs = make_inputs(
        summary=make_summary(known), draws=PopulationDraws("mbg_nbd", 1, theta), visits=False,
        members=None, risk=RiskConfig(), backtest=BACKTEST | {"horizon_days": [42]}, nday_rules=[],
        nday_audience=None,
    )  # fmt: skip
    config = ExportConfig(draws=16, csv=False, sql=SqlConfig(dialects=[]))
    export_bundle(folder, inputs, config, created_at=CREATED)
    return folder


def by_name(report, start):
    return [c for c in report["checks"] if c["name"].startswith(start)]


def test_all_is_well_soon_after_the_export(bundle, events):
    report = monitor(bundle, purchases=events, as_of="2024-07-20")
    assert report["status"] == "ok", [c for c in report["checks"] if c["status"] != "ok"]
    assert not report["stale"]
    assert len(by_name(report, "early bias")) == 1
    assert {c["name"].split(",")[0] for c in report["checks"]} == {
        "staleness", "purchasers", "duplicate rows", "psi of risk", "psi of segments", "early bias"
    }  # fmt: skip


def test_matured_labels_of_true_forecasts_show_no_bias(bundle, events):
    report = monitor(bundle, purchases=events, as_of="2024-09-20")
    assert len(by_name(report, "bias")) == 2  # 42 days have passed since two vintages
    assert all(c["status"] == "ok" for c in by_name(report, "bias") + by_name(report, "mcb"))
    for vintage in report["vintages"]:
        assert abs(vintage["z"]) < 4
        assert vintage["brier"] < 0.25


def test_vintage_counts_are_those_of_a_plain_loop(bundle, events):
    rules = read_bundle(bundle)
    found = vintages(rules, log_from_frames({"purchases": events}, as_of="2024-08-20"), 42, 28)[0]
    last = pd.Timestamp(AS_OF)
    known = set(events.loc[events["event_at"] < last + pd.Timedelta(days=1), "customer_id"])
    window = events[
        (events["event_at"].dt.normalize() > last)
        & (events["event_at"].dt.normalize() <= last + pd.Timedelta(days=42))
    ]
    assert (found.n, found.matured) == (len(known), True)
    assert found.observed == len(known - set(window["customer_id"]))


def test_age_makes_a_bundle_stale(bundle, events):
    for day, status in (("2024-08-20", "warn"), ("2024-10-15", "fail")):
        (check,) = by_name(monitor(bundle, purchases=events, as_of=day), "staleness")
        assert check["status"] == status


def test_missing_and_repeated_rows_are_noticed(bundle, events):
    half = events[events["customer_id"] < "c00700"]
    report = monitor(bundle, purchases=half, as_of="2024-07-20")
    assert by_name(report, "purchasers")[0]["status"] == "fail"
    assert report["status"] == "fail"
    assert report["stale"]
    twice = pd.concat([events, events.iloc[: len(events) // 3]])
    report = monitor(bundle, purchases=twice, as_of="2024-07-20")
    assert by_name(report, "duplicate")[0]["status"] == "fail"
    some = pd.concat([events, events.iloc[: len(events) // 8]])
    report = monitor(bundle, purchases=some, as_of="2024-07-20")
    assert by_name(report, "duplicate")[0]["status"] == "warn"


def test_customers_who_slow_down_set_off_the_early_and_the_late_alarm(bundle):
    slow = simulate(1500, END, seed=4, pace=0.2)
    early = monitor(bundle, purchases=slow, as_of="2024-07-28")
    (check,) = by_name(early, "early bias")
    assert check["status"] == "warn"
    late = monitor(bundle, purchases=slow, as_of="2024-09-20")
    assert any(c["status"] != "ok" for c in by_name(late, "bias"))
    assert late["vintages"][0]["z"] < -5
    drift = monitor(bundle, purchases=slow, as_of="2024-10-31")
    assert by_name(drift, "psi of risk")[0]["status"] != "ok"
    assert drift["status"] == "fail"


def test_unusable_input_is_a_plain_error(bundle, events, tmp_path):
    with pytest.raises(UsageError, match="newer data"):
        monitor(bundle, purchases=events, as_of="2024-01-01")
    with pytest.raises(DataError, match="customer_id"):
        monitor(bundle, purchases=pd.DataFrame({"who": ["a"]}))
    with pytest.raises(DataError, match="no rows"):
        monitor(bundle, purchases=events.iloc[:0])
    with pytest.raises(VerificationError):
        monitor(tmp_path, purchases=events)
