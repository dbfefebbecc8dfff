"""The scoring SQL means what Python means: DuckDB here, PostgreSQL and Spark in the services."""

from __future__ import annotations

import dataclasses

import duckdb
import numpy as np
import pandas as pd
import pytest
import sqlglot
from export_sql_cases import CASES, assert_same, grouped_rules, rules_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churnlab.bundle import score
from churnlab.errors import UsageError
from churnlab.export.sql import DIALECTS, EventSource, SummarySource, score_sql

NASTY = [
    '고객 "번호"',
    "a;drop table x",
    "it's",
    "say \\ back",
    "tab`le",
    "a.b.c",
    "SELECT",
    "--",
    "%s {}",
]


def in_duckdb(sql, **tables):
    with duckdb.connect() as connection:
        for name, frame in tables.items():
            connection.register(name, frame)
        return connection.execute(sql).df()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_duckdb_scores_a_summary_as_python_does(case, sql_summary):
    rules = rules_of(case)
    found = in_duckdb(score_sql(rules, "duckdb", SummarySource()), customer_summary=sql_summary)
    assert_same(found, score(rules, summary=sql_summary, details=False))


def test_duckdb_scores_events_as_python_does(sql_events):
    rules = rules_of(("mbg_nbd", 1, "personal_cycles"))
    found = in_duckdb(score_sql(rules, "duckdb"), purchases=sql_events)
    assert_same(found, score(rules, purchases=sql_events, details=False))


def test_groups_come_from_members_or_the_summary(sql_events):
    rules = grouped_rules()
    ids = sorted(sql_events["customer_id"].unique())
    channel = ['we"b', "앱; --"]
    members = pd.DataFrame(
        {
            "customer_id": ids,
            'cha"nnel': [channel[i % 2] for i in range(len(ids))],
            "signed_up_at": "2020-01-01",
        }
    )
    python = score(rules, purchases=sql_events, members=members, details=False)
    python = python[python["purchase_state"] != "none"]
    found = in_duckdb(score_sql(rules, "duckdb"), purchases=sql_events, members=members)
    assert_same(found, python)
    strange = members.assign(**{'cha"nnel': "unheard of"})
    unknown = in_duckdb(score_sql(rules, "duckdb"), purchases=sql_events, members=strange)
    assert (unknown["purchase_state"] == "unknown_group").all()
    assert unknown["p_alive"].isna().all()


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(names=st.lists(st.sampled_from(NASTY), min_size=3, max_size=3, unique=True))
def test_names_of_any_kind_are_quoted(names, sql_events):
    table, customer, time = names
    events = sql_events.rename(columns={"customer_id": customer, "event_at": time})
    rules = rules_of(("mbg_nbd", 1, "p_alive"))
    source = EventSource(name=table, customer_id=customer, event_at=time)
    found = in_duckdb(score_sql(rules, "duckdb", source), **{table: events})
    assert_same(found, score(rules, purchases=sql_events, details=False))


@settings(max_examples=40, deadline=None)
@given(name=st.text(min_size=1, max_size=20), dialect=st.sampled_from(DIALECTS))
def test_no_name_becomes_a_statement(name, dialect):
    """Whatever the name: it is refused, or the text is one SELECT from a table of that name."""
    rules = dataclasses.replace(
        rules_of(("bg_nbd", 1, "p_alive"), draws=1), bundle_id="cb-'; DROP TABLE x; --\n--"
    )
    try:
        text = score_sql(rules, dialect, EventSource(name=name, customer_id=name))
    except UsageError:
        return
    statements = [s for s in sqlglot.parse(text, read=dialect) if s is not None]
    assert len(statements) == 1
    assert isinstance(statements[0], sqlglot.exp.Select)
    tables = {t.name for t in statements[0].find_all(sqlglot.exp.Table)}
    assert name in tables
    assert not list(statements[0].find_all(sqlglot.exp.Drop))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_dialect_parses_and_clips_its_exponents(case, dialect):
    text = score_sql(rules_of(case, draws=2), dialect)
    tree = sqlglot.parse_one(text, read=dialect)
    exponents = list(tree.find_all(sqlglot.exp.Exp))
    assert exponents
    bare = [
        e for e in exponents if not isinstance(e.this, (sqlglot.exp.Greatest, sqlglot.exp.Least))
    ]
    # only Pareto/NBD's substitution is unclipped: its exponents are bounded by construction
    assert not bare or case[0] == "pareto_nbd"
    assert "POWER" not in text.upper()


@pytest.mark.parametrize("name", ["a`b", "a\\b", "a.b"])
def test_bigquery_refuses_names_that_it_cannot_quote(name):
    with pytest.raises(UsageError, match="bigquery"):
        score_sql(rules_of(CASES[0]), "bigquery", EventSource(name=name))


def test_unknown_dialect_and_erlang_windows_are_refused():
    with pytest.raises(UsageError, match="postgres"):
        score_sql(rules_of(CASES[0]), "postgre")
    with pytest.raises(UsageError, match="at_risk_date"):
        score_sql(rules_of(("mbg_cnbd_k", 3, "fixed_days")), "duckdb")


def test_the_day_in_params_is_the_day_scored(sql_events):
    rules = rules_of(("mbg_nbd", 1, "p_alive"))
    text = score_sql(rules, "duckdb")
    assert text.count(f"'{rules.as_of}'") == 1
    earlier = text.replace(f"'{rules.as_of}'", "'2024-02-29'")
    python = score(rules, purchases=sql_events, as_of="2024-02-29", details=False)
    assert_same(in_duckdb(earlier, purchases=sql_events), python)


def test_work_is_per_distinct_cell():
    """Ten thousand equal customers cost one row of formulas: the plan joins scores back."""
    many = pd.DataFrame({"customer_id": np.arange(10_000), "x": 2, "t_x": 30, "T": 90})
    rules = rules_of(("pareto_nbd", 1, "fixed_days"))
    text = score_sql(rules, "duckdb", SummarySource())
    with duckdb.connect() as connection:
        connection.register("customer_summary", many)
        cells = text.split("windowed AS (")[0].rstrip().rstrip(",")
        assert connection.execute(f"{cells} SELECT COUNT(*) FROM cells").fetchone() == (1,)
        assert len(connection.execute(text).fetchall()) == 10_000


def instants(events):
    """The same events as instants, written in Seoul."""
    local = events["event_at"].dt.tz_localize("Asia/Seoul")
    return events.assign(event_at=local.dt.tz_convert("UTC"))


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_instants_in_a_session_of_another_zone_fail_loudly(sql_events, zone):
    rules = dataclasses.replace(rules_of(("mbg_nbd", 1, "p_alive")), time_zone="Asia/Seoul")
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = '{zone}'")
        connection.register("purchases", instants(sql_events))
        with pytest.raises(duckdb.Error, match=f"in the zone Asia/Seoul.*session, which is {zone}"):
            connection.execute(score_sql(rules, "duckdb")).df()
        connection.register("purchases", sql_events)  # local times have no zone
        found = connection.execute(score_sql(rules, "duckdb")).df()
    assert_same(found, score(rules, purchases=sql_events, details=False))


def test_instants_in_a_session_of_the_bundles_zone_are_scored_by_local_days(sql_events):
    rules = dataclasses.replace(rules_of(("mbg_nbd", 1, "p_alive")), time_zone="Asia/Seoul")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Seoul'")
        connection.register("purchases", instants(sql_events))
        found = connection.execute(score_sql(rules, "duckdb")).df()
    assert_same(found, score(rules, purchases=sql_events, details=False))


def test_utc_by_another_name_is_utc(sql_events):
    rules = rules_of(("mbg_nbd", 1, "p_alive"))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Etc/UTC'")
        connection.register("purchases", instants(sql_events))
        assert len(connection.execute(score_sql(rules, "duckdb")).df()) > 3
