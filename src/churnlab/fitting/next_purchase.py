"""The quantiles of the next purchase, learnt from whether those of a window ago held."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from churnlab.fitting.sample import Sample
from churnlab.models.draws import PopulationDraws
from churnlab.posterior.dates import share_by
from churnlab.posterior.silence.stream import Rows, rows_of
from churnlab.summary import Summary
from churnlab.summary.calendar import number
from churnlab.types import Array

#: Quantiles of the table: median and 80% interval.
QUANTILES: Final = (0.5, 0.1, 0.9)
#: Returns as the model has them that are counted beside those seen: few leave the levels alone.
PRIOR_RETURNS: Final = 200


class NextLevels(NamedTuple):
    """Levels of the model's own law at which the quantiles of the next purchase lie."""

    levels: tuple[float, ...] = QUANTILES
    """In the order of `QUANTILES`; equal to them where nothing was learnt."""
    returns: int = 0
    """Customers who came back within the window, one window ago."""


def learn_levels(
    summary: Summary, sample: Sample, draws: PopulationDraws, within: int
) -> NextLevels:
    """Look back one window: where in the model's law did the next purchases come?

    At the origin as_of - `within` every customer's silence is known, and so is, today, the next
    purchase within the window. A quantile's level is that quantile of the model's P(back by then |
    back within the window), with `PRIOR_RETURNS` uniform values beside those seen. A window of a
    year looks back at the same season. Without a history of two windows nothing is learnt.
    """
    origin = number(summary.as_of) - within
    start = int(sample.first.min())
    if sample.row is None or sample.day is None or origin - start < within:
        return NextLevels()
    rows, waited, size = _returns(summary, sample, draws, origin, within)
    if not len(waited):
        return NextLevels()
    by = [share_by(draws, rows, np.maximum(waited - half, 0.0), size) for half in (0.0, 1.0)]
    even = (np.arange(PRIOR_RETURNS) + 0.5) / PRIOR_RETURNS
    found = np.quantile(np.concatenate([np.mean(by, axis=0), even]), QUANTILES)
    return NextLevels(tuple(float(v) for v in found), len(waited))


def _returns(
    summary: Summary, sample: Sample, draws: PopulationDraws, origin: int, within: int
) -> tuple[Rows, Array, float]:
    """Return customers as of the origin who came back, their waits and the window (clock days)."""
    assert sample.row is not None
    assert sample.day is not None
    n = len(sample.people)
    before = sample.day <= origin
    x: Array = np.bincount(sample.row[before], minlength=n).astype(np.float64) - 1.0
    last, back = np.full(n, np.iinfo(np.int64).min), np.full(n, np.iinfo(np.int64).max)
    np.maximum.at(last, sample.row[before], sample.day[before])
    np.minimum.at(back, sample.row[~before], sample.day[~before])
    i = np.flatnonzero((x >= 0) & (back <= origin + within))
    group = rows_of(summary.cells, draws).group[sample.people["cell"].to_numpy()[i]]
    clock = summary.clock
    days = (sample.first[i], last[i], np.full(len(i), origin), back[i], origin + within)
    first, then, now, again, end = (
        np.asarray(d, float) if clock is None else clock.time(d) for d in days
    )
    rows = Rows(group, x[i], then - first, now - first)
    return rows, again - now, float(np.max(end)) - (float(now[0]) if len(i) else 0.0)
