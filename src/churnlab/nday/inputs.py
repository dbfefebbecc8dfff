"""The tables of an N-day study, from an event log or from frames."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from churnlab import engine
from churnlab.errors import DataError
from churnlab.events import EventLog
from churnlab.nday.data import there
from churnlab.nday.data.conversions import Conversions, convert, local_times


@dataclass(frozen=True)
class Inputs:
    """Tables in local time, up to `as_of`; visits and treatments only where there are any.

    A log that stays in Spark or PostgreSQL is asked there, and has no tables here.
    """

    members: pd.DataFrame | None
    purchases: pd.DataFrame | None
    visits: pd.DataFrame | None
    treatments: pd.DataFrame | None
    as_of: dt.date
    time_zone: str | None
    elsewhere: EventLog | None = None

    def conversions(self, by: str | None) -> Conversions:
        """Return the members with their age at the first purchase; counts of a log elsewhere."""
        if self.elsewhere is not None:
            return there.counted(self.elsewhere, by)
        assert self.purchases is not None
        return convert(
            self.members, self.purchases, as_of=self.as_of, by=by, time_zone=self.time_zone
        )

    def reachable(self, found: Conversions, by: str | None, days: set[dt.date]) -> Conversions:
        """Return the members by row, of a log elsewhere those of these signup days alone."""
        if self.elsewhere is None:
            return found
        return replace(found, frame=there.unconverted(self.elsewhere, by, sorted(days)))


def read_inputs(source: Any, as_of: dt.date | str | None, time_zone: str | None) -> Inputs:
    """Take what the study needs out of an `EventLog` or a mapping of frames.

    Raises DataError: There is no members table: signups derived from first events would make
        everyone a lead who converts on day 0.
    """
    if isinstance(source, Mapping):
        return _from_frames(source, _date(as_of), time_zone)
    if getattr(source, "members_derived", "members" not in source.tables):
        raise _no_members()
    end = _date(as_of)
    log = source if end is None else source.until(end)
    if getattr(log, "engine", None) is not None:
        return Inputs(None, None, None, None, log.as_of, log.time_zone, log)
    return Inputs(
        members=engine.frame(log.signup_table()),
        purchases=log.frame("purchases"),
        visits=log.frame("visits") if "visits" in log.tables else None,
        treatments=log.frame("treatments") if "treatments" in log.tables else None,
        as_of=log.as_of,
        time_zone=log.time_zone,
    )


def _from_frames(
    frames: Mapping[str, pd.DataFrame], as_of: dt.date | None, time_zone: str | None
) -> Inputs:
    if frames.get("members") is None:
        raise _no_members()
    if frames.get("purchases") is None:
        raise DataError("there is no purchases table; expected columns customer_id, event_at.")
    end = as_of or _last_day(frames, time_zone)
    return Inputs(
        members=frames["members"],
        purchases=frames["purchases"],
        visits=_cut(frames.get("visits"), end, time_zone),
        treatments=frames.get("treatments"),
        as_of=end,
        time_zone=time_zone,
    )


def _cut(frame: pd.DataFrame | None, as_of: dt.date, time_zone: str | None) -> pd.DataFrame | None:
    """Nothing after `as_of` is looked at."""
    if frame is None or frame.empty:
        return None
    end = pd.Timestamp(as_of) + pd.Timedelta(days=1)
    return frame[local_times(frame["event_at"], time_zone) < end]


def _last_day(frames: Mapping[str, pd.DataFrame], time_zone: str | None) -> dt.date:
    times = {"members": "signed_up_at", "purchases": "event_at", "visits": "event_at"}
    last = [
        local_times(frames[t][c], time_zone).max()
        for t, c in times.items()
        if frames.get(t) is not None and c in frames[t].columns and len(frames[t])
    ]
    known = [t for t in last if not pd.isna(t)]
    if not known:
        raise DataError("members, purchases and visits have no readable time; give as_of.")
    latest: dt.date = max(known).date()
    return latest


def _date(value: dt.date | str | None) -> dt.date | None:
    if value is None:
        return None
    try:
        return pd.Timestamp(value).date()
    except ValueError:
        raise DataError(f"as_of must be a date like 2026-03-31; got {value!r}.") from None


def _no_members() -> DataError:
    return DataError(
        "there is no members table; the N-day rule counts days from signup and needs customer_id "
        "and signed_up_at (first events cannot stand in: everyone would convert on day 0). Give "
        "data.members.path=FILE, in Python read_events(..., members=FILE or frame)."
    )
