"""Gaps between purchases that are over: what late by the own rhythm is held against."""

import datetime as dt
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from churnlab.types import Array, Ints

#: Customers whose gaps are looked at, evenly spaced in the order of their ids: the level's interval
#: is within a point by then, and a million customers cost no more.
MOST_CUSTOMERS: Final = 20_000


class Gaps(NamedTuple):
    """Gaps from one purchase to the next, each with what was known at its start, (gap,).

    Times are days, on a clock too.
    """

    customer: Ints
    """Whose: a number among the customers looked at."""
    group: Ints
    """Codes into the groups of the summary's cells."""
    x: Array
    """Repeat purchases at the start."""
    t_x: Array
    """Days from the first purchase to the start."""
    days: Array
    """From the start to the next purchase."""
    follow: Array
    """Days from the start to the cutoff: how long the next purchase could have been seen."""


def completed_gaps(
    histories: Callable[[list[str]], pd.DataFrame],
    people: pd.DataFrame,
    group: Ints,
    as_of: dt.date,
) -> Gaps:
    """Return the gaps of customers who came back, of at most `MOST_CUSTOMERS`.

    histories: See `Summary.histories`.
    people: The summary's customers, sorted by id.
    group (cell,): Group code of each of the summary's cells.
    """
    repeat = people[people["x"] > 0]
    chosen = repeat.iloc[:: max(1, -(-len(repeat) // MOST_CUSTOMERS))]
    days = histories(chosen["customer_id"].tolist())
    who, _ = pd.factorize(days["customer_id"])
    own = group[chosen["cell"].to_numpy(np.int64)]
    day = pd.to_datetime(days["day"]).to_numpy().astype("datetime64[D]").astype(np.float64)
    first = np.flatnonzero(np.diff(who, prepend=-1))  # where each customer begins
    x = np.arange(len(day)) - first[who]
    follows = np.flatnonzero(np.diff(who, append=-1) == 0)
    end = float(np.datetime64(as_of, "D").astype(np.int64))
    return Gaps(
        who[follows],
        own[who[follows]],
        x[follows].astype(np.float64),
        (day - day[first[who]])[follows],
        (day[follows + 1] - day[follows]),
        end - day[follows],
    )
