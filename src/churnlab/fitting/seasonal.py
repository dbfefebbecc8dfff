"""Whether a calendar pays: windows of the past year, forecast with it and without it.

Months of the year that a log has seen once cannot be told from growth or from customers' ages, and
made forecasts worse on the logs tried (lab book 012). So a calendar is only asked for from two
years on, and only taken where forecasts from inside the past were better with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from churnlab.errors import DataError, FitRefusedError
from churnlab.inference import fit_population, fit_seasons
from churnlab.metrics.binary import log_losses
from churnlab.models.draws import PopulationDraws
from churnlab.posterior import RiskConfig
from churnlab.posterior.risk import risk_summary
from churnlab.posterior.silence.stream import Rows
from churnlab.summary import Calendar, Cells, Clock, Dated
from churnlab.summary.calendar import date
from churnlab.types import Array, Ints

#: Days of history from which on it is asked: two years of whole weeks.
LEAST_HISTORY: Final = 728
#: Windows that are forecast, one after the other up to the present: a year of them.
WINDOWS, WINDOW_DAYS = 4, 91
#: The gain of all windows together must lie so many standard errors (over customers) above zero,
#: and so many windows must gain: what is common to all customers, these errors do not hold.
SURE, MOST_WINDOWS = 1.645, 3
_DRAWS: Final = 200


class Evidence(NamedTuple):
    """What months gained in forecasts of the past year."""

    gains: tuple[float, ...] = ()
    """Log score gained in each window, customers summed; empty with too short a history."""
    error: float = np.inf
    """Standard error of their sum over customers."""

    @property
    def pays(self) -> bool:
        """Whether the calendar is taken."""
        clear = sum(self.gains) > SURE * self.error
        return clear and sum(g > 0 for g in self.gains) >= MOST_WINDOWS

    @property
    def words(self) -> str:
        """A sentence for the fit's notes."""
        if not self.gains:
            return (
                f"model.calendar=auto: no calendar; it is asked for from {LEAST_HISTORY} days of "
                "history on, and where every window of the past year can be forecast with one."
            )
        said = "months of the year" if self.pays else "no calendar"
        better = sum(g > 0 for g in self.gains)
        return (
            f"model.calendar=auto: {said}; with months {better} of {len(self.gains)} windows of "
            f"{WINDOW_DAYS} days of the past year were forecast better (log score "
            f"{sum(self.gains):+.1f}, standard error {self.error:.1f})."
        )


def months_pay(
    row: Ints, day: Ints, end: int, model: str, priors: Mapping[str, str], spread: str
) -> Evidence:
    """Forecast the windows of the past year with months and without, from data before each.

    Parameters
    ----------
    row, day : array of int (purchase,)
        Customer (0, 1, ...) and day number of every purchase-day, sorted by both.
    end : int
        Last known day.
    model, priors, spread
        As in `ModelConfig`.
    """
    if not len(day) or end - int(day.min()) + 1 < LEAST_HISTORY:
        return Evidence()
    n = int(row.max()) + 1
    try:
        gains = np.array(
            [
                _gain(row, day, end - WINDOW_DAYS * j, model, dict(priors), spread)
                for j in range(WINDOWS, 0, -1)
            ]
        )
    except (DataError, FitRefusedError):  # a fit that cannot be made speaks for nothing
        return Evidence()
    error = float(gains.sum(axis=0).std(ddof=1) * np.sqrt(n))
    return Evidence(tuple(float(g) for g in gains.sum(axis=1)), error)


def _gain(
    row: Ints, day: Ints, origin: int, model: str, priors: dict[str, str], spread: str
) -> Array:
    """Return the log score that months gain in the window after `origin`, (customer,)."""
    n, known = int(row.max()) + 1, day <= origin
    x = np.bincount(row[known], minlength=n) - 1
    there = np.flatnonzero(x >= 0)
    first, last = np.full(n, origin), np.full(n, 0)
    np.minimum.at(first, row[known], day[known])
    np.maximum.at(last, row[known], day[known])
    back = np.unique(row[(day > origin) & (day <= origin + WINDOW_DAYS)])
    outcome: Array = (~np.isin(there, back)).astype(np.float64)
    x, first, last, as_of = x[there], first[there], last[there], date(origin)
    dated = Dated.collapse(x, first, last, day[known], as_of)
    months = Calendar("month")
    clocks = (
        Clock.flat(months, as_of),
        fit_seasons(dated, months, model=model, priors=priors, spread=spread).clock,
    )
    gain = np.zeros(n)
    for sign, clock in zip((1.0, -1.0), clocks, strict=True):
        begin, late, now = clock.time(first), clock.time(last), clock.time([origin])
        rows = Rows(np.zeros(len(x), np.int64), x.astype(float), late - begin, now - begin)
        cells = Cells.collapse(rows.x, rows.t_x, rows.T)[0]
        draws = fit_population(cells, model=model, draws=_DRAWS, priors=priors).draws
        gain[there] += sign * log_losses(_silence(rows, draws, clock, origin), outcome)
    return gain


def _silence(rows: Rows, draws: PopulationDraws, clock: Clock, origin: int) -> Array:
    """P(no purchase in the window) per row."""
    risk = RiskConfig(basis="fixed_days", horizon_days=WINDOW_DAYS)
    return risk_summary(draws, rows, risk, ahead=partial(clock.ahead, date(origin))).mean
