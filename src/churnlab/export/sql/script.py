"""Whole scoring statements, from events or from (x, t_x, T), in every dialect."""

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp

from churnlab.bundle import ScoringBundle
from churnlab.errors import one_of
from churnlab.export.sql import formulas
from churnlab.export.sql.clock import PLAIN, clock_ctes, day_number
from churnlab.export.sql.names import (
    CANONICAL,
    DIALECTS,
    check_identifier,
    column,
    number,
    table,
    text,
)
from churnlab.export.sql.zones import LOCAL_DAY, with_local_days
from churnlab.models.sql import values
from churnlab.summary import JOINED, UNKNOWN


@dataclass(frozen=True, kw_only=True)
class EventSource:
    """A table of events; `event_at` holds local times or days.

    name, schema: Table and, if any, its schema, to the letter.
    customer_id, event_at: Columns.
    checks_zone: Whether the script fails where `event_at` holds instants and the session's zone is
        not the bundle's (Snowflake: where a day would be another).
    members, member_id: With a model pooled by group: the table that has the group columns, and its
        id.
    """

    name: str = "purchases"
    schema: str | None = None
    customer_id: str = "customer_id"
    event_at: str = "event_at"
    checks_zone: bool = True
    members: str = "members"
    member_id: str = "customer_id"


@dataclass(frozen=True, kw_only=True)
class SummarySource:
    """A table with one row per customer: x, t_x, T in days (and the group columns).

    `last_purchase_at`, a day, is read where the bundle has calendar effects.
    """

    name: str = "customer_summary"
    schema: str | None = None
    customer_id: str = "customer_id"
    x: str = "x"
    t_x: str = "t_x"
    T: str = "T"
    last_purchase_at: str = "last_purchase_at"


Source = EventSource | SummarySource

#: CTEs that PostgreSQL shall compute as they stand.
_KEPT = {"windowed", "late_cells"}


def score_sql(
    bundle: ScoringBundle,
    dialect: str,
    source: Source | None = None,
    *,
    as_of: dt.date | None = None,
    pretty: bool = True,
) -> str:
    """Return one SELECT that scores every customer of the source.

    Output columns: `customer_id, x, t_x, age_days, p_alive, purchase_risk, horizon_days,
    purchase_state, bundle_id`; work is done per distinct cell, then joined back.

    bundle: Draws, risk and thresholds.
    dialect: One of `DIALECTS`.
    source: Where the customers are; default: a table `purchases`.
    as_of: Last complete day, used by events; default: the bundle's.
    Raises UsageError for an unknown dialect, a name that cannot be quoted, or a model without SQL.
    """
    one_of("the SQL dialect", dialect, DIALECTS)
    place = source or EventSource()
    for value in vars(place).values():
        if isinstance(value, str):
            check_identifier(value, "name", dialect)
    statement = _canonical(bundle, place, as_of or bundle.as_of)
    return (
        _header(bundle, dialect, place) + _told(statement, dialect, bundle.time_zone, pretty) + "\n"
    )


@lru_cache(maxsize=16)
def _told(canonical: str, dialect: str, time_zone: str, pretty: bool) -> str:
    """Write a canonical statement in a dialect; one that is exported is soon verified."""
    return _written(with_local_days(_parsed(canonical), dialect, time_zone), dialect, pretty=pretty)


@lru_cache(maxsize=4)
def _parsed(text: str) -> exp.Expression:
    """Parse canonical text; five dialects are written from one tree (generating copies it)."""
    return sqlglot.parse_one(text, read=CANONICAL)


def _written(tree: exp.Expression, dialect: str, *, pretty: bool) -> str:
    if dialect == "snowflake":
        # there are no nulls here, and plain GREATEST is older than GREATEST_IGNORE_NULLS
        tree = tree.copy()
        for node in tree.find_all(exp.Greatest, exp.Least):
            node.set("ignore_nulls", False)
    if dialect == "postgres":
        # inlined, their rows are taken for one, and joins with every draw become nested loops
        tree = tree.copy()
        for cte in tree.find_all(exp.CTE):
            if cte.alias in _KEPT:
                cte.set("materialized", True)
    return tree.sql(dialect, pretty=pretty)


def _header(bundle: ScoringBundle, dialect: str, source: Source) -> str:
    """Say what the statement is; no name from outside enters the comment."""
    lines = [
        f"churnlab scoring, {dialect}, bundle {check_id(bundle.bundle_id)}",
        "One SELECT, no side effects. P(alive), risk and state per customer; times in days.",
    ]
    if isinstance(source, EventSource):
        lines += [
            "event_at must be local days or times of the bundle's time zone; rows after as_of are "
            "left out.",
            "To score another day, change the date in `params` (the last complete day).",
        ]
    return "".join(f"-- {line}\n" for line in lines)


def check_id(bundle_id: str) -> str:
    """Return the id if it is safe inside a comment."""
    return "".join(c for c in bundle_id if c.isalnum() or c == "-")


def _canonical(bundle: ScoringBundle, source: Source, as_of: dt.date) -> str:
    draws, risk = bundle.purchases.draws, bundle.purchases.risk
    ctes = formulas.draws_ctes(draws)
    ctes += _summary_ctes(bundle, source, as_of)
    clock = bundle.purchases.clock
    today = ", s.today" if _dated_windows(bundle) else ""
    ctes.append(f"cells AS (SELECT DISTINCT s.grp, s.x, s.t_x, s.age{today} FROM summary AS s)")
    ctes += draws.likelihood.terms_sql(draws.theta_by_code)
    late = bundle.purchases.window_cycles
    ctes += formulas.window_ctes(draws, risk, on_clock=clock is not None)
    ctes += formulas.score_ctes(draws, risk)
    if late is not None:
        ctes += formulas.late_ctes(draws, late)
    return "WITH " + ",\n".join(ctes) + "\n" + _final(bundle)


def _summary_ctes(bundle: ScoringBundle, source: Source, as_of: dt.date) -> list[str]:
    """CTEs that end in `summary(customer_id, x, t_x, age, grp)` with double columns."""
    if isinstance(source, SummarySource):
        return _grouped(bundle, source, _counted_rows(bundle, source), as_of)
    at = f"e.{column(source.event_at)}"
    day = f"{LOCAL_DAY}({at})" if source.checks_zone else f"CAST({at} AS DATE)"
    last = f", {day_number('MAX(d.event_day)')} AS last_day" if bundle.purchases.clock else ""
    return [
        f"params AS (SELECT CAST({text(as_of.isoformat())} AS DATE) AS as_of)",
        f"days AS (SELECT DISTINCT CAST(e.{column(source.customer_id)} AS TEXT) AS customer_id, "
        f"{day} AS event_day FROM {table(source.name, source.schema)} AS e CROSS JOIN params AS p "
        f"WHERE e.{column(source.customer_id)} IS NOT NULL AND {day} <= p.as_of)",
        *_grouped(
            bundle,
            source,
            "SELECT d.customer_id, COUNT(*) - 1 AS x, "
            "DATE_DIFF('day', MIN(d.event_day), MAX(d.event_day)) AS t_x, "
            f"DATE_DIFF('day', MIN(d.event_day), MAX(p.as_of)) AS age{last} "
            "FROM days AS d CROSS JOIN params AS p GROUP BY d.customer_id",
            as_of,
        ),
    ]


def _counted_rows(bundle: ScoringBundle, source: SummarySource) -> str:
    names = {"x": source.x, "t_x": source.t_x, "age": source.T}
    fields = ", ".join(f"c.{column(name)} AS {key}" for key, name in names.items())
    label = ""
    if bundle.purchases.clock:
        last = f"CAST(c.{column(source.last_purchase_at)} AS DATE)"
        fields += f", {day_number(last)} AS last_day"
    if bundle.grouping:
        label = f", {_label(bundle, 'c')} AS label"
    return (
        f"SELECT CAST(c.{column(source.customer_id)} AS TEXT) AS customer_id, {fields}{label} "
        f"FROM {table(source.name, source.schema)} AS c"
    )


def _label(bundle: ScoringBundle, row: str) -> str:
    parts = [
        f"COALESCE(CAST({row}.{column(name, 'group column')} AS TEXT), {text(UNKNOWN)})"
        for name in bundle.grouping
    ]
    return f" || {text(JOINED)} || ".join(parts)


def _dated_windows(bundle: ScoringBundle) -> bool:
    """Say whether a window's time depends on the day that it begins on."""
    return bundle.purchases.clock is not None and bundle.purchases.risk.basis != "p_alive"


def _grouped(bundle: ScoringBundle, source: Source, counted: str, as_of: dt.date) -> list[str]:
    """Attach the group code; a label without draws is a group that the fit has not seen.

    Where the bundle knows no population of groups it keeps a null code and gets no score.
    """
    draws, clock = bundle.purchases.draws, bundle.purchases.clock
    times = ("x", "t_x", "age") if clock is None else ("x", "t_x", "age", *PLAIN)
    doubles = ", ".join(f"CAST(k.{c} AS DOUBLE) AS {c}" for c in times)
    labelled = bool(bundle.grouping) and isinstance(source, SummarySource)
    begin = [f"counted AS ({counted})"]
    if clock is not None:
        begin = clock_ctes(clock, as_of, counted, labelled=labelled)
    if not bundle.grouping:
        return [*begin, f"summary AS (SELECT k.customer_id, {doubles}, 0 AS grp FROM counted AS k)"]
    rows = [(str(i), text(name)) for i, name in enumerate(draws.groups)]
    ctes = [values("group_names", ("grp", "label"), rows), *begin]
    label, joined = "k.label", ""
    code = "g.grp" if draws.unseen is None else f"COALESCE(g.grp, {len(draws.groups)}) AS grp"
    if isinstance(source, EventSource):
        ctes.append(
            f"labels AS (SELECT DISTINCT CAST(m.{column(source.member_id)} AS TEXT) AS customer_id,"
            f" {_label(bundle, 'm')} AS label FROM {table(source.members, source.schema)} AS m)"
        )
        label, joined = "l.label", "LEFT JOIN labels AS l ON l.customer_id = k.customer_id "
    ctes.append(
        f"summary AS (SELECT k.customer_id, {doubles}, {code} FROM counted AS k {joined}"
        f"LEFT JOIN group_names AS g ON g.label = {label})"
    )
    return ctes


def _final(bundle: ScoringBundle) -> str:
    rule = bundle.purchases
    cut = f"CASE WHEN s.x = 0 THEN {number(rule.first_value)} ELSE {number(rule.value)} END"
    late = rule.window_cycles is not None
    measure = "l.lateness" if late else "v.purchase_risk"
    also = (
        " LEFT JOIN late AS l ON l.grp = s.grp AND l.x = s.x AND l.t_x = s.t_x AND l.age = s.age"
        if late
        else ""
    )
    horizon = "NULL" if rule.risk.basis == "p_alive" else "v.horizon"
    days, timed, lost = "s.t_x, s.age", "", ""
    if rule.clock is not None:
        days, lost = "s.days_t_x AS t_x, s.days_age", "WHEN s.age IS NULL THEN 'outside_calendar' "
    if _dated_windows(bundle):
        horizon = "w.days"
        timed = (
            "LEFT JOIN timed AS w ON w.grp = s.grp AND w.x = s.x AND w.t_x = s.t_x "
            "AND w.age = s.age AND w.today = s.today "
        )
    window = " AND v.horizon = w.horizon" if timed else ""
    state = (
        f"CASE {lost}WHEN v.purchase_risk IS NULL THEN 'unknown_group' "
        f"WHEN s.age > s.t_x AND {measure} >= {cut} "
        "THEN CASE WHEN s.x = 0 THEN 'first_risk' ELSE 'repeat_risk' END "
        "ELSE CASE WHEN s.x = 0 THEN 'first_active' ELSE 'repeat_active' END END"
    )
    return (
        f"SELECT s.customer_id, s.x, {days} AS age_days, v.p_alive, "
        "v.purchase_risk, "
        f"CAST({horizon} AS DOUBLE) AS horizon_days, {state} AS purchase_state, "
        f"{text(bundle.bundle_id)} AS bundle_id FROM summary AS s {timed}LEFT JOIN scores AS v "
        f"ON v.grp = s.grp AND v.x = s.x AND v.t_x = s.t_x AND v.age = s.age{window}{also}"
    )
