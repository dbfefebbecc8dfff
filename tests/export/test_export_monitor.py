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
from churnlab.monitor import MonitorConfig, alarms, monitor
from churnlab.monitor.alarms import FALSE_FAILURES, FALSE_WARNINGS
from churnlab.monitor.evidence import (
    CHANGES,
    DROPOUT,
    NEWCOMERS,
    RATE,
    TOLERATED,
    Evidence,
    evidence,
    score_step,
    weigh,
)
from churnlab.monitor.labels import LOUD, of_vintages
from churnlab.monitor.steps import Step, steps
from churnlab.monitor.vintages import Vintage, vintages
from churnlab.monitor.volume import surprises
from churnlab.posterior import RiskConfig, Rows, risk_by_draw

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
        "feed", "history", "empty days", "volume", "moved",
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


def evidence_of(bundle, log):
    rules = read_bundle(bundle)
    return evidence(rules.purchases.draws, steps(rules, log))


def with_newcomers(events, pace):
    """The same shop, and customers who begin after the export, `pace` times as fast."""
    day = (events["event_at"] - pd.Timestamp("2023-01-01")) / pd.Timedelta(days=1)
    first = day.groupby(events["customer_id"]).transform("min")
    some = (first > 150) & (first < 220)
    later = first + 400 + (day - first) / pace
    new = events[some].assign(
        customer_id="n" + events["customer_id"],
        event_at=(pd.Timestamp("2023-01-01") + pd.to_timedelta(later, unit="D")).dt.floor("s"),
    )
    return pd.concat([events, new[new["event_at"] < pd.Timestamp(END) + pd.Timedelta(days=1)]])


def log_of(events, day=END):
    return log_from_frames({"purchases": events}, as_of=day)


def test_steps_are_those_of_a_plain_loop(bundle, events):
    """First days one by one, then weeks; who could buy, and who did."""
    rules = read_bundle(bundle)
    events = with_newcomers(events, 1.0)
    found = list(steps(rules, log_of(events, AS_OF + dt.timedelta(16))))
    assert [(s.elapsed, s.days) for s in found] == [(0, 1), (1, 1), (2, 2), (4, 3), (7, 7)]
    day = (events["event_at"].dt.normalize() - pd.Timestamp(AS_OF)).dt.days
    known = set(events.loc[day <= 7, "customer_id"])
    bought = set(events.loc[(day > 7) & (day <= 14), "customer_id"])
    last = found[-1]
    assert (last.customers.sum(), last.buyers.sum()) == (len(known), len(known & bought))
    new = known - set(events.loc[day <= 0, "customer_id"])
    assert last.customers[last.elapsed > last.rows.T].sum() == len(new) > 0


@pytest.mark.parametrize("years", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_true_forecasts_are_no_evidence_of_a_change(bundle, years):
    """Other years of the same shop."""
    for seed in range(years):
        events = simulate(1500, END, seed=50 + seed)
        found = evidence_of(bundle, log_of(events))
        assert found.days == 119
        assert abs(found.observed / found.expected - 1) < 0.1
        assert found.log_evidence < np.log(1 / FALSE_WARNINGS)


@pytest.mark.parametrize("pace", [0.6, 1.6])
def test_another_rate_is_found_within_four_weeks_and_told(bundle, pace):
    report = on(bundle, simulate(1500, END, seed=4, pace=pace), "2024-07-28")
    (check,) = by_name(report, "moved")
    assert check["status"] == "fail", check
    assert "Most probably rate of buying x " in check["detail"]
    told = float(check["detail"].split("rate of buying x ")[1].split()[0])
    assert abs(np.log(told / pace)) < 0.35
    assert "backtest and export anew" in check["detail"]


def test_dropout_is_told_from_the_rate(bundle):
    found = evidence_of(bundle, log_of(simulate(1500, END, seed=4, dropout=5.0)))
    assert found.log_evidence > np.log(1 / FALSE_FAILURES)
    assert found.kind == DROPOUT
    assert 2.0 < found.factor <= 4.0  # the largest that is looked for


def test_new_customers_of_another_kind_are_told_from_the_others(bundle, events):
    """Those who came after the export buy four times as often as everybody before them."""
    usual = with_newcomers(events, 1.0)
    assert evidence_of(bundle, log_of(usual)).log_evidence < np.log(1 / FALSE_WARNINGS)
    found = evidence_of(bundle, log_of(with_newcomers(events, 4.0)))
    assert found.kind == NEWCOMERS
    assert found.factor > 1.4
    assert found.log_evidence > np.log(1 / FALSE_FAILURES)


def test_a_change_after_quiet_months_is_not_held_against_them(bundle):
    """The export lies twelve weeks before the change, and the day of the change is told."""
    rules = dataclasses.replace(read_bundle(bundle), as_of=AS_OF - dt.timedelta(84))
    log = log_of(simulate(1500, END, seed=4, pace=0.5), AS_OF + dt.timedelta(28))
    found = evidence(rules.purchases.draws, steps(rules, log))
    assert found.log_evidence > np.log(1 / FALSE_FAILURES)
    assert abs(found.since - 84) <= 7
    quiet = log_of(simulate(1500, END, seed=4, pace=0.5), AS_OF)
    assert evidence(rules.purchases.draws, steps(rules, quiet)).log_evidence < 0


def test_lost_new_rows_are_found_within_four_weeks(bundle, events):
    rng = np.random.default_rng(3)
    new = events["event_at"] >= pd.Timestamp(AS_OF) + pd.Timedelta(days=1)
    report = on(bundle, events[~new | (rng.random(len(events)) > 0.4)], "2024-07-28")
    assert status(report, "moved") == "fail"
    assert status(report, "history") == "ok"


def test_evidence_is_a_ratio_of_probabilities_by_hand():
    """Two customers who have not bought since, one draw, two equal steps: products written out."""
    draws = PopulationDraws("mbg_nbd", 1, np.array([[THETA]]))
    rows = Rows(
        np.zeros(2, np.int64), np.array([1.0, 4.0]), np.array([9.0, 60]), np.array([90.0] * 2)
    )
    step = Step(rows, np.array([1.0, 1.0]), np.array([1.0, 0.0]), 0, 7)
    quiet = risk_by_draw(draws, rows, RiskConfig(basis="fixed_days", horizon_days=7))[:, 0]

    def p(c):
        return (1 - quiet[0] ** c) * quiet[1] ** c

    total = 0.0
    for change in CHANGES:  # nobody has bought or come since: only the rate moves these two
        base = TOLERATED[change.before]
        later = change.factor if change.kind == RATE else base
        total += change.weight * (p(later) ** 2 / 2 + p(base) * p(later) / 6)
    assert sum(change.weight for change in CHANGES) == pytest.approx(1.0)
    found = weigh([score_step(draws, step)] * 2)
    expected = np.log(total / max(p(c) ** 2 for c in TOLERATED))
    assert found.log_evidence == pytest.approx(expected, abs=1e-12)
    assert found.kind == RATE
    assert (found.observed, found.expected) == (2, pytest.approx(2 * (2 - quiet.sum())))


def test_dropout_multiplies_the_odds_of_being_gone():
    """One customer who has bought since the export, under doubled dropout, by hand."""
    draws = PopulationDraws("mbg_nbd", 1, np.array([[THETA]]))
    rows = Rows(np.zeros(1, np.int64), np.array([2.0]), np.array([80.0]), np.array([90.0]))
    gone, quiet = (
        float(risk_by_draw(draws, rows, RiskConfig(basis=basis, horizon_days=7))[0, 0])
        for basis in ("p_alive", "fixed_days")
    )
    odds = 2 * gone / (1 - gone)
    silent = 1 - (1 - quiet) / (1 - gone) / (1 + odds)
    scores = score_step(draws, Step(rows, np.ones(1), np.zeros(1), 20, 7)).log_probability
    double = next(c for c in CHANGES if (c.kind, c.factor, c.before) == (DROPOUT, 2.0, 2))
    assert scores[0, double.known, 0] == pytest.approx(np.log(silent), abs=1e-12)
    assert scores[1].sum() == 0  # nobody is new


@pytest.mark.parametrize(("rate", "limit"), [(FALSE_WARNINGS, "warn"), (FALSE_FAILURES, "fail")])
def test_evidence_warns_and_fails_at_its_false_alarm_rates(rate, limit):
    below = {"warn": "ok", "fail": "warn"}[limit]
    for log_evidence, expected in (
        (np.log(1 / rate) - 1e-9, below),
        (np.log(1 / rate) + 1e-9, limit),
    ):
        found = Evidence(log_evidence, RATE, 0.7, 14, 28, 100.0, 70.0)
        check = alarms.told(found, AS_OF)
        assert check.status == expected
        assert ("rate of buying x 0.70" in check.detail) == (expected != "ok")
    assert "since 2024-07-15" in check.detail


def vintage(z, **other):
    values = {
        "as_of": "2024-06-30", "days": 42, "horizon_days": 42, "matured": True, "n": 3600,
        "expected": 2708.0, "observed": 2961.0, "bias": -0.4, "z": z, "brier": 0.2, "mcb": 0.0,
        "mcb_noise": 0.0,
    }  # fmt: skip
    return Vintage(**(values | other))


@pytest.mark.parametrize(("z", "expected"), [(-LOUD, "ok"), (-LOUD - 0.01, "fail"), (-12, "fail")])
def test_a_bias_counts_where_it_is_no_chance(bundle_limits, z, expected):
    bias, _ = of_vintages([vintage(z)], bundle_limits)
    assert bias.status == expected
    assert bias.detail.startswith("639 of 3,600 customers bought in 42 days, 892 expected")
    (early,) = of_vintages([vintage(z, matured=False, days=20)], bundle_limits)
    assert early.status == ("ok" if expected == "ok" else "warn")


@pytest.fixture
def bundle_limits(bundle):
    from churnlab.bundle.reading import load_bundle

    return load_bundle(bundle).monitoring.limits


def test_bias_is_that_of_the_rarer_outcome(bundle, events):
    found = vintages(read_bundle(bundle), log_of(events, dt.date(2024, 8, 20)), 42, 28)[0]
    bought = found.n - found.observed
    assert bought < found.observed
    assert found.bias == pytest.approx((found.expected - found.observed) / bought)


def test_the_surprise_of_a_count_is_negative_binomial():
    """Poisson weeks: no excess spread, and the mean of eight weeks before is uncertain itself."""
    from scipy import stats

    counts = np.array([100.0, 100, 100, 100, 100, 100, 100, 100, 40, 100])
    usual, found = surprises(counts, 8)
    variance = 100 * (1 + 1 / 8)
    law = stats.nbinom(100**2 / (variance - 100), 100 / variance)
    assert usual[0] == 100
    assert found[0] == pytest.approx(-np.log10(law.cdf(40)))
    assert found[1] < 1
    wild = np.array([20.0, 180, 60, 140, 100, 30, 170, 90, 40])
    assert surprises(wild, 8)[1][0] < 1  # such a shop has weeks like that


def test_lost_days_of_a_weekday_are_named(bundle, events):
    """Nine in ten rows of one Wednesday are lost."""
    rng = np.random.default_rng(1)
    lost = events["event_at"].dt.normalize().eq(pd.Timestamp("2024-07-10"))
    kept = events[~lost | (rng.random(len(events)) < 0.1)]
    (check,) = by_name(on(bundle, kept, "2024-07-20"), "volume")
    (whole,) = by_name(on(bundle, events, "2024-07-20"), "volume")
    assert whole["status"] == "ok"
    assert check["status"] != "ok", check
    assert "purchase-days on Wednesday 2024-07-10" in check["detail"]
    assert "load what is missing" in check["detail"]


def test_many_rows_warn_and_do_not_fail(bundle, events):
    """A sale triples a week: somebody should look, and the bundle stays fresh."""
    day = pd.Timestamp("2024-07-10")
    week = events[(events["event_at"] >= "2024-01-01") & (events["event_at"] < "2024-03-10")]
    extra = week.assign(event_at=day + pd.Timedelta(hours=12))
    (check,) = by_name(on(bundle, pd.concat([events, extra]), "2024-07-20"), "volume")
    assert check["value"] > alarms.VOLUME_FAIL
    assert check["status"] == "warn"
