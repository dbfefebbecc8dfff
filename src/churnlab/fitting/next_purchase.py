"""The quantiles of the next purchase, learnt from whether those of a window ago held."""

from typing import Final, NamedTuple

import numpy as np

from churnlab.fitting.sample import Sample
from churnlab.models.draws import PopulationDraws
from churnlab.posterior.dates import share_by
from churnlab.posterior.settings import QUANTILES
from churnlab.posterior.silence.stream import Rows, rows_of
from churnlab.summary import Summary
from churnlab.summary.calendar import number
from churnlab.types import Array, Ints

#: Returns as the model has them that are counted beside those seen: few leave the levels alone.
PRIOR_RETURNS: Final = 200
#: Days that a window may be short of the one asked for: two years of whole weeks are two years.
LACK: Final = 1


class NextLevels(NamedTuple):
    """Levels of the model's own law at which the quantiles of the next purchase lie."""

    levels: tuple[float, ...] = QUANTILES
    """In the order of `QUANTILES`; equal to them where nothing was learnt."""
    returns: int = 0
    """Purchases that they were learnt from."""


def learn_levels(
    summary: Summary, sample: Sample, draws: PopulationDraws, within: int, *, due: bool = False
) -> NextLevels:
    """Look back one window: where in the model's law did the next purchases come?

    At the origin as_of - `within` every customer's silence is known, and so is, today, the next
    purchase within the window. A quantile's level is that quantile of the model's P(back by then |
    back within the window), with `PRIOR_RETURNS` uniform values beside those seen. A window of a
    year looks back at the same season. Without a history of two windows nothing is learnt.

    due: Of the next purchase counted from the last one, no silence known: from the gaps that began
        in the window before the origin and ended within one window.
    """
    end = number(summary.as_of)
    window = min(within, (end - int(sample.first.min())) // 2)
    if sample.row is None or sample.day is None or window < within - LACK:
        return NextLevels()
    found = _gaps if due else _returns
    rows, waited, size = found(summary, sample, draws, end - window, window)
    if not len(waited):
        return NextLevels()
    by = [share_by(draws, rows, np.maximum(waited - half, 0.0), size) for half in (0.0, 1.0)]
    even = (np.arange(PRIOR_RETURNS) + 0.5) / PRIOR_RETURNS
    levels = np.quantile(np.concatenate([np.mean(by, axis=0), even]), QUANTILES)
    return NextLevels(tuple(float(v) for v in levels), len(waited))


def _gaps(
    summary: Summary, sample: Sample, draws: PopulationDraws, origin: int, within: int
) -> tuple[Rows, Array, Array]:
    """Return the histories at which gaps of the window before the origin began, waits, windows."""
    assert sample.row is not None
    assert sample.day is not None
    place = np.arange(len(sample.row)) - np.searchsorted(sample.row, sample.row)
    wait = np.diff(sample.day, append=0)
    again = np.diff(sample.row, append=-1) == 0
    lies = (sample.day > origin - within) & (sample.day <= origin) & (wait <= within)
    i = np.flatnonzero(again & lies)
    who, last = sample.row[i], sample.day[i]
    days = (sample.first[who], last, last + wait[i], last + within)
    first, then, back, end = _times(summary, days)
    rows = Rows(_group(summary, sample, draws, who), place[i].astype(float), then - first,
                then - first)  # fmt: skip
    return rows, back - then, end - then


def _group(summary: Summary, sample: Sample, draws: PopulationDraws, who: Ints) -> Ints:
    """Return the group code of each customer of the sample."""
    codes: Ints = rows_of(summary.cells, draws).group[sample.people["cell"].to_numpy()[who]]
    return codes


def _times(summary: Summary, days: tuple[Ints, ...]) -> list[Array]:
    """Return days in the time of the draws."""
    clock = summary.clock
    return [np.asarray(d, float) if clock is None else clock.time(d) for d in days]


def _returns(
    summary: Summary, sample: Sample, draws: PopulationDraws, origin: int, within: int
) -> tuple[Rows, Array, Array]:
    """Return customers as of the origin who came back, their waits and windows."""
    assert sample.row is not None
    assert sample.day is not None
    n = len(sample.people)
    before = sample.day <= origin
    x: Array = np.bincount(sample.row[before], minlength=n).astype(np.float64) - 1.0
    last, back = np.full(n, np.iinfo(np.int64).min), np.full(n, np.iinfo(np.int64).max)
    np.maximum.at(last, sample.row[before], sample.day[before])
    np.minimum.at(back, sample.row[~before], sample.day[~before])
    i = np.flatnonzero((x >= 0) & (back <= origin + within))
    today = np.full(len(i), origin)
    first, then, now, again, end = _times(
        summary, (sample.first[i], last[i], today, back[i], today + within)
    )
    rows = Rows(_group(summary, sample, draws, i), x[i], then - first, now - first)
    return rows, again - now, end - now
