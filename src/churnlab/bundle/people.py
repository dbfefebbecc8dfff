"""Who is scored, and on which x, t_x, T: from a log, from event frames, or from a summary."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from churnlab.errors import DataError, UsageError, nearest
from churnlab.events import EventLog, read_events
from churnlab.summary import Summary, summarise
from churnlab.summary.customers import with_cells


@dataclass(frozen=True)
class People:
    """Everybody to be scored on a day, with what is known of their events.

    members: `customer_id` (distinct) and `signed_up_at` (missing where unknown).
    purchases: x, t_x, T of purchase-days; None when nobody has bought.
    visits: The same of visit-days; None when nobody has visited.
    visits_observed: Whether visits were recorded at all: else every visit state is unknown.
    """

    members: pd.DataFrame
    purchases: Summary | None
    visits: Summary | None = None
    visits_observed: bool = False

    @classmethod
    def of_log(cls, log: EventLog, group: Sequence[str] = ()) -> People:
        """Summarise a log as of its last known day.

        log: Checked events.
        group: Attributes of members that name a purchaser's group.
        Raises DataError when the members lack a grouping attribute.
        """

        def known(events: str, columns: Sequence[str] = ()) -> Summary | None:
            if events not in log.tables or not log.table(events).count().to_pyarrow().as_py():
                return None
            return summarise(log, events=events, group=tuple(columns))

        members = log.members()[["customer_id", "signed_up_at"]]
        return cls(members, known("purchases", group), known("visits"), "visits" in log.tables)

    @classmethod
    def of_summary(
        cls,
        frame: pd.DataFrame,
        as_of: dt.date,
        *,
        group: Sequence[str] = (),
        members: pd.DataFrame | None = None,
        others: People | None = None,
    ) -> People:
        """Take purchasers from a table of `customer_id, x, t_x, T`; others from `others`.

        Group columns that the table lacks are taken from `members`.
        """
        purchases = summary_of(frame, as_of, group, members)
        bought = purchases.customers[["customer_id"]]
        others = others or cls(bought.assign(signed_up_at=pd.Timestamp("NaT")), None)
        everybody = others.members.merge(bought, on="customer_id", how="outer")
        return cls(everybody, purchases, others.visits, others.visits_observed)


def people_of_frames(
    frames: Mapping[str, pd.DataFrame | None],
    as_of: dt.date,
    time_zone: str,
    *,
    group: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
) -> People:
    """Read frames of events and members as a log and summarise it.

    frames: `purchases`, `visits`, `members`, as far as there are any. A frame without rows counts
        as a log in which nothing happened.
    as_of: Last complete day; later rows are left out.
    time_zone: Zone of the day boundary.
    group: Attributes of members that name a purchaser's group.
    columns: Canonical name -> name in the purchases frame.
    """
    observed = frames.get("visits") is not None
    purchases = frames.get("purchases")
    if purchases is not None and not _rows(purchases):
        require(purchases, [(columns or {}).get("customer_id", "customer_id")], "purchases")
    if not any(_rows(frames.get(name)) for name in ("purchases", "visits")):
        return People(_members(frames.get("members"), as_of), None, None, observed)
    log = log_of_frames(frames, as_of, time_zone, group=group, columns=columns)
    found = People.of_log(log, group)
    return People(found.members, found.purchases, found.visits, observed)


def log_of_frames(
    frames: Mapping[str, pd.DataFrame | None],
    as_of: dt.date | None,
    time_zone: str,
    *,
    group: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
) -> EventLog:
    """Read frames as an event log; a column `day` serves where `event_at` is missing.

    Repeated rows are dropped however many: days count once, and monitoring counts the repeats.
    """
    given = {name: frame for name, frame in frames.items() if frame is not None and _rows(frame)}
    names = {n: _day_for_time(f) for n, f in given.items()}
    names["purchases"] = names.get("purchases", {}) | dict(columns or {})
    if "members" in given:
        names["members"] = {c: c for c in group if c in given["members"].columns}
    return read_events(**given, columns=names, time_zone=time_zone, as_of=as_of, duplicates="drop")


def _rows(frame: pd.DataFrame | None) -> int:
    if frame is not None and not isinstance(frame, pd.DataFrame):
        raise DataError(f"events must be a pandas frame; got {type(frame).__name__}.")
    return 0 if frame is None else len(frame)


def _day_for_time(frame: pd.DataFrame) -> dict[str, str]:
    return {"event_at": "day"} if "day" in frame and "event_at" not in frame else {}


def _members(frame: pd.DataFrame | None, as_of: dt.date) -> pd.DataFrame:
    """Members where there is no event at all: those who had signed up by `as_of`."""
    if frame is None:
        return pd.DataFrame({"customer_id": pd.Series(dtype="str"), "signed_up_at": pd.NaT})
    require(frame, ("customer_id", "signed_up_at"), "members")
    known = frame.assign(
        customer_id=ids(frame["customer_id"], "members"),
        signed_up_at=pd.to_datetime(frame["signed_up_at"]).dt.tz_localize(None),
    )
    known = known[known["signed_up_at"].dt.normalize() <= pd.Timestamp(as_of)]
    first: pd.DataFrame = known.groupby("customer_id", as_index=False)["signed_up_at"].min()
    return first


def summary_of(
    frame: pd.DataFrame,
    as_of: dt.date,
    group: Sequence[str] = (),
    members: pd.DataFrame | None = None,
    what: str = "summary",
) -> Summary:
    """Return the summary that a table of `customer_id, x, t_x, T` (days) holds.

    Raises DataError when a column is missing, a value impossible, or a customer repeated.
    """
    require(frame, ("customer_id", "x", "t_x", "T"), what)
    frame = frame.assign(customer_id=ids(frame["customer_id"], what))
    doubled = frame["customer_id"].duplicated()
    if doubled.any():
        raise DataError(
            f"{what}: customer {frame['customer_id'][doubled].iloc[0]!r} occurs twice; "
            "expected one row per customer."
        )
    try:
        x, t_x, T = (frame[c].to_numpy(dtype=float, na_value=np.nan) for c in ("x", "t_x", "T"))
        made = Summary.from_arrays(x, t_x, T, as_of=as_of, customer_id=frame["customer_id"])
    except UsageError as error:
        raise DataError(f"{what}: {error}") from error
    except (ValueError, TypeError) as error:
        raise DataError(f"{what}: x, t_x and T must be numbers ({error}).") from error
    if not group:
        return made
    labels = _group_columns(frame, tuple(group), members, what)
    people = made.customers.drop(columns="cell")
    return with_cells(people.assign(**{c: labels[c].array for c in group}), as_of, tuple(group))


def _group_columns(
    frame: pd.DataFrame, group: tuple[str, ...], members: pd.DataFrame | None, what: str
) -> pd.DataFrame:
    if set(group) <= set(frame.columns) or members is None:
        require(frame, group, what)
        return frame
    require(members, ("customer_id", *group), "members")
    keyed = members.assign(customer_id=ids(members["customer_id"], "members"))
    keyed = keyed.drop_duplicates("customer_id").set_index("customer_id")
    return keyed.reindex(frame["customer_id"])


def require(frame: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    """Refuse a frame that lacks columns, naming the nearest ones.

    Raises DataError when a column is missing.
    """
    for column in columns:
        if column not in frame.columns:
            names = [str(c) for c in frame.columns]
            raise DataError(
                f"{what} has no column {column!r}; it has {', '.join(names[:12]) or 'none'}."
                f"{nearest(column, names)} Name yours with columns={{{column!r}: NAME}}."
            )


def ids(values: pd.Series, what: str) -> pd.Series:
    """Return ids as text, to the letter; float ids are refused (1.0 is not "1").

    Raises DataError when the ids are floats.
    """
    if pd.api.types.is_float_dtype(values) and len(values):
        raise DataError(f"{what} holds ids as floats; read them as text, so that no digit is lost.")
    if values.dtype == "str":
        return values
    return values.astype("object").map(str, na_action="ignore").astype("str")
