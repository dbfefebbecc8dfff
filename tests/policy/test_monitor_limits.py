"""What `monitor` makes of a vintage at the limits of bias, chance and miscalibration."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from churnlab.bundle.document import Limits
from churnlab.monitor.checks import FAIL, OK, WARN
from churnlab.monitor.labels import LOUD, of_vintages
from churnlab.monitor.vintages import Vintage, _measured

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
