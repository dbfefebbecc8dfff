"""Dates: from which day on a silent customer is at risk, and when the next purchase is due.

Both depend on (group, x, t_x) alone, not on how long the silence has lasted: one search per key.
Searches start on a few draws and end on all of them, so the answer is that of the whole posterior.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from churnlab.models.draws import PopulationDraws
from churnlab.models.silence import Process, Returning
from churnlab.posterior.risk import OnSilence, on_silence, windows
from churnlab.posterior.settings import LAST_DAY, NEVER, Lateness, Measure, check_threshold
from churnlab.posterior.silence.roots import solve
from churnlab.posterior.silence.stream import Keys, Rows, chunks, for_each_run
from churnlab.types import Array, Ints
from churnlab.vocabulary import FAR_DATE

#: Draws of the first, coarse search.
COARSE_DRAWS = 32
#: Draws behind the time that is left until the next purchase: a mean over them, nearly that of all.
NEXT_DRAWS = 100
#: Days at which a risk that may fall first (Erlang gaps) is looked at.
_GRID = np.unique(np.concatenate([np.arange(1, 31), np.geomspace(30, LAST_DAY, 80).round()]))

#: Due dates are sought from here to the end of the window, days.
_SHORTEST_DAYS = 1e-3
#: Least probability of coming back at all: below, the date is the end of the window.
_TINY = 1e-300
#: (days after the last purchase, positions) -> mean risk
_Risk = Callable[[Array, Ints], Array]


def falls_first(k: int, measure: Measure) -> bool:
    """Whether risk may fall with silence before it rises: windowed bases with Erlang-k gaps."""
    return k > 1 and not isinstance(measure, Lateness) and measure.basis != "p_alive"


def at_risk_days(
    draws: PopulationDraws,
    keys: Keys,
    risk: Measure,
    threshold: float,
    first_threshold: float | None = None,
    *,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Ints:
    """Return whole days after the last purchase from which a measure stays at the threshold.

    keys: Distinct (group, x, t_x), days.
    risk: Basis and windows of the risk, or lateness by the own rhythm.
    threshold, first_threshold: Cut for repeat purchasers and for first purchasers (default: the
        same).
    Returns (key,): The first day d >= 1 with the mean measure >= threshold on d and on every later
        day up to ten years; `NEVER` (-1) if there is none.
    """
    cut = check_threshold(threshold)
    first = cut if first_threshold is None else check_threshold(first_threshold, "first_threshold")
    window = windows(draws, keys, risk, threads=threads)
    out = np.empty(len(keys.x), np.int64)
    oldest = float(keys.t_x.max(initial=0.0)) + LAST_DAY + 1.0
    oldest += 0.0 if window is None else float(window.max(initial=0.0))
    falling, on = falls_first(draws.k, risk), on_silence(risk)

    def work(process: Process, at: Ints) -> None:
        wide = None if window is None else window[at]
        level = cut if process.x > 0 else first
        out[at] = _last_crossing(on, process, keys.t_x[at], wide, level, falling)

    for_each_run(draws, keys.group, keys.x, oldest, work, threads=threads, progress=progress)
    return out


def _last_crossing(
    measure: OnSilence,
    process: Process,
    t_x: Array,
    window: Array | None,
    level: float,
    falling: bool,
) -> Ints:
    """Search the day for all keys of a run: coarse draws first, then all draws around it."""

    n, few = len(t_x), process.thin(COARSE_DRAWS)
    coarse, full = (measure.by_day(some, t_x, window) for some in (few, process))
    return first_day_above(coarse, full, level, n, _lowest_day(coarse, n) if falling else None)


def first_day_above(
    coarse: _Risk, full: _Risk, level: float, n: int, floor: Ints | None = None
) -> Ints:
    """Return the first day >= 1 on which risks that rise from `floor` on reach the level.

    coarse, full: Risk under a few draws, for a first guess, and under all.
    level: Threshold.
    n: Number of risks.
    floor: Days from which they rise; default: day 1.
    """
    floor = np.ones(n, np.int64) if floor is None else floor
    guess = _bisect(coarse, level, floor - 1, np.full(n, LAST_DAY, np.int64))
    return _settle(full, level, floor, guess)


def _lowest_day(risk: _Risk, n: int) -> Ints:
    """Return the day of the lowest risk, of a risk that falls and then rises."""
    everyone = np.arange(n)
    values = np.stack([risk(np.full(n, day), everyone) for day in _GRID])
    best = values.argmin(axis=0)
    low = _GRID[np.maximum(best - 1, 0)].astype(np.int64)
    high = _GRID[np.minimum(best + 1, len(_GRID) - 1)].astype(np.int64)
    while np.any(high - low > 2):  # ternary search over whole days
        left, right = low + (high - low) // 3, high - (high - low) // 3
        rising = risk(left.astype(float), everyone) <= risk(right.astype(float), everyone)
        high, low = np.where(rising, right, high), np.where(rising, low, left)
    days = np.stack([low, np.minimum(low + 1, high), high])
    values = np.stack([risk(day.astype(float), everyone) for day in days])
    return np.asarray(days[values.argmin(axis=0), everyone])


def _bisect(risk: _Risk, level: float, low: Ints, high: Ints) -> Ints:
    """Return the first day in (low, high] at the level or above; `high` if none is."""
    low, high = low.copy(), high.copy()
    while True:
        wide = np.flatnonzero(high - low > 1)
        if not wide.size:
            return high
        middle = (low[wide] + high[wide]) // 2
        hit = risk(middle.astype(float), wide) >= level
        high[wide[hit]] = middle[hit]
        low[wide[~hit]] = middle[~hit]


def _settle(risk: _Risk, level: float, floor: Ints, guess: Ints) -> Ints:
    """Return the exact day: gallop from a guess until the day is bracketed, then bisect.

    `floor` is the day from which risk rises. A floor at the level or above means day 1: no day is
    below. (`low` is a day known to be below, floor - 1 when nothing is known yet.)
    """
    n = len(guess)
    low, high = floor - 1, np.full(n, LAST_DAY + 1, np.int64)
    probe, step = np.maximum(guess, floor), np.ones(n, np.int64)
    active = np.arange(n)
    while active.size:
        hit = risk(probe[active].astype(float), active) >= level
        high[active[hit]] = probe[active[hit]]
        low[active[~hit]] = probe[active[~hit]]
        active = active[high[active] - low[active] > 1]
        down = high[active] <= LAST_DAY
        known = down & (low[active] >= floor[active])
        target = np.where(down, high[active] - step[active], low[active] + step[active])
        target = np.where(known, (low[active] + high[active]) // 2, target)
        probe[active] = np.clip(target, low[active] + 1, np.minimum(high[active] - 1, LAST_DAY))
        step[active] *= 4
    return np.where(high > LAST_DAY, NEVER, np.where(high <= floor, 1, high))


def due_days(
    draws: PopulationDraws,
    keys: Keys,
    *,
    within: int | Array = 365,
    levels: tuple[float, ...] = (0.5, 0.1, 0.9),
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Array:
    """Return days from the last purchase to the next, given that it comes within `within` days.

    keys: Distinct (group, x, t_x), days.
    within: W, `risk.due_window_days`; one for all, or one per key (on a clock).
    levels: Probabilities q with F(h) = q.
    Returns (level, key): Days, to a hundredth.

    F(h) = mean[1 - L(t_x+h)/L(t_x)] / mean[1 - L(t_x+W)/L(t_x)], means over draws (docs/risk.md).
    """
    out = np.empty((len(levels), len(keys.x)))
    window = np.broadcast_to(np.asarray(within, float), keys.x.shape)

    def work(process: Process, at: Ints) -> None:
        coarse = process.thin(COARSE_DRAWS)
        for part in chunks(len(at), coarse.n_draws):
            i = at[part]
            out[:, i] = _due(coarse, keys.t_x[i], window[i], levels)
        for part in chunks(len(at), process.n_draws):
            i = at[part]
            out[:, i] = _due(process, keys.t_x[i], window[i], levels, out[:, i])

    oldest = float((keys.t_x + window).max(initial=0.0)) + 1.0
    for_each_run(draws, keys.group, keys.x, oldest, work, threads=threads, progress=progress)
    return out


def next_days(
    draws: PopulationDraws,
    rows: Rows,
    *,
    within: float = 365.0,
    levels: tuple[float, ...] = (0.5, 0.1, 0.9),
    threads: int | None = None,
) -> Array:
    """Return days from the cutoff to the next purchase, given that it comes within `within` days.

    The silence so far counts: two customers with the same due date differ, once it has passed.

    draws: Posterior draws of the population's parameters; `NEXT_DRAWS` of them are taken, because
        every row, not only every key, is a search of its own.
    rows: Distinct (group, x, t_x, T), days.
    within, levels: As in `due_days`, counted from the cutoff.
    Returns (level, row): Days.

    F(h) = (1 - mean p_no_purchase(T, T+h)) / (1 - mean p_no_purchase(T, T+W)).
    """
    out = np.empty((len(levels), len(rows.x)))
    few = draws.thin(NEXT_DRAWS)
    oldest = float(rows.T.max(initial=0.0)) + within + 1.0

    def work(process: Process, at: Ints) -> None:
        for part in chunks(len(at), process.n_draws):
            i = at[part]
            back = process.back(rows.t_x[i], rows.T[i])
            out[:, i] = _quantiles(back, np.full(len(i), within), levels)

    for_each_run(few, rows.group, rows.x, oldest, work, threads=threads)
    return out


def share_by(
    draws: PopulationDraws,
    rows: Rows,
    days: Array,
    within: Array | float,
    *,
    threads: int | None = None,
) -> Array:
    """Return F(days) of `next_days` for each row: P(back by then | back within `within`)."""
    out = np.empty(len(rows.x))
    few, window = draws.thin(NEXT_DRAWS), np.broadcast_to(np.asarray(within, float), rows.x.shape)

    def work(process: Process, at: Ints) -> None:
        for part in chunks(len(at), process.n_draws):
            i = at[part]
            back, every = process.back(rows.t_x[i], rows.T[i]), np.arange(len(i))
            by, whole = (back(h, every) for h in (days[i], window[i]))
            out[i] = by / np.maximum(whole, _TINY)

    oldest = float(rows.T.max(initial=0.0)) + float(window.max(initial=0.0)) + 1.0
    for_each_run(few, rows.group, rows.x, oldest, work, threads=threads)
    return out


def _due(
    process: Process,
    t_x: Array,
    within: Array,
    levels: tuple[float, ...],
    guess: Array | None = None,
) -> Array:
    """Solve F(h) = q for each level from the last purchase on."""
    return _quantiles(process.returned(t_x), within, levels, guess)


def _quantiles(
    returning: Returning, within: Array, levels: tuple[float, ...], guess: Array | None = None
) -> Array:
    """Solve returning(h) = q returning(within), (row,), for each level, in ln h."""
    n = len(within)
    whole = np.maximum(returning(within, np.arange(n)), _TINY)
    low, high = np.full(n, np.log(_SHORTEST_DAYS)), np.log(within)
    out = np.empty((len(levels), n))
    for row, level in enumerate(levels):

        def excess(y: Array, i: Ints, level: float = level) -> Array:
            return np.asarray(returning(np.exp(y), i) / whole[i] - level)

        start = np.log(within * level / 4) if guess is None else np.log(guess[row])
        step = 0.5 if guess is None else 0.02
        out[row] = np.exp(solve(excess, start, low, high, step=step, f_tolerance=1e-6))
    return out


def whole_due_days(days: Array) -> Array:
    """Return whole days for the due date and its interval.

    days: (3, row): h.5, h.1 and h.9, as `due_days` and `next_days` give them.
    Returns (3, row): h.5 rounded; the interval holds the whole days inside [h.1, h.9], and the due
        date. A day stands for the day around it, so ends rounded to the nearest day would make the
        interval a day too wide (simulated: .84-.86 instead of .80 where many buy every ten days).
    """
    due = np.maximum(np.rint(days[0]), 1.0)
    early = np.minimum(np.maximum(np.ceil(days[1]), 1.0), due)
    return np.stack([due, early, np.maximum(np.floor(days[2]), due)])


def to_dates(
    last: NDArray[np.datetime64], days: NDArray[np.int64] | Array
) -> NDArray[np.datetime64]:
    """Return last purchase + days as dates (seconds since 1970, so that year 9999 fits).

    last: Day of the last purchase, (row,).
    days: Days after it; fractions are rounded to the nearest day, `NEVER` is 9999-12-31.
    """
    whole = np.rint(np.asarray(days, float)).astype("timedelta64[D]")
    dates = np.asarray(last).astype("datetime64[D]") + whole
    far = np.datetime64(FAR_DATE, "D")
    return np.where(np.asarray(days) == NEVER, far, dates).astype("datetime64[s]")
