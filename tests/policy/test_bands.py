"""Newly late, winnable, probably gone: each band's limits at their value and beside it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from churnlab.posterior.bands import FRESH_DAYS, GONE_BELOW, days_since, risk_band
from churnlab.vocabulary import FAR_DATE


@pytest.mark.parametrize(
    ("days", "p_return", "band"),
    [
        (np.nan, 0.0, "active"),
        (-1, 0.0, "active"),
        (0, 0.0, "fresh"),
        (29, 0.0, "fresh"),
        (29, 1.0, "fresh"),
        (30, 0.5, "winnable"),
        (30, np.nextafter(0.5, 0), "gone"),
        (900, 1.0, "winnable"),
    ],
)
def test_bands_inside_at_risk(days: float, p_return: float, band: str) -> None:
    """From the day itself for thirty days, and one chance in two to return within a year."""
    assert (FRESH_DAYS, GONE_BELOW) == (30, 0.5)
    assert list(risk_band(np.array([days]), np.array([p_return]))) == [band]


def test_days_since_a_date() -> None:
    days = np.array(["2024-02-28", "2024-03-01", "2024-03-02", str(FAR_DATE)], "datetime64[D]")
    found = days_since(days, dt.date(2024, 3, 1))
    np.testing.assert_array_equal(found, [2.0, 0.0, -1.0, np.nan])
    sooner = days_since(days.astype("datetime64[s]"), dt.date(2024, 3, 1))
    np.testing.assert_array_equal(sooner, found)
