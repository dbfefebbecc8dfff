"""From event frames to one row per customer: x, t_x, T in days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from churnlab.errors import DataError, nearest

#: Between the values of several grouping columns, and the group of a missing value: the scorer's
#: copy of `churnlab.summary`, which is not light.
GROUP_JOIN, GROUP_UNKNOWN, SIGNUP_MONTH = " | ", "unknown", "signup_month"


def group_labels(frame: pd.DataFrame, columns: Sequence[str], what: str) -> pd.Series:
    """Return the group of each row: the values of the columns, joined.

    Raises
    ------
    DataError
        When a group column is missing.
    """
    if SIGNUP_MONTH in columns and SIGNUP_MONTH not in frame and "signed_up_at" in frame:
        month = pd.to_datetime(frame["signed_up_at"]).dt.strftime("%Y-%m")
        frame = frame.assign(**{SIGNUP_MONTH: month})
    require(frame, tuple(columns), what)
    text = frame[list(columns)].astype("str").fillna(GROUP_UNKNOWN)
    labels = text[columns[0]]
    for column in columns[1:]:
        labels = labels + GROUP_JOIN + text[column]
    return labels


def require(frame: pd.DataFrame, columns: tuple[str, ...], what: str) -> None:
    """Refuse a frame that lacks columns, naming the nearest ones.

    Raises
    ------
    DataError
        When a column is missing.
    """
    if not isinstance(frame, pd.DataFrame):
        raise DataError(f"{what} must be a pandas frame; got {type(frame).__name__}.")
    for column in columns:
        if column not in frame.columns:
            names = [str(c) for c in frame.columns]
            raise DataError(
                f"{what} has no column {column!r}; it has {', '.join(names[:12]) or 'none'}."
                f"{nearest(column, names)} Name yours with columns={{{column!r}: NAME}}."
            )


def renamed(frame: pd.DataFrame, columns: Mapping[str, str] | None, what: str) -> pd.DataFrame:
    """Return the frame with the caller's column names turned into the canonical ones."""
    if not columns:
        return frame
    require(frame, tuple(columns.values()), what)
    clash = [c for c in columns if c in frame.columns and columns[c] != c]
    return frame.drop(columns=clash).rename(columns={v: k for k, v in columns.items()})


def to_days(times: pd.Series, time_zone: str, what: str) -> pd.Series:
    """Return the local day of each time; naive times are local, offsets are converted.

    Raises
    ------
    DataError
        When a time cannot be read.
    """
    if pd.api.types.is_numeric_dtype(times) and len(times):
        raise DataError(
            f"{what} holds times as numbers ({times.iloc[0]!r}); expected days or ISO 8601 times."
        )
    try:
        parsed = times
        if not pd.api.types.is_datetime64_any_dtype(times):
            parsed = pd.to_datetime(times, format="ISO8601")
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(
            f"{what} holds times that cannot be read ({str(error).splitlines()[0]}); expected "
            "ISO 8601, and naive times or times with an offset, not both."
        ) from error
    if getattr(parsed.dtype, "tz", None) is not None:
        parsed = parsed.dt.tz_convert(time_zone).dt.tz_localize(None)
    days: pd.Series = parsed.dt.normalize().astype("datetime64[us]")
    return days


def ids(values: pd.Series, what: str) -> pd.Series:
    """Return ids as text, to the letter; float ids are refused (1.0 is not "1").

    Raises
    ------
    DataError
        When the ids are floats.
    """
    if pd.api.types.is_float_dtype(values):
        raise DataError(f"{what} holds ids as floats; read them as text, so that no digit is lost.")
    return values.astype("object").map(str, na_action="ignore").astype("str")


def summarise_events(
    events: pd.DataFrame, as_of: dt.date, time_zone: str, what: str
) -> pd.DataFrame:
    """Collapse events to one row per customer.

    Parameters
    ----------
    events : DataFrame
        Columns `customer_id` and `event_at` (or `day`). Rows after `as_of`, and rows without id
        or time, are left out.
    as_of : date
        Last complete day.

    Returns
    -------
    DataFrame
        `customer_id, x, t_x, T, first_at, last_at`, sorted by customer.
    """
    column = "event_at" if "event_at" in events.columns else "day"
    require(events, ("customer_id", column if column in events.columns else "event_at"), what)
    frame = pd.DataFrame(
        {
            "customer_id": ids(events["customer_id"], what),
            "day": to_days(events[column], time_zone, what),
        }
    ).dropna()
    end = pd.Timestamp(as_of)
    days = frame[frame["day"] <= end].drop_duplicates()
    found = days.groupby("customer_id", sort=True)["day"].agg(["min", "max", "size"])
    out = pd.DataFrame(
        {
            "customer_id": found.index.astype("str"),
            "x": found["size"].to_numpy(float) - 1,
            "t_x": (found["max"] - found["min"]).dt.days.to_numpy(float),
            "T": (end - found["min"]).dt.days.to_numpy(float),
            "first_at": found["min"].to_numpy(),
            "last_at": found["max"].to_numpy(),
        }
    )
    return out


def check_summary(frame: pd.DataFrame, what: str = "summary") -> pd.DataFrame:
    """Refuse impossible (x, t_x, T): negative, not finite, t_x > T, or x = 0 with t_x > 0.

    Raises
    ------
    DataError
        Naming the first offending customer.
    """
    require(frame, ("customer_id", "x", "t_x", "T"), what)
    try:
        x, t_x, T = (frame[c].to_numpy(dtype=float, na_value=np.nan) for c in ("x", "t_x", "T"))
    except (ValueError, TypeError) as error:
        raise DataError(f"{what}: x, t_x and T must be numbers ({error}).") from error
    fine = np.isfinite(x) & np.isfinite(t_x) & np.isfinite(T) & (x >= 0) & (t_x >= 0) & (t_x <= T)
    fine &= (x == np.floor(x)) & ((x > 0) == (t_x > 0))
    if not fine.all():
        row = int(np.flatnonzero(~fine)[0])
        raise DataError(
            f"{what}: customer {frame['customer_id'].iloc[row]!r} has x={x[row]:g}, "
            f"t_x={t_x[row]:g}, T={T[row]:g}; expected whole x >= 0, 0 <= t_x <= T in days, and "
            "t_x > 0 exactly when x > 0."
        )
    doubled = frame["customer_id"].duplicated()
    if doubled.any():
        raise DataError(
            f"{what}: customer {frame['customer_id'][doubled].iloc[0]!r} occurs twice; "
            "expected one row per customer."
        )
    return frame
