"""What came of each day or week since the export: who could buy, and who did."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.bundle import ScoringBundle
from churnlab.events import EventLog
from churnlab.posterior import Rows, rows_of
from churnlab.summary import summarise
from churnlab.types import Array

WEEK = 7
#: Days of the first looks; whole weeks follow. Fixed beforehand, so that looks do not choose them.
FIRST_STEPS = (1, 1, 2, 3)
#: Sums of a clock's days carry rounding errors, so that the day of the export may seem later.
_SAME = 1e-6


class Step(NamedTuple):
    """One step: the distinct histories at its start, who has them, and how many of them bought."""

    rows: Rows
    """(group, x, t_x, T) at the start of the step, (cell,)."""
    customers: Array
    """(cell,)"""
    buyers: Array
    """Of the customers, those with a purchase within the step, (cell,)."""
    elapsed: int
    """Days from the export to the start of the step."""
    days: int
    """Length of the step."""
    ahead: Callable[[Array], Array] | None = None
    """What turns days from the start on into the rows' time; None where the rows are in days."""

    def is_since(self, ago: Array) -> NDArray[np.bool_]:
        """Say which moments, so much of the rows' time before the start, lie after the export."""
        days = np.array([float(self.elapsed)])
        passed = days if self.ahead is None else -self.ahead(-days)
        return np.asarray(passed - ago > _SAME)


def lengths() -> Iterator[int]:
    """Yield the days of each step, without end."""
    yield from FIRST_STEPS
    while True:
        yield WEEK


def steps(rules: ScoringBundle, log: EventLog) -> Iterator[Step]:
    """Yield the steps since the export that are complete.

    rules: Its day is where the steps begin; its groups are those of the rows.
    log: All history up to now.
    """
    days, rule = log.days("purchases"), rules.purchases
    start = rules.as_of
    for length in lengths():
        end = start + dt.timedelta(length)
        if end > log.as_of:
            return
        summary = rule.timed(summarise(log, start, group=rules.grouping or None))
        cell = summary.customers["cell"].to_numpy()
        window = (days["day"] > pd.Timestamp(start)) & (days["day"] <= pd.Timestamp(end))
        bought = summary.customers["customer_id"].isin(days.loc[window, "customer_id"]).to_numpy()
        yield Step(
            rows_of(summary.cells, rule.draws),
            np.bincount(cell).astype(float),
            np.bincount(cell, bought, len(summary.cells)),
            (start - rules.as_of).days,
            length,
            summary.ahead,
        )
        start = end
