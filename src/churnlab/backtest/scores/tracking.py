"""Purchases per week of the customers known at an origin: forecast there, and what came."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.interpolate import PchipInterpolator

from churnlab.candidates.base import Candidate, Context
from churnlab.candidates.models import ModelCandidate
from churnlab.forecast import closed_forms
from churnlab.models.draws import PopulationDraws
from churnlab.origins.panel import Panel
from churnlab.origins.past import Past
from churnlab.summary import Clock
from churnlab.types import Array

#: Weeks shown at most, and draws behind the band.
_WEEKS, _DRAWS = 52, 40
#: Erlang gaps: an expectation is a sum over counts, some hundred times the work.
_SLOW_DRAWS = 5
#: Horizons at which the cumulative expectation is computed.
_KNOTS = 10


def tracking_frame(
    panel: Panel,
    past: Past,
    candidates: Sequence[Candidate],
    context: Context,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return purchases per week after an origin, actual and forecast with a 90% band.

    The band holds parameter uncertainty and the chance of the weekly total; the total of many
    customers' rare purchases is taken as Poisson given the parameters, which is a little narrow
    where single customers buy very often.

    Returns: origin, candidate, week, ends_on, actual, expected, q05, q95, and the same cumulated
        from the origin on (cumulative_...); purchases of customers known at the origin (later
        joiners are no repeat buyers of it).
    """
    weeks = min(_WEEKS, (panel.as_of - past.origin).days // 7)
    if weeks < 1:
        return pd.DataFrame()
    actual = _actual(panel, past, weeks)
    parts = []
    for candidate in candidates:
        if isinstance(candidate, ModelCandidate) and candidate.kind == "model":
            draws, note = candidate.learn(past, context)
            few = draws.thin(_DRAWS if draws.k == 1 else _SLOW_DRAWS)
            weekly = weekly_expected(past, few, weeks, candidate.clock(note))
            parts.append(_rows(past, candidate.name, actual, weekly, rng))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _actual(panel: Panel, past: Past, weeks: int) -> Array:
    ends = [
        panel.counts(past, np.full(past.n, 7 * (w + 1), dtype=np.int64)).sum() for w in range(weeks)
    ]
    return np.diff(np.array(ends, dtype=np.float64), prepend=0.0)


def weekly_expected(
    past: Past, draws: PopulationDraws, weeks: int, clock: Clock | None = None
) -> Array:
    """Expected purchases of all customers per week, given each draw: (draw, week).

    The cumulative expectation is smooth: it is computed at a few horizons and read off a
    monotone cubic in between (under .1% from computing every week, at a tenth of the time).
    """
    rows = closed_forms.Rows(past, np.zeros(past.n, dtype=np.int64), clock, draws)
    ends = 7 * np.arange(weeks + 1)
    time = ends.astype(np.float64) if clock is None else clock.ahead(past.origin, ends)
    knots = time[np.unique(np.ceil(np.geomspace(1, weeks, _KNOTS))).astype(np.int64)]
    total = closed_forms.expected_by_horizon(rows, draws, knots)
    start = np.zeros((draws.n_draws, 1))
    curve = PchipInterpolator(np.r_[0.0, knots], np.hstack([start, total]), axis=1)
    return np.diff(curve(time), axis=1)


def _rows(
    past: Past, name: str, actual: Array, weekly: Array, rng: np.random.Generator
) -> pd.DataFrame:
    chance = rng.poisson(np.repeat(np.maximum(weekly, 0.0), 50, axis=0))
    low, high = np.quantile(chance, (0.05, 0.95), axis=0)
    week = np.arange(1, actual.size + 1)
    ends: Any = pd.Timestamp(past.origin) + pd.to_timedelta(7 * week, unit="D")
    columns = {"origin": past.origin.isoformat(), "candidate": name, "week": week, "ends_on": ends}
    columns |= {"actual": actual, "expected": weekly.mean(axis=0), "q05": low, "q95": high}
    low, high = np.quantile(chance.cumsum(axis=1), (0.05, 0.95), axis=0)
    columns |= {"cumulative_actual": actual.cumsum(), "cumulative_q05": low}
    columns |= {"cumulative_expected": weekly.mean(axis=0).cumsum(), "cumulative_q95": high}
    return pd.DataFrame(columns)
