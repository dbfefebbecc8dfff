"""Bands inside "at risk": newly late, winnable, probably gone."""

import datetime as dt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from churnlab.types import Array
from churnlab.vocabulary import FAR_DATE, RISK_BANDS

#: Column of the customers table.
BAND: Final = "risk_band"
#: Late for fewer days than this: newly late, while the silence is still short.
FRESH_DAYS: Final = 30
#: A smaller chance to return within a year: probably gone.
GONE_BELOW: Final = 0.5


def days_since(dates: NDArray[np.datetime64], as_of: dt.date) -> Array:
    """Return days from each date to `as_of`, 0 for that day; negative before it, nan for never."""
    days = dates.astype("datetime64[D]")
    since = (np.datetime64(as_of, "D") - days).astype(float)
    return np.where(days == np.datetime64(FAR_DATE, "D"), np.nan, since)


def risk_band(days_at_risk: Array, p_return: Array) -> NDArray[np.object_]:
    """Return `active`, or the band inside "at risk": `fresh`, `winnable` or `gone`.

    days_at_risk: From `days_since` of `at_risk_date`, (row,).
    p_return: P(at least one purchase in the year ahead), (row,).
    """
    active = ~(days_at_risk >= 0)
    fresh, gone = days_at_risk < FRESH_DAYS, p_return < GONE_BELOW
    which = np.where(active, 0, np.where(fresh, 1, np.where(gone, 3, 2)))
    return np.array(RISK_BANDS, dtype=object)[which]
