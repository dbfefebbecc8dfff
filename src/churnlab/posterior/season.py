"""Dates on a clock: what is known in clock days, turned into days of the calendar.

The definitions stay those of `dates`, in days of the calendar. Under a windowed basis the window
of a coming day holds more clock time before a high season than after it, so risk may fall again:
`at_risk_days` then looks for the last day below the threshold, exactly.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, NamedTuple

import numpy as np

from churnlab.models.draws import PopulationDraws
from churnlab.models.silence import Process
from churnlab.posterior.dates import COARSE_DRAWS, due_days, first_day_above
from churnlab.posterior.risk import OnSilence, key_rhythm, on_silence, personal_window, windows
from churnlab.posterior.settings import (
    LAST_DAY,
    LONGEST_WINDOW_DAYS,
    NEVER,
    Lateness,
    Measure,
    RiskConfig,
    StateCut,
    check_threshold,
)
from churnlab.posterior.silence.stream import Cells, Keys, Rows, for_each_run, keys_of
from churnlab.posterior.states import StateDays, state_days
from churnlab.summary import Clock, Summary
from churnlab.summary.calendar import number
from churnlab.types import Array, Ints

#: Days that are cleared at once when looking back for the last day below the threshold: 2^0..2^6.
_LEVELS: Final = 7


class SeasonKeys(NamedTuple):
    """Distinct (group, x, t_x, last day): what dates depend on when days differ."""

    keys: Keys
    last: Ints
    """Day of the last purchase of each key, days since 1970-01-01."""


class Season:
    """A clock around the cutoff of some customers.

    clock: Multipliers and their time.
    oldest: Largest silence of the customers at the cutoff, in clock days.
    reach: Days after the cutoff that will be asked for.
    """

    def __init__(self, clock: Clock, as_of: dt.date, oldest: float, reach: int) -> None:
        self.now = number(as_of)
        back = int(np.ceil(oldest / min(clock.multipliers))) + 1
        self.first = self.now - back
        self.time = clock.table(self.first, self.now + reach)
        self._highest: dict[int, Array] = {}

    @classmethod
    def of(cls, summary: Summary, risk: RiskConfig) -> Season | None:
        """Return the season of a summary on a clock; None for plain days."""
        if summary.clock is None:
            return None
        return cls.about(summary.clock, summary.as_of, summary.cells, risk)

    @classmethod
    def about(cls, clock: Clock, as_of: dt.date, rows: Cells | Rows, risk: Measure) -> Season:
        """Return the season around rows whose T ends on the day `as_of`, in clock days."""
        oldest = float((rows.T - rows.t_x).max(initial=0.0))
        asked = risk if isinstance(risk, RiskConfig) else RiskConfig()
        longest = max(asked.horizon_days, LONGEST_WINDOW_DAYS)
        return cls(clock, as_of, oldest, max(LAST_DAY + longest, asked.due_window_days) + 1)

    def ahead(self, days: Array | float, start: Ints | int | None = None) -> Array:
        """Return the clock days in the next `days` (whole) days after `start` (the cutoff)."""
        begin = np.asarray(self.now if start is None else start) - self.first
        return np.asarray(self.time[begin + np.asarray(days, np.int64)] - self.time[begin])

    def days_ahead(self, clock_days: Array) -> Array:
        """Return the days of the calendar after the cutoff that clock days after it take."""
        now = self.now - self.first
        ends = np.arange(len(self.time), dtype=np.float64)
        return np.asarray(np.interp(self.time[now] + clock_days, self.time, ends) - now)

    def last_day(self, rows: Rows) -> Ints:
        """Return the day of each row's last purchase, from its silence in clock days."""
        then = self.time[self.now - self.first] - (rows.T - rows.t_x)
        # halfway between two ends of days: sums of multipliers carry rounding errors
        middles = (self.time[1:] + self.time[:-1]) / 2
        values: Ints = self.first + np.searchsorted(middles, then)
        return values

    def keys(self, rows: Rows) -> SeasonKeys:
        """Return the distinct (group, x, t_x, last day) of rows."""
        last = self.last_day(rows)
        # two numbers in one column: a key of `stream` is (group, x, t_x)
        pair, code = np.unique(np.column_stack([rows.group, last]), axis=0, return_inverse=True)
        coded = keys_of(rows._replace(group=code.reshape(-1).astype(np.int64)))
        group, day = pair[coded.group].T
        return SeasonKeys(Keys(group.astype(np.int64), coded.x, coded.t_x, coded.of), day)

    def due_days(
        self,
        draws: PopulationDraws,
        found: SeasonKeys,
        within: int,
        levels: tuple[float, ...],
        threads: int | None,
    ) -> Array:
        """Return days from the last purchase to the next, (level, key); see `dates.due_days`."""
        keys, last = found
        window = self.ahead(within, last)
        coming = due_days(draws, keys, within=window, levels=levels, threads=threads)
        begin = self.time[last - self.first]
        ends = np.arange(len(self.time), dtype=np.float64)
        return np.interp(begin + coming, self.time, ends) - (last - self.first)

    def at_risk_days(
        self,
        draws: PopulationDraws,
        found: SeasonKeys,
        risk: Measure,
        threshold: float,
        first_threshold: float | None = None,
        *,
        threads: int | None = None,
    ) -> Ints:
        """Return whole days after the last purchase from which the mean risk stays high.

        Parameters and definition as in `dates.at_risk_days`: the first day d >= 1 with mean risk at
        the threshold or above on d and on every later day up to ten years; `NEVER` without one.
        Rhythms, and hence the window of lateness, are in clock days as they are.
        """
        keys, last = found
        cut = check_threshold(threshold)
        first = cut
        if first_threshold is not None:
            first = check_threshold(first_threshold, "first_threshold")
        rhythms = windows(draws, keys, risk) if isinstance(risk, Lateness) else None
        window = None if isinstance(risk, Lateness) else self._window(draws, keys, risk, threads)
        on = on_silence(risk)
        out = np.empty(len(keys.x), np.int64)
        top = self.time[-1] - self.time[last - self.first]
        oldest = float((keys.t_x + top).max(initial=0.0)) + 1.0
        oldest += 0.0 if rhythms is None else float(rhythms.max(initial=0.0))

        def work(process: Process, at: Ints) -> None:
            one = _Search(
                self,
                on,
                process,
                keys.t_x[at],
                last[at],
                None if window is None else window[at],
                None if rhythms is None else rhythms[at],
            )
            out[at] = one.last_crossing(cut if process.x > 0 else first)

        for_each_run(draws, keys.group, keys.x, oldest, work, threads=threads)
        return out

    def state_days(
        self,
        draws: PopulationDraws,
        found: SeasonKeys,
        cut: StateCut,
        day: Ints,
        *,
        threads: int | None = None,
    ) -> StateDays | None:
        """Return the interval of the days and P(alive) on them; see `states.state_days`.

        None for windowed risks, which may fall before a high season.
        """
        keys, last = found
        if isinstance(cut.measure, RiskConfig) and cut.measure.basis != "p_alive":
            return None

        def elapsed(days: Array, at: Ints) -> Array:
            return self.ahead(days, last[at])

        top = self.time[-1] - self.time[last - self.first]
        oldest = float((keys.t_x + top).max(initial=0.0)) + 1.0
        return state_days(draws, keys, cut, day, elapsed=elapsed, oldest=oldest, threads=threads)

    def _window(
        self, draws: PopulationDraws, keys: Keys, risk: RiskConfig, threads: int | None
    ) -> Ints | None:
        """Return each key's window in days of the calendar; None under `p_alive`."""
        if risk.basis == "p_alive":
            return None
        if risk.basis == "fixed_days":
            return np.full(len(keys.x), risk.horizon_days, np.int64)
        rhythm = key_rhythm(draws, keys, threads=threads)
        return personal_window(rhythm, risk.cycles).astype(np.int64)

    def highest_ahead(self, days: int) -> Array:
        """Return the most clock time in a window of `days`, over 2^l days from each day on.

        Returns (level, day): Entry (l, i): the largest over the windows that begin after day i .. i
            + 2^l - 1.
        """
        if days in self._highest:
            return self._highest[days]
        single = np.full(len(self.time), -np.inf)
        single[: len(single) - days] = self.time[days:] - self.time[: len(single) - days]
        levels = [single]
        for level in range(_LEVELS - 1):
            below, half = levels[-1], 1 << level
            wider = below.copy()
            wider[:-half] = np.maximum(below[:-half], below[half:])
            levels.append(wider)
        self._highest[days] = np.stack(levels)
        return self._highest[days]


class _Search:
    """The last crossing of the threshold, for the keys of one run."""

    def __init__(
        self,
        season: Season,
        on: OnSilence,
        process: Process,
        t_x: Array,
        last: Ints,
        window: Ints | None,
        clock_window: Array | None,
    ) -> None:
        self.season, self.on, self.process, self.t_x = season, on, process, t_x
        self.window, self.clock_window = window, clock_window
        self.begin = last - season.first
        if window is not None:
            values, self.which = np.unique(window, return_inverse=True)
            self.highest = np.stack([season.highest_ahead(int(v)) for v in values])

    def risk(self, process: Process, days: Array, rows: Ints, wide: Array | None) -> Array:
        """Return the mean risk `days` after the last purchase, for windows in clock days."""
        time = self.season.time
        begin = self.begin[rows]
        age = self.t_x[rows] + time[begin + np.asarray(days, np.int64)] - time[begin]
        return self.on.mean(process, self.t_x[rows], age, wide)

    def last_crossing(self, level: float) -> Ints:
        """Return the day: from where the *widest* window of the season is enough, go back."""
        widest = self._widest() if self.clock_window is None else self.clock_window

        def worst(process: Process, days: Array, rows: Ints) -> Array:
            return self.risk(process, days, rows, None if widest is None else widest[rows])

        few = self.process.thin(COARSE_DRAWS)
        day = first_day_above(
            lambda d, i: worst(few, d, i),
            lambda d, i: worst(self.process, d, i),
            level,
            len(self.t_x),
        )
        if self.window is None:
            return day
        return self._back(np.where(day == NEVER, LAST_DAY + 1, day), level)

    def _widest(self) -> Array | None:
        """Return the most clock time that each key's window can hold in the ten years."""
        if self.window is None:
            return None
        return np.asarray(self.highest[:, 0].max(axis=1)[self.which])

    def _back(self, day: Ints, level: float) -> Ints:
        """Go back from days that are safe, with all after them, to the first that is.

        Risk rises with silence and falls with the window's clock time: the risk of the first day
        of a stretch under the widest window of the stretch is a lower bound for all its days. A
        stretch that passes is taken at once and the next is twice as long; one that fails is
        halved, until a single day fails.
        """
        day, power = day.copy(), np.zeros(len(day), np.int64)
        active = np.flatnonzero(day > 1)
        while active.size:
            length = np.minimum(1 << power[active], day[active] - 1)
            power[active] = np.floor(np.log2(length)).astype(np.int64)
            start = day[active] - (1 << power[active])
            wide = self.highest[self.which[active], power[active], self.begin[active] + start]
            passes = self.risk(self.process, start, active, wide) >= level
            good, bad = active[passes], active[~passes]
            day[good] = start[passes]
            power[good] = np.minimum(power[good] + 1, _LEVELS - 1)
            done = power[bad] == 0
            power[bad] -= 1
            active = np.concatenate([good[day[good] > 1], bad[~done]])
        return np.where(day > LAST_DAY, NEVER, day)
