"""Monitoring: quiet on data like those of the export, loud on each thing that can go wrong."""

from __future__ import annotations

import dataclasses
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
from churnlab.monitor import MonitorConfig, monitor
from churnlab.monitor.evidence import (
    ALTERNATIVES,
    STRATA,
    TOLERATED,
    _log_evidence,
    _log_probability,
    _Week,
    evidence,
)
from churnlab.monitor.monitor import FALSE_FAILURES, FALSE_WARNINGS
from churnlab.monitor.vintages import vintages
from churnlab.posterior import RiskConfig

THETA = (2.0, 60.0, 1.0, 9.0)  # r, alpha, a, b: the truth of the customers below
END = dt.date(2024, 10, 31)


def simulate(n, until, *, seed, pace=1.0, dropout=1.0):
    """Customers of MBG/NBD with known parameters; `pace`, `dropout` change after AS_OF."""
    rng = np.random.default_rng(seed)
    r, alpha, a, b = THETA
    rows = []
    for i in range(n):
        rate, p = rng.gamma(r) / alpha, rng.beta(a, b)
        day, cut = rng.uniform(0, 500), (AS_OF - dt.date(2023, 1, 1)).days + 1
        while day < 800:
            rows.append((f"c{i:05d}", day))
            if rng.random() < p * (dropout if day >= cut else 1.0):
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


def on(bundle, events, day, late=1):
    """Monitor up to a day, the morning after it (or `late` days after)."""
    today = dt.date.fromisoformat(day) + dt.timedelta(late)
    return monitor(bundle, purchases=events, as_of=day, today=today)


def by_name(report, start):
    return [c for c in report["checks"] if c["name"].startswith(start)]


def test_all_is_well_soon_after_the_export(bundle, events):
    report = on(bundle, events, "2024-07-20")
    assert report["status"] == "ok", [c for c in report["checks"] if c["status"] != "ok"]
    assert not report["stale"]
    assert len(by_name(report, "early bias")) == 1
    assert {c["name"].split(",")[0] for c in report["checks"]} == {
        "staleness", "purchasers", "duplicate rows", "psi of risk", "psi of segments", "early bias",
        "feed", "history", "empty days", "moved",
    }  # fmt: skip


def test_matured_labels_of_true_forecasts_show_no_bias(bundle, events):
    report = on(bundle, events, "2024-09-20")
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
        (check,) = by_name(on(bundle, events, day), "staleness")
        assert check["status"] == status


def test_missing_and_repeated_rows_are_noticed(bundle, events):
    half = events[events["customer_id"] < "c00700"]
    report = on(bundle, half, "2024-07-20")
    assert by_name(report, "purchasers")[0]["status"] == "fail"
    assert report["status"] == "fail"
    assert report["stale"]
    twice = pd.concat([events, events.iloc[: len(events) // 3]])
    report = on(bundle, twice, "2024-07-20")
    assert by_name(report, "duplicate")[0]["status"] == "fail"
    some = pd.concat([events, events.iloc[: len(events) // 8]])
    report = on(bundle, some, "2024-07-20")
    assert by_name(report, "duplicate")[0]["status"] == "warn"


def test_customers_who_slow_down_set_off_the_early_and_the_late_alarm(bundle):
    slow = simulate(1500, END, seed=4, pace=0.2)
    early = on(bundle, slow, "2024-07-28")
    (check,) = by_name(early, "early bias")
    assert check["status"] == "warn"
    late = on(bundle, slow, "2024-09-20")
    assert any(c["status"] != "ok" for c in by_name(late, "bias"))
    assert late["vintages"][0]["z"] < -5
    drift = on(bundle, slow, "2024-10-31")
    assert by_name(drift, "psi of risk")[0]["status"] != "ok"
    assert drift["status"] == "fail"


def test_unusable_input_is_a_plain_error(bundle, events, tmp_path):
    with pytest.raises(UsageError, match="newer data"):
        on(bundle, events, "2024-01-01")
    with pytest.raises(DataError, match="customer_id"):
        monitor(bundle, purchases=pd.DataFrame({"who": ["a"]}))
    with pytest.raises(DataError, match="no rows"):
        monitor(bundle, purchases=events.iloc[:0])
    with pytest.raises(VerificationError):
        monitor(tmp_path, purchases=events)


def status(report, name):
    (check,) = by_name(report, name)
    return check["status"]


@pytest.mark.parametrize(("late", "expected"), [(1, "ok"), (2, "warn"), (3, "fail"), (900, "fail")])
def test_a_dead_feed_is_found_by_the_clock(bundle, events, late, expected):
    """Every day had purchases before the export: one silent day warns, a second one fails."""
    report = on(bundle, events, "2024-07-20", late)
    assert status(report, "feed") == expected
    assert status(report, "staleness") == ("fail" if late == 900 else "ok")


def test_without_a_day_the_machines_clock_is_asked(bundle, events):
    report = monitor(bundle, purchases=events, as_of="2024-07-20")
    assert status(report, "feed") == "fail"
    assert "monitor.today" in by_name(report, "feed")[0]["detail"]
    assert MonitorConfig(today="2024-07-21").day() == dt.date(2024, 7, 21)
    with pytest.raises(UsageError, match=r"monitor\.today must be a day"):
        MonitorConfig(today="tomorrow")


@pytest.mark.parametrize("days", [-1, 1])
def test_shifted_dates_are_found_on_the_first_day(bundle, events, days):
    moved = events.assign(event_at=events["event_at"] + pd.Timedelta(days=days))
    report = on(bundle, moved, "2024-07-01")
    assert status(report, "history") == "fail"
    assert f"most dates moved by {days:+d} days" in by_name(report, "history")[0]["detail"]


@pytest.mark.parametrize(("share", "expected"), [(0.0, "ok"), (0.02, "warn"), (0.08, "fail")])
def test_rows_lost_from_the_past_are_found_on_the_first_day(bundle, events, share, expected):
    people = np.sort(events.loc[events["event_at"] < "2024-07-01", "customer_id"].unique())
    gone = people[: round(share * len(people))]
    report = on(bundle, events[~events["customer_id"].isin(gone)], "2024-07-01")
    assert status(report, "history") == expected


def test_a_bundle_without_its_tables_is_monitored_without_its_past(bundle, events, tmp_path):
    (tmp_path / "bundle.json").write_bytes((bundle / "bundle.json").read_bytes())
    assert not by_name(on(tmp_path, events, "2024-07-20"), "history")


def test_a_day_without_rows_is_named(bundle, events):
    day = pd.Timestamp("2024-07-10")
    whole = events["event_at"].dt.normalize() != day
    usual = events[events["event_at"] < "2024-07-01"].groupby(events["event_at"].dt.date).size()
    assert usual.tail(182).mean() > 10
    report = on(bundle, events[whole], "2024-07-20")
    assert status(report, "empty days") == "fail"
    assert "the first 2024-07-10" in by_name(report, "empty days")[0]["detail"]


def moved(report):
    return {c["name"].removeprefix("moved, "): c["status"] for c in by_name(report, "moved")}


def test_true_forecasts_are_no_evidence_of_a_change(bundle):
    """Five other years of the same shop, looked at every four weeks."""
    for seed in range(5):
        events = simulate(1500, END, seed=50 + seed)
        known = events[events["event_at"] < pd.Timestamp(AS_OF) + pd.Timedelta(days=1)]
        assert len(known) > 1000
        log = log_from_frames({"purchases": events}, as_of=END)
        for found in evidence(read_bundle(bundle), log):
            assert found.weeks == 17
            assert found.log_evidence < np.log(len(STRATA) / FALSE_WARNINGS)


@pytest.mark.parametrize(
    ("change", "group"),
    [
        ({"pace": 0.6}, "silent since the export"),
        ({"pace": 1.6}, "silent since the export"),
    ],
)
def test_another_rate_is_found_within_four_weeks(bundle, change, group):
    found = moved(on(bundle, simulate(1500, END, seed=4, **change), "2024-07-28"))
    assert found[group] != "ok", found


def test_dropout_is_found_among_those_who_bought_since(bundle):
    found = moved(on(bundle, simulate(1500, END, seed=4, dropout=5.0), "2024-09-20"))
    assert found == {"all purchasers": "ok", "silent since the export": "ok",
                     "bought since the export": "fail"}  # fmt: skip


def test_a_change_after_quiet_months_is_not_held_against_them(bundle):
    """The export lies twelve weeks before the change."""
    rules = dataclasses.replace(read_bundle(bundle), as_of=AS_OF - dt.timedelta(84))
    events = simulate(1500, END, seed=4, pace=0.5)
    log = log_from_frames({"purchases": events}, as_of=AS_OF)
    assert all(found.log_evidence < 0 for found in evidence(rules, log))
    log = log_from_frames({"purchases": events}, as_of=AS_OF + dt.timedelta(28))
    assert evidence(rules, log)[0].log_evidence > np.log(len(STRATA) / FALSE_FAILURES)


def test_lost_new_rows_are_found_within_four_weeks(bundle, events):
    rng = np.random.default_rng(3)
    new = events["event_at"] >= pd.Timestamp(AS_OF) + pd.Timedelta(days=1)
    report = on(bundle, events[~new | (rng.random(len(events)) > 0.4)], "2024-07-28")
    assert moved(report)["all purchasers"] == "fail"
    assert status(report, "history") == "ok"


def test_evidence_is_a_ratio_of_probabilities_by_hand():
    """Two customers, one draw, two equal weeks: the products written out."""
    quiet = np.array([[0.9], [0.4]])
    week = _Week(np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]]), quiet)

    def p(c):
        return (1 - 0.9**c) * 0.4**c

    factors = np.concatenate([TOLERATED, ALTERNATIVES])
    found = _log_evidence(np.stack([_log_probability(week, factors)] * 2))[0]
    begun = [p(c) ** 2 / 2 + p(1) * p(c) / 6 for c in ALTERNATIVES]
    expected = np.log(np.mean(begun) / max(p(c) ** 2 for c in TOLERATED))
    assert found == pytest.approx(expected, abs=1e-12)
