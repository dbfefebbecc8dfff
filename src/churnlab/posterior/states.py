"""What is known of the day from which a silence is a state: its interval, and P(alive) on it."""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from churnlab.models.draws import PopulationDraws
from churnlab.models.silence import Process
from churnlab.posterior.dates import falls_first, first_day_above
from churnlab.posterior.risk import OnSilence, on_silence, windows
from churnlab.posterior.settings import LAST_DAY, NEVER, StateCut
from churnlab.posterior.silence.stream import Keys, chunks, for_each_run
from churnlab.types import Array, Ints

#: Draws behind the interval of a date: the level of a quantile moves by about .015.
INTERVAL_DRAWS: Final = 200
#: (whole days after the last purchase, positions of keys) -> days of the model's time
Elapsed = Callable[[Array, Ints], Array]


class StateDays(NamedTuple):
    """Interval of the day after the last purchase, and P(alive) on the day itself; (key,)."""

    q05: Ints
    """`NEVER` (-1) for none within ten years."""
    q95: Ints
    p_alive: Array
    """Mean over the draws: the customer's own threshold on P(alive). nan where there is no day."""


def plain_days(days: Array, at: Ints) -> Array:
    """Return days as they are: the model's time is the calendar's."""
    del at
    return np.asarray(days, float)


def state_days(
    draws: PopulationDraws,
    keys: Keys,
    cut: StateCut,
    day: Ints,
    *,
    elapsed: Elapsed = plain_days,
    oldest: float | None = None,
    threads: int | None = None,
) -> StateDays | None:
    """Return the interval of the day and P(alive) on it; None where a risk may fall with silence.

    A draw's own day is the first on which its measure reaches the cut. Since the measure rises, a
    share q of the draws has reached the cut by the q-quantile of their days: no draw is searched
    on its own.

    keys: Distinct (group, x, t_x), days.
    cut: Measure and cut points.
    day: From `at_risk_days` under the same measure and cut, (key,).
    elapsed: Days of the model's time in so many days of the calendar after the last purchase.
    oldest: Largest age that `elapsed` can lead to; default: ten years after the last purchase.
    """
    if falls_first(draws.k, cut.measure):
        return None
    window = windows(draws, keys, cut.measure, threads=threads)
    on, out = on_silence(cut.measure), np.full((2, len(keys.x)), NEVER, np.int64)
    alive = np.full(len(keys.x), np.nan)

    def work(process: Process, at: Ints) -> None:
        reached = at[day[at] != NEVER]
        alive[reached] = _alive(process, keys.t_x[reached], elapsed(day[reached], reached))
        level = cut.value if process.x > 0 else cut.first_value
        few = process.thin(INTERVAL_DRAWS)
        for part in chunks(len(at), few.n_draws):
            i = at[part]
            wide = None if window is None else window[i]
            out[:, i] = _interval(on, few, keys.t_x[i], wide, level, partial(_at, elapsed, i))

    if oldest is None:
        oldest = float(keys.t_x.max(initial=0.0)) + LAST_DAY + 1.0
    oldest += 0.0 if window is None else float(window.max(initial=0.0))
    for_each_run(draws, keys.group, keys.x, oldest, work, threads=threads)
    return StateDays(out[0], out[1], alive)


def _at(elapsed: Elapsed, at: Ints, days: Array, rows: Ints) -> Array:
    """Return the elapsed time of rows among the keys `at`."""
    return elapsed(days, at[rows])


def _alive(process: Process, t_x: Array, silence: Array) -> Array:
    out = np.empty(len(t_x))
    for part in chunks(len(t_x), process.n_draws):
        out[part] = process.alive(t_x[part], t_x[part] + silence[part]).mean(axis=1)
    return out


def _interval(
    on: OnSilence,
    process: Process,
    t_x: Array,
    window: Array | None,
    level: float,
    elapsed: Elapsed,
) -> Ints:
    """Return the first days on which 5% and 95% of the draws have reached the level, (2, row)."""

    def share(days: Array, rows: Ints) -> Array:
        wide = None if window is None else window[rows]
        values = on.matrix(process, t_x[rows], t_x[rows] + elapsed(days, rows), wide)
        return np.asarray((values >= level).mean(axis=1))

    return np.stack([first_day_above(share, share, q, len(t_x)) for q in (0.05, 0.95)])
