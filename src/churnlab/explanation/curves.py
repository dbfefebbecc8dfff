"""One customer's risk on every day: up to each event, after the last one, and beyond today."""

from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.posterior.risk import risk_summary
from churnlab.posterior.silence.stream import Rows
from churnlab.segments.grid.axes import Axis


def risk_by_day(
    axis: Axis, events: NDArray[np.datetime64], until: np.datetime64, *, group: int = 0
) -> pd.DataFrame:
    """Return the risk on each day after the first event, as the events before that day leave it.

    The population's parameters are those of the one fit given; the customer's own history is that
    of the day. On the day of an event there is no silence, hence no risk: such days are null.

    axis: Of the fit: draws, and the measure that is shown.
    events: Event-days; for a visit clock without a visit, the signup.
    until: Last day shown; days after the last event assume that none follows.
    group: Code of the customer's group in the draws.
    Returns: ``day, mean, q05, q95``.
    """
    first = events[0]
    one = np.timedelta64(1, "D")
    days = np.arange(first + one, until + one, dtype="datetime64[D]")
    latest = np.searchsorted(events, days, side="left") - 1
    begin, last, now = axis.time(events[:1]), axis.time(events)[latest], axis.time(days)
    codes = np.full(len(days), group, dtype=np.int64)
    rows = Rows(codes, latest.astype(float), last - begin, now - begin)
    ahead = None if axis.clock is None else partial(axis.clock.ahead, days.astype(np.int64))
    found = risk_summary(axis.draws, rows, axis.risk, ahead=ahead)
    eventful = np.isin(days, events)
    columns = {"mean": found.mean, "q05": found.q05, "q95": found.q95}
    shown = {name: np.where(eventful, np.nan, values) for name, values in columns.items()}
    return pd.DataFrame({"day": days, **shown})
