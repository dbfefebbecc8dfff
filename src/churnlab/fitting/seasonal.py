"""Whether a calendar pays: windows of the past year, forecast with it and without it.

Months of the year that a log has seen once cannot be told from growth or from customers' ages, and
made forecasts worse on the logs tried (lab book 012). So a calendar is only asked for from two
years on, and only taken where forecasts from inside the past were better with it.
"""

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
#: A season that moves the rate of no month by so much is not asked about further.
LEAST_EFFECT: Final = 0.1
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
                f"history on, and where a month moves the rate by {LEAST_EFFECT:.0%} or more."
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

    row, day (purchase,): Customer (0, 1, ...) and day number of every purchase-day, sorted by both.
    end: Last known day.
    model, priors, spread: As in `ModelConfig`.
    """
    if not len(day) or end - int(day.min()) + 1 < LEAST_HISTORY:
        return Evidence()
    n = int(row.max()) + 1
    gains = np.zeros((WINDOWS, n))
    try:
        for j in range(1, WINDOWS + 1):
            window = _Window(row, day, end - WINDOW_DAYS * j, model, dict(priors), spread)
            if j == 1 and window.effect < LEAST_EFFECT:
                return Evidence()
            gains[-j] = window.gain(n)
    except (DataError, FitRefusedError):  # a fit that cannot be made speaks for nothing
        return Evidence()
    error = float(gains.sum(axis=0).std(ddof=1) * np.sqrt(n))
    return Evidence(tuple(float(g) for g in gains.sum(axis=1)), error)


class _Window:
    """The customers known at an origin, months learnt from their past, and who came back."""

    def __init__(
        self, row: Ints, day: Ints, origin: int, model: str, priors: dict[str, str], spread: str
    ) -> None:
        self.origin, self.model, self.priors = origin, model, priors
        n, known = int(row.max()) + 1, day <= origin
        x = np.bincount(row[known], minlength=n) - 1
        self.there = np.flatnonzero(x >= 0)
        first, last = np.full(n, origin), np.full(n, 0)
        np.minimum.at(first, row[known], day[known])
        np.maximum.at(last, row[known], day[known])
        back = np.unique(row[(day > origin) & (day <= origin + WINDOW_DAYS)])
        self.outcome: Array = (~np.isin(self.there, back)).astype(np.float64)
        self.x, self.first, self.last = x[self.there], first[self.there], last[self.there]
        dated = Dated.collapse(self.x, self.first, self.last, day[known], date(origin))
        months = Calendar("month")
        self.flat = Clock.flat(months, date(origin))
        self.clock = fit_seasons(dated, months, model=model, priors=priors, spread=spread).clock

    @property
    def effect(self) -> float:
        """By how much the most extreme month moves the rate, in logs."""
        return float(np.abs(np.log(self.clock.multipliers)).max())

    def gain(self, n: int) -> Array:
        """Return the log score that months gain in the window, (customer,)."""
        gain = np.zeros(n)
        gain[self.there] = self._losses(self.flat) - self._losses(self.clock)
        return gain

    def _losses(self, clock: Clock) -> Array:
        begin, late = clock.time(self.first), clock.time(self.last)
        now = clock.time([self.origin])
        zeros = np.zeros(len(self.x), np.int64)
        rows = Rows(zeros, self.x.astype(float), late - begin, now - begin)
        cells = Cells.collapse(rows.x, rows.t_x, rows.T)[0]
        draws = fit_population(cells, model=self.model, draws=_DRAWS, priors=self.priors).draws
        return log_losses(_silence(rows, draws, clock, self.origin), self.outcome)


def _silence(rows: Rows, draws: PopulationDraws, clock: Clock, origin: int) -> Array:
    """P(no purchase in the window) per row."""
    risk = RiskConfig(basis="fixed_days", horizon_days=WINDOW_DAYS)
    return risk_summary(draws, rows, risk, ahead=partial(clock.ahead, date(origin))).mean
