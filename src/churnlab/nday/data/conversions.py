"""Per member: the signup day, and the age in whole local days at the first purchase."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from churnlab.errors import DataError, nearest

#: Age of a member who has not bought up to the cutoff.
NOT_CONVERTED = -1

#: Label of members whose attribute is missing.
UNKNOWN = "(unknown)"


@dataclass(frozen=True)
class Conversions:
    """Members with their conversion, and what was left out.

    frame: One row per member: `customer_id` (text), `signup_date` (midnight, local), `age` (int64;
        days from the signup day to the first purchase, 0 = the signup day, -1 = none up to
        `as_of`), `group` (text). Of a log that stays elsewhere one row for all who are alike, with
        their number `n` and without ids.
    as_of: The last complete day.
    report: Counts: members, missing_time, repeated_signup, signup_after_as_of, no_signup
        (purchasers who are no members), purchase_before_signup, used, converted.
    """

    frame: pd.DataFrame
    as_of: dt.date
    report: dict[str, int]


def local_times(values: pd.Series, time_zone: str | None) -> pd.Series:
    """Return naive local times; aware times are converted, naive times taken as local.

    Raises DataError: Text that is no ISO time.
    """
    try:
        times = pd.to_datetime(values, format="ISO8601")
    except ValueError as error:
        raise DataError(f"unreadable time ({error}); expected ISO times.") from None
    if isinstance(times.dtype, pd.DatetimeTZDtype):
        times = times.dt.tz_convert(time_zone or "UTC").dt.tz_localize(None)
    return times.astype("datetime64[us]")


def convert(
    members: pd.DataFrame | None,
    purchases: pd.DataFrame,
    *,
    as_of: dt.date,
    by: str | None = None,
    time_zone: str | None = None,
) -> Conversions:
    """Find each member's age at the first purchase, looking at nothing after `as_of`.

    A member who bought before signing up was no lead: counted, reported and left out. Bought
    before means an earlier local day, or the same day at an earlier time; a purchase at exactly
    00:00:00 carries a date only and counts as bought on the signup day. A repeated signup keeps
    the first one. Purchasers who are no members have no day to count from: counted, left out.

    members: `customer_id`, `signed_up_at`, attributes.
    purchases: `customer_id`, `event_at`.
    as_of: Last complete local day.
    by: Attribute for `group`; None puts everyone into ``all``.
    time_zone: IANA zone for aware times.
    Raises DataError: No members, or a column is missing.
    """
    _require(members, ("customer_id", "signed_up_at", *([by] if by else [])), "members")
    _require(purchases, ("customer_id", "event_at"), "purchases")
    assert members is not None
    end = pd.Timestamp(as_of) + pd.Timedelta(days=1)
    people, report = _signups(members, by, time_zone, end)
    bought = _first_purchases(purchases, time_zone, end)
    first = bought.reindex(people["customer_id"]).set_axis(people.index)
    report["no_signup"] = int((~bought.index.isin(members["customer_id"].astype(str))).sum())
    before = _bought_before(people["signed_up_at"], first)
    report["purchase_before_signup"] = int(before.sum())
    age = (first.dt.normalize() - people["signup_date"]).dt.days.fillna(NOT_CONVERTED)
    frame = people.assign(age=age.astype(np.int64))[~before]
    frame = frame.drop(columns="signed_up_at").reset_index(drop=True)
    report["used"] = len(frame)
    report["converted"] = int((frame["age"] >= 0).sum())
    return Conversions(frame=frame, as_of=as_of, report=report)


def _signups(
    members: pd.DataFrame, by: str | None, time_zone: str | None, end: pd.Timestamp
) -> tuple[pd.DataFrame, dict[str, int]]:
    frame = pd.DataFrame(
        {
            "customer_id": members["customer_id"].astype(str),
            "signed_up_at": local_times(members["signed_up_at"], time_zone),
            "group": members[by].astype(object).where(members[by].notna(), UNKNOWN).astype(str)
            if by
            else "all",
        }
    )
    report = {"members": len(frame), "missing_time": int(frame["signed_up_at"].isna().sum())}
    frame = frame.dropna(subset="signed_up_at")
    order = frame.sort_values(["signed_up_at", "customer_id"], kind="stable")
    first = order.drop_duplicates("customer_id")
    report["repeated_signup"] = len(frame) - len(first)
    late = first["signed_up_at"] >= end
    report["signup_after_as_of"] = int(late.sum())
    kept = first[~late].reset_index(drop=True)
    return kept.assign(signup_date=kept["signed_up_at"].dt.normalize()), report


def _first_purchases(
    purchases: pd.DataFrame, time_zone: str | None, end: pd.Timestamp
) -> pd.Series:
    times = local_times(purchases["event_at"], time_zone)
    ids = purchases["customer_id"].astype(str)
    known = times.notna() & (times < end)
    return times[known].groupby(ids[known]).min()


def _bought_before(signed_up_at: pd.Series, first: pd.Series) -> pd.Series:
    earlier_day = first.dt.normalize() < signed_up_at.dt.normalize()
    date_only = first == first.dt.normalize()
    same_day = first.dt.normalize() == signed_up_at.dt.normalize()
    before: pd.Series = earlier_day | (same_day & (first < signed_up_at) & ~date_only)
    return before


def _require(frame: pd.DataFrame | None, columns: tuple[str, ...], table: str) -> None:
    if frame is None or (table == "members" and frame.empty):
        raise DataError(
            f"there is no {table} table (or it has no rows); the N-day rule counts from signups, "
            f"so it needs columns {', '.join(columns)}. Give data.{table}.path=FILE."
        )
    require_columns(map(str, frame.columns), columns, table)


def require_columns(there: Iterable[str], wanted: Iterable[str], table: str) -> None:
    """Refuse a table that lacks a column.

    Raises DataError: It does.
    """
    known = list(there)
    for column in wanted:
        if column not in known:
            raise DataError(
                f"{table} has no column {column!r}; it has {', '.join(known)}."
                f"{nearest(column, known)}"
            )
