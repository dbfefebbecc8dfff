"""One customer's risk on every day: up to each event, after the last one, and beyond today."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.models.draws import PopulationDraws
from churnlab.posterior.risk import risk_summary
from churnlab.posterior.settings import Measure
from churnlab.posterior.silence.stream import Rows


def risk_by_day(
    draws: PopulationDraws,
    events: NDArray[np.datetime64],
    until: np.datetime64,
    risk: Measure,
    *,
    group: int = 0,
) -> pd.DataFrame:
    """Return the risk on each day after the first event, as the events before that day leave it.

    The population's parameters are those of the one fit given; the customer's own history is that
    of the day. On the day of an event there is no silence, hence no risk: such days are null.

    Parameters
    ----------
    events : array of datetime64[D], sorted
        Event-days; for a visit clock without a visit, the signup.
    until : datetime64[D]
        Last day shown; days after the last event assume that none follows.
    group : int
        Code of the customer's group in `draws`.

    Returns
    -------
    DataFrame
        ``day, mean, q05, q95``.
    """
    first = events[0]
    one = np.timedelta64(1, "D")
    days = np.arange(first + one, until + one, dtype="datetime64[D]")
    latest = np.searchsorted(events, days, side="left") - 1
    t_x = (events[latest] - first).astype(float)
    age = (days - first).astype(float)
    codes = np.full(len(days), group, dtype=np.int64)
    found = risk_summary(draws, Rows(codes, latest.astype(float), t_x, age), risk)
    eventful = np.isin(days, events)
    columns = {"mean": found.mean, "q05": found.q05, "q95": found.q95}
    shown = {name: np.where(eventful, np.nan, values) for name, values in columns.items()}
    return pd.DataFrame({"day": days, **shown})
