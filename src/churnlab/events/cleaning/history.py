"""Histories that begin before the log: recognised, and left out where the user says so.

A customer who bought before the log begins looks like a newcomer at the first purchase in it: too
few purchases over too short a life, and too few dropouts.
"""

import datetime as dt
from typing import Any, Final

import ibis

from churnlab.errors import DataError
from churnlab.events.cleaning.staging import DATE, Staged, literal_date
from churnlab.events.report import Beginning

#: Ids whose history begins before `data.history_from`.
TABLE: Final = "unknown_beginning"
#: Purchasers with a signup a month before the log, and their share, from which on it is said: in
#: a shop that opens with its log the first signups also come some days before the first purchase.
ENOUGH_EARLY, EARLY_SHARE = 20, 0.05
#: First purchases are counted by months of so many days.
MONTH = 30
#: The first month is steep if it beats the mean of the next three by this factor, and by so many
#: standard deviations the second.
STEEP, SURE = 1.5, 4.0
#: Newcomers have settled once a month has no more than this times the later months' median.
SETTLED = 1.25


def find_unknown(backend: Any, staged: list[Staged], since: dt.date, until: dt.date) -> Any:
    """Return the ids of those with an event or a signup before `since`.

    Raises DataError: `since` lies after the last known day.
    """
    if since > until:
        raise DataError(
            f"data.history_from={since} lies after the last known day, {until}; give an earlier "
            "day."
        )
    parts = []
    for s in staged:
        if s.table != "treatments":
            table = backend.table(s.name)
            early = table.filter((table[DATE] < literal_date(since)) & table.customer_id.notnull())
            parts.append(early.select("customer_id"))
    ids = parts[0] if len(parts) == 1 else ibis.union(*parts, distinct=False)
    return ids.distinct()


def kept(unknown: Any, buyers: Any, since: str) -> list[str]:
    """Return what is to be known where customers of unknown beginning are kept.

    buyers: A row a purchaser.
    """
    early = unknown.semi_join(buyers, "customer_id").count().to_pyarrow().as_py()
    every = buyers.count().to_pyarrow().as_py()
    return [
        f"{early:,} of {every:,} purchasers began before {since} and are kept; give them a "
        "population of their own with model.group=beginning, or dropout comes out too low"
    ]


def beginning(buyers: Any, members: Any | None) -> Beginning | None:
    """Return what speaks for purchases before the log.

    buyers: A row a purchaser, with the ``first_day``.
    members: A clean Ibis table.
    """
    first = buyers.select("customer_id", day="first_day")
    start = first.aggregate(day=first.day.min()).to_pyarrow()["day"][0].as_py()
    if members is not None:
        return _early_members(first, members, start)
    return _steep_beginning(first, start)


def said(found: Beginning) -> str:
    """Return it in words, with the day to say."""
    if found.sign == "signups":
        return (
            f"{found.seen:,} of {found.of:,.0f} purchasers signed up before the purchases begin "
            f"({found.begins}): their first purchase here need not be their first. Leave them out "
            f"with data.history_from={found.since}, or model them with "
            "data.unknown_beginning=model beside it"
        )
    return (
        f"{found.seen:,} customers buy for the first time in the first {MONTH} days of the log, "
        f"{found.of:,.0f} in each of the next three months: some bought before it begins. Leave "
        f"out whoever bought until then with data.history_from={found.since}"
    )


def _early_members(first: Any, members: Any, start: dt.date) -> Beginning | None:
    joined = first.inner_join(members.select("customer_id", signup=members[DATE]), "customer_id")
    found = joined.aggregate(
        n=joined.count(),
        early=(joined.signup < literal_date(start)).sum(),
        months=(joined.signup <= literal_date(start - dt.timedelta(days=MONTH))).sum(),
    ).to_pyarrow()
    n, early, months = (int(found[c][0].as_py() or 0) for c in found.column_names)
    if months < ENOUGH_EARLY or months < EARLY_SHARE * n:
        return None
    return Beginning("signups", early, float(n), start, start)


def _steep_beginning(first: Any, start: dt.date) -> Beginning | None:
    month = first.select(month=(first.day.delta(literal_date(start), unit="day") // MONTH))
    counted = month.group_by("month").aggregate(n=month.count()).to_pyarrow().to_pylist()
    by_month = {r["month"]: r["n"] for r in counted}
    n = [by_month.get(m, 0) for m in range(max(by_month))]  # the last month is not complete
    if len(n) < 4:
        return None
    later = sum(n[1:4]) / 3
    if n[0] <= STEEP * later or n[0] - n[1] <= SURE * (n[0] + n[1]) ** 0.5 or not all(n[1:4]):
        return None
    settled = next((m for m in range(1, len(n)) if n[m] <= SETTLED * _median(n[m + 1 :])), 3)
    day = start + dt.timedelta(days=MONTH * settled)
    return Beginning("first_month", n[0], later, day, start)


def _median(values: list[int]) -> float:
    ordered = sorted(v for v in values if v)
    return float(ordered[len(ordered) // 2]) if ordered else 0.0
