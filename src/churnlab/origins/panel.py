"""A customer panel: purchase-days of everybody, cut off at any origin.

`Past` is what a candidate gets; labels are read from the whole panel by the harness only.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churnlab.errors import DataError
from churnlab.events import EventLog
from churnlab.events.days import keyed
from churnlab.origins.events import Events
from churnlab.origins.groups import grouped
from churnlab.origins.past import Past
from churnlab.origins.visitdays import VisitDays
from churnlab.summary.daysums import date_of
from churnlab.summary.spend import per_purchase
from churnlab.types import Array, Ints


@dataclass(frozen=True)
class Panel:
    """The whole log as a panel."""

    ids: NDArray[Any]
    events: Events
    as_of: dt.date

    @classmethod
    def from_log(
        cls, log: EventLog, group: str | Sequence[str] | None = None, *, visits: bool = False
    ) -> Panel:
        """Read purchase-days, amounts, members' groups and visit-days from a log.

        log: Clean events up to its `as_of`.
        group: Attributes of members (`signup_month`, `first_category`) by which scores are broken
            down and models pool; the values of several are joined with `` | ``.
        visits: Read the purchasers' visit-days too.
        Raises DataError: No purchases; visits wanted and none there.
        """
        days = log.event_days()
        if not len(days.day):
            raise DataError("the log has no purchases; a backtest needs some.")
        ids = days.ids.to_numpy(zero_copy_only=False)
        names, codes = grouped(log, group, ids)
        who, when = days.customer, days.day.astype(np.int64)
        kept = _amounts(log, keyed(who, when))
        seen = VisitDays.read(log, ids, who, when) if visits else None
        return cls(ids, Events(who, when, kept, codes, names, seen), log.as_of)

    @property
    def first_day(self) -> dt.date:
        """First purchase day."""
        return date_of(int(self.events.day.min()))

    def until(self, origin: dt.date) -> Past:
        """Return what was known at `origin`."""
        return Past.of(self.events, origin)

    def counts(self, past: Past, windows: Ints) -> Ints:
        """Return what came in the windows; refuse windows that are not complete."""
        end = past.origin + dt.timedelta(days=int(windows.max()))
        if end > self.as_of:
            raise DataError(
                f"the label window of {past.origin} ends on {end}, after the last known day "
                f"{self.as_of}; drop this origin or shorten the horizon."
            )
        return past.bought(self.events, windows)


def _amounts(log: EventLog, keys: Ints) -> Array | None:
    """Amount per purchase-day, by the sorted keys of customers and days; None where there is none.

    Orders of one day have no day of their own.
    """
    has = "amount" in log.table("purchases").columns
    if not has or not np.all(keys[1:] > keys[:-1]):
        return None
    return np.nan_to_num(per_purchase(log, "customer_day").total)
