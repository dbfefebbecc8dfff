"""The local day of an event, in a script that fails where the session's zone would shift it."""

from __future__ import annotations

from typing import NamedTuple

import sqlglot
from sqlglot import exp

#: Stands in canonical text for the local day of a column.
LOCAL_DAY = "CHURNLAB_LOCAL_DAY"
#: Names of one zone that sessions start in.
_UTC = ("UTC", "Etc/UTC", "GMT")


class _Check(NamedTuple):
    """How a dialect tells instants from local times, and fails."""

    kind: str
    instants: str
    zone: str
    failure: str


# A failing cast, where there is no function for it; it must not be constant, or planners raise it.
_CHECKS = {
    "duckdb": _Check(
        "TYPEOF({at})", "TIMESTAMP WITH TIME ZONE", "CURRENT_SETTING('TimeZone')",
        "CAST(ERROR({message}) AS DATE)",
    ),
    "postgres": _Check(
        "CAST(PG_TYPEOF({at}) AS TEXT)", "timestamp with time zone",
        "CURRENT_SETTING('TimeZone')", "CAST({message} AS DATE)",
    ),
    "spark": _Check(
        "TYPEOF({at})", "timestamp", "CURRENT_TIMEZONE()", "CAST(RAISE_ERROR({message}) AS DATE)",
    ),
}  # fmt: skip


def with_local_days(tree: exp.Expression, dialect: str, zone: str) -> exp.Expression:
    """Return the statement with the dialect's check of zones in place of `LOCAL_DAY`.

    A column of local times (or days) has no zone, and its day is what is written. A column of
    instants is turned into days by the session's zone: where that is not `zone`, the statement
    fails and says so. BigQuery and Snowflake turn instants into days without a check.
    """
    tree = tree.copy()
    for node in list(tree.find_all(exp.Anonymous)):
        if node.name == LOCAL_DAY:
            node.replace(_local_day(node.expressions[0], dialect, zone))
    return tree


def _local_day(at: exp.Expression, dialect: str, zone: str) -> exp.Expression:
    day = exp.cast(at.copy(), "DATE")
    check = _CHECKS.get(dialect)
    if check is None:
        return day
    same = _UTC if zone in _UTC else (zone,)
    known = ", ".join(_text(name, dialect) for name in same)
    told = _text("churnlab: event_at holds instants, and they must be read in the zone ", dialect)
    advice = _text(f"{zone}; set the time zone of the session, which is ", dialect)
    message = f"{told} || {advice} || {check.zone}"
    column = at.sql(dialect)
    condition = (
        f"{check.kind.format(at=column)} = {_text(check.instants, dialect)} "
        f"AND NOT {check.zone} IN ({known})"
    )
    failure = check.failure.format(message=message)
    text = f"CASE WHEN {condition} THEN {failure} ELSE {day.sql(dialect)} END"
    return sqlglot.parse_one(text, read=dialect)


def _text(value: str, dialect: str) -> str:
    return exp.Literal.string(value).sql(dialect)
