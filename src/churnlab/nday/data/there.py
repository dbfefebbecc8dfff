"""Conversions of a log that stays in Spark or PostgreSQL: members are counted where they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import ibis
import numpy as np
import pandas as pd

from churnlab.engine import frame
from churnlab.errors import UsageError
from churnlab.events import EventLog
from churnlab.nday.data.conversions import NOT_CONVERTED, UNKNOWN, Conversions, require_columns


def counted(log: EventLog, by: str | None) -> Conversions:
    """Count a log's members by signup day, group and age at the first purchase, in its engine.

    The same as of `convert`, a row for all who are alike: `n` says how many.
    Raises DataError: The attribute is no column of members.
    Raises UsageError: There are visits or treatments, whose rows are wanted here.
    """
    assert log.engine is not None
    for table in ("visits", "treatments"):
        if table in log.tables:
            raise UsageError(
                f"nday reads every row of {table} here, and the log stays in {log.engine.name}; "
                f"leave out data.{table}, or take data.engine=duckdb."
            )
    members = _ages(log, by)
    kinds = ["signup_date", "group", "age", "before"]
    found = frame(members.group_by(kinds).aggregate(n=members.count()).order_by(kinds))
    first = log.table("purchases").select("customer_id").distinct()
    strangers = first.anti_join(log.signup_table(), "customer_id")
    no_signup = frame(strangers.aggregate(n=strangers.count()))["n"].iloc[0]
    found = _typed(found).astype({"n": np.int64})
    before = found.pop("before").astype(bool)
    kept = found[~before].reset_index(drop=True)
    n, used = (int(counts["n"].sum()) for counts in (found, kept))
    report = {
        "members": n,
        "missing_time": 0,
        "repeated_signup": 0,
        "signup_after_as_of": 0,
        "no_signup": int(no_signup),
        "purchase_before_signup": n - used,
        "used": used,
        "converted": int(kept.loc[kept["age"] >= 0, "n"].sum()),
    }
    return Conversions(kept, log.as_of, report)


def unconverted(log: EventLog, by: str | None, days: Iterable[dt.date]) -> pd.DataFrame:
    """Fetch those who signed up on some days and have not bought; a row each, as of `convert`."""
    members = _ages(log, by)
    wanted = [ibis.literal(day, type="date") for day in days]
    due = members.filter(members.signup_date.date().isin(wanted), members.age == NOT_CONVERTED)
    return _typed(frame(due.drop("before").order_by("customer_id")))


def _ages(log: EventLog, by: str | None) -> Any:
    """Return customer_id, signup_date, group, age, and whether they bought before signing up."""
    members, purchases = log.signup_table(), log.table("purchases")
    require_columns(members.columns, [by] if by else [], "members")
    first = purchases.group_by("customer_id").aggregate(first=purchases.event_at.min())
    both = members.left_join(first, "customer_id")
    signup, day = both.signed_up_at.date(), both["first"].date()
    date_only = both["first"] == day.cast("timestamp")
    before = (day < signup) | ((day == signup) & (both["first"] < both.signed_up_at) & ~date_only)
    group = ibis.coalesce(both[by].cast("string"), UNKNOWN) if by else ibis.literal("all")
    return both.select(
        "customer_id",
        signup_date=signup.cast("timestamp"),
        group=group,
        age=ibis.coalesce(day.delta(signup, unit="day").cast("int64"), NOT_CONVERTED),
        before=before.fill_null(False),
    )


def _typed(found: pd.DataFrame) -> pd.DataFrame:
    return found.astype({"signup_date": "datetime64[us]", "age": np.int64})
