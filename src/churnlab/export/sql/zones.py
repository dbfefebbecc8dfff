"""The local day of an event, in a script that fails where the session's zone would shift it."""

from typing import NamedTuple

import sqlglot
from sqlglot import exp

#: Stands in canonical text for the local day of a column.
LOCAL_DAY = "CHURNLAB_LOCAL_DAY"
#: Names of one zone that sessions start in.
_UTC = ("UTC", "Etc/UTC", "GMT")


class _Check(NamedTuple):
    """How a dialect tells instants that the session would shift, and fails.

    `{at}` is the column, `{zone}` the bundle's zone, `{known}` its names, `{message}` what to say.
    """

    shifted: str
    session: str
    """The session's zone, for the message; empty where it cannot be asked."""
    failure: str


# A failing cast, where there is no function for it; it must not be constant, or planners raise it.
_CHECKS = {
    "duckdb": _Check(
        "TYPEOF({at}) = 'TIMESTAMP WITH TIME ZONE' "
        "AND NOT CURRENT_SETTING('TimeZone') IN ({known})",
        "CURRENT_SETTING('TimeZone')", "CAST(ERROR({message}) AS DATE)",
    ),
    "postgres": _Check(
        "CAST(PG_TYPEOF({at}) AS TEXT) = 'timestamp with time zone' "
        "AND NOT CURRENT_SETTING('TimeZone') IN ({known})",
        "CURRENT_SETTING('TimeZone')", "CAST({message} AS DATE)",
    ),
    "spark": _Check(
        "TYPEOF({at}) = 'timestamp' AND NOT CURRENT_TIMEZONE() IN ({known})",
        "CURRENT_TIMEZONE()", "CAST(RAISE_ERROR({message}) AS DATE)",
    ),
    "bigquery": _Check(
        "STARTS_WITH(FORMAT('%T', {at}), 'TIMESTAMP') AND NOT @@time_zone IN ({known})",
        "@@time_zone", "ERROR({message})",
    ),
    # the session's zone cannot be asked: the day itself is held against that of the bundle's zone
    "snowflake": _Check(
        "(STARTSWITH(SYSTEM$TYPEOF({at}), 'TIMESTAMP_LTZ') "
        "OR STARTSWITH(SYSTEM$TYPEOF({at}), 'TIMESTAMP_TZ')) "
        "AND CAST({at} AS DATE) <> CAST(CONVERT_TIMEZONE({zone}, {at}) AS DATE)",
        "", "TO_DATE({message} || CAST({at} AS TEXT))",
    ),
}  # fmt: skip


def with_local_days(tree: exp.Expression, dialect: str, zone: str) -> exp.Expression:
    """Return the statement with the dialect's check of zones in place of `LOCAL_DAY`.

    A column of local times (or days) has no zone, and its day is what is written. A column of
    instants is turned into days by the session's zone: where that is not `zone`, the statement
    fails and says so (Snowflake: where a day would be another).
    """
    tree = tree.copy()
    for node in list(tree.find_all(exp.Anonymous)):
        if node.name == LOCAL_DAY:
            node.replace(_local_day(node.expressions[0], dialect, zone))
    return tree


def _local_day(at: exp.Expression, dialect: str, zone: str) -> exp.Expression:
    day = exp.cast(at.copy(), "DATE").sql(dialect)
    check = _CHECKS[dialect]
    told = _text("churnlab: event_at holds instants, and they must be read in the zone ", dialect)
    seen = "which is " if check.session else "which shifts "
    advice = _text(f"{zone}; set the time zone of the session, {seen}", dialect)
    message = f"{told} || {advice}" + (f" || {check.session}" if check.session else "")
    same = _UTC if zone in _UTC else (zone,)
    values = {
        "at": at.sql(dialect),
        "zone": _text(zone, dialect),
        "known": ", ".join(_text(name, dialect) for name in same),
        "message": message,
    }
    shifted, failure = (text.format_map(values) for text in (check.shifted, check.failure))
    return sqlglot.parse_one(f"CASE WHEN {shifted} THEN {failure} ELSE {day} END", read=dialect)


def _text(value: str, dialect: str) -> str:
    return exp.Literal.string(value).sql(dialect)
