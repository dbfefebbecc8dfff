"""What `monitor` makes of a vintage at the limits of bias, chance and miscalibration."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from churnlab.bundle.document import Limits, Reference
from churnlab.monitor.checks import FAIL, OK, WARN
from churnlab.monitor.drift import counts, duplicates, risk_drift
from churnlab.monitor.evidence import CHANGES, KINDS
from churnlab.monitor.labels import LOUD, of_vintages
from churnlab.monitor.vintages import Vintage, _measured
from churnlab.monitor.volume import _by_week

LIMITS = Limits.model_construct(bias_warn=0.1, bias_fail=0.2, mcb_warn=0.01, mcb_fail=0.02)
ABOVE = {limit: float(np.nextafter(limit, 1)) for limit in (0.1, 0.2)}


def vintage(**figures: object) -> Vintage:
    """Return 1,000 customers of whom 400 bought where 300 were expected to."""
    plain = Vintage(
        "2024-01-01", 28, 28, matured=True, n=1000, expected=700.0, observed=600.0, bias=0.0,
        z=9.0, brier=0.2, mcb=0.0, mcb_noise=0.0,
    )  # fmt: skip
    return plain._replace(**figures)


@pytest.mark.parametrize(
    ("bias", "z", "status"),
    [
        (0.1, 9.0, OK),
        (ABOVE[0.1], 9.0, WARN),
        (-ABOVE[0.1], -9.0, WARN),
        (0.2, 9.0, WARN),
        (ABOVE[0.2], 9.0, FAIL),
        (0.5, 4.0, OK),  # large, and what chance may do
        (0.5, float(np.nextafter(4, 5)), FAIL),
    ],
)
def test_a_bias_counts_where_it_is_large_and_no_chance(bias, z, status):
    assert LOUD == 4.0
    found, _ = of_vintages([vintage(bias=bias, z=z)], LIMITS)
    assert found[:5] == ("bias, vintage 2024-01-01", status, abs(bias), 0.1, 0.2)
    counted = f"400 of 1,000 customers bought in 28 days, 300 expected, z = {z:.1f}"
    advice = "" if status == OK else ". `moved` says what it may be; backtest anew"
    assert found.detail == counted + advice


@pytest.mark.parametrize(
    ("mcb", "noise", "excess", "status"),
    [
        (0.010, 0.0, 0.010, OK),
        (0.015, 0.0, 0.015, WARN),
        (0.020, 0.0, 0.020, WARN),
        (0.030, 0.005, 0.025, FAIL),
        (0.030, 0.025, 0.005, OK),
        (0.010, 0.030, 0.0, OK),
    ],
)
def test_miscalibration_beyond_what_chance_shows(mcb, noise, excess, status):
    _, found = of_vintages([vintage(mcb=mcb, mcb_noise=noise)], LIMITS)
    assert found[:2] + found[3:5] == ("mcb, vintage 2024-01-01", status, 0.01, 0.02)
    assert found.value == pytest.approx(excess)


def test_without_an_outcome_it_is_said_and_nothing_measured():
    checks = of_vintages([vintage(bias=None, mcb=None)], LIMITS)
    assert [c[1:] for c in checks] == [
        (WARN, None, 0.1, 0.2, "no outcome in 1,000 customers"),
        (WARN, None, 0.01, 0.02, "no outcome in 1,000 customers"),
    ]
    assert of_vintages([vintage(matured=False, bias=None)], LIMITS) == []


def test_a_window_that_is_not_over_warns_at_most():
    (found,) = of_vintages([vintage(matured=False, days=14, bias=0.9)], LIMITS)
    assert (found.name, found.status) == ("early bias, vintage 2024-01-01", WARN)
    assert found.detail.startswith("14 of 28 days seen: 400 of 1,000 customers bought")
    (fine,) = of_vintages([vintage(matured=False, bias=0.1)], LIMITS)
    assert fine.status == OK


def test_a_vintage_measures_against_the_rarer_outcome():
    risk, day = np.full(100, 0.8), dt.date(2024, 1, 1)
    outcome = np.repeat([1.0, 0.0], [90, 10])
    found = _measured(day, 28, 28, risk, outcome, parameter=9.0)
    assert (found.matured, found.expected, found.observed) == (True, pytest.approx(80.0), 90.0)
    assert found.bias == pytest.approx(-1.0)  # ten too few, of ten who bought
    assert found.z == pytest.approx(-10 / np.sqrt(100 * 0.16 + 9))
    assert found.mcb == pytest.approx(0.01)  # (.9 - .8)^2
    alike = _measured(day, 27, 28, risk, np.ones(100), parameter=9.0)
    assert not alike.matured
    assert alike.bias is alike.brier is alike.mcb is alike.mcb_noise is None
    certain = _measured(day, 28, 28, np.ones(3), np.ones(3), parameter=0.0)
    assert certain.z == 0.0


@pytest.mark.parametrize(
    ("found", "status"),
    [(0, FAIL), (99, FAIL), (100, OK), (110, OK), (111, WARN), (122, WARN), (123, FAIL)],
)
def test_purchasers_can_only_become_more(found, status):
    """Of 100 at the export; e^.1 times as many (110.5) are a warning, e^.2 (122.1) a failure."""
    now = pd.DataFrame({"purchase_state": ["first_active"] * found + ["none"] * 5})
    limits = Limits.model_construct(count_warn=0.1, count_fail=0.2)
    check = counts(now, 100, limits)
    value = None if not found else pytest.approx(abs(np.log(found / 100)))
    assert check == (
        "purchasers",
        status,
        value,
        0.1,
        0.2,
        f"{found} purchasers; 100 at the export",
    )


@pytest.mark.parametrize(("repeated", "status"), [(10, OK), (11, WARN), (20, WARN), (21, FAIL)])
def test_repeated_rows_by_their_share(repeated, status):
    table = SimpleNamespace(dropped={"duplicate": repeated}, rows=100)
    log = SimpleNamespace(report=SimpleNamespace(tables={"purchases": table}))
    limits = Limits.model_construct(duplicate_warn=0.1, duplicate_fail=0.2)
    check = duplicates(log, limits)
    said = f"{repeated}.0% of the rows repeat another"
    assert check == ("duplicate rows", status, repeated / 100, 0.1, 0.2, said)
    table.dropped, table.rows = {}, 0
    assert duplicates(log, limits)[1:3] == (OK, 0.0)


def test_risk_that_nobody_has_is_a_failure():
    limits = Limits.model_construct(psi_warn=0.1, psi_fail=0.25)
    reference = Reference.model_construct(risk_edges=[0.5], risk_shares=[0.5, 0.5])
    nobody = risk_drift(pd.DataFrame({"purchase_risk": [np.nan]}), reference, limits)
    assert nobody == ("psi of risk", FAIL, None, 0.1, 0.25, "no purchaser was scored")
    risk = np.repeat([0.25, 0.75], [4, 1])
    check = risk_drift(pd.DataFrame({"purchase_risk": risk}), reference, limits)
    index = (0.8 - 0.5) * np.log(0.8 / 0.5) + (0.2 - 0.5) * np.log(0.2 / 0.5)
    assert check == ("psi of risk", FAIL, pytest.approx(index), 0.1, 0.25, "mean risk 0.350")


def test_the_evidence_weighs_all_changes_to_one():
    """More would break its bound on false alarms, less would waste it."""
    assert sum(change.weight for change in CHANGES) == pytest.approx(1, abs=1e-12)
    for kind, weight in KINDS.items():
        assert sum(c.weight for c in CHANGES if c.kind == kind) == pytest.approx(weight, abs=1e-12)


def test_weeks_begin_after_the_export_and_days_to_come_are_unknown():
    """Fifteen days of log end with the export: two whole weeks, the first day left out."""
    known, exported = pd.Timestamp("2024-01-01"), dt.date(2024, 1, 15)
    rows = pd.Series(pd.date_range(known, "2024-01-18").repeat(2))
    table, before = _by_week(rows, known, exported, dt.date(2024, 1, 18))
    assert before == 2
    np.testing.assert_array_equal(table, [[2.0] * 7, [2.0] * 7, [2.0] * 3 + [np.nan] * 4])
    assert _by_week(rows, known, dt.date(2024, 1, 14), dt.date(2024, 1, 14))[1] == 2
    assert _by_week(rows, known, dt.date(2024, 1, 13), dt.date(2024, 1, 14))[1] == 1
