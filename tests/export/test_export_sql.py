"""The scoring SQL means what Python means: DuckDB here, PostgreSQL and Spark in the services."""

from __future__ import annotations

import dataclasses
import datetime as dt

import duckdb
import numpy as np
import pandas as pd
import pytest
import sqlglot
from export_sql_cases import (
    CASES,
    CLOCK,
    CLOCK_CASES,
    assert_same,
    grouped_rules,
    rules_of,
    with_dates,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples

from churnlab.bundle import score
from churnlab.errors import UsageError
from churnlab.export.sql import EventSource, SummarySource, score_sql
from churnlab.export.sql.clock import BACK
from churnlab.export.sql.names import DIALECTS

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
def test_x1_duckdb_scores_a_summary_as_python_does(case, sql_summary):
    rules = rules_of(case)
    found = in_duckdb(score_sql(rules, "duckdb", SummarySource()), customer_summary=sql_summary)
    assert_same(found, score(rules, summary=sql_summary, details=False))


def test_duckdb_scores_events_as_python_does(sql_events):
    rules = rules_of(("mbg_nbd", 1, "personal_cycles"))
    found = in_duckdb(score_sql(rules, "duckdb"), purchases=sql_events)
    assert_same(found, score(rules, purchases=sql_events, details=False))


@pytest.mark.parametrize("case", CLOCK_CASES, ids=str)
def test_on_a_clock_duckdb_scores_a_summary_as_python_does(case, sql_summary):
    """Windows hold as much time as the season has in them; x, t_x and ages stay days."""
    rules, dated = rules_of(case, clock=CLOCK), with_dates(sql_summary)
    python = score(rules, summary=sql_summary, details=False)
    found = in_duckdb(score_sql(rules, "duckdb", SummarySource()), customer_summary=dated)
    assert_same(found, python)
    days = found.set_index("customer_id").loc[sql_summary["customer_id"], ["t_x", "age_days"]]
    np.testing.assert_array_equal(days, sql_summary[["t_x", "T"]])
    plain = score(rules_of(case), summary=sql_summary, details=False)
    assert (plain["purchase_risk"] - python["purchase_risk"]).abs().max() > 0.05


@pytest.mark.parametrize("as_of", ["2024-06-30", "2024-12-24", "2033-12-24"])
def test_on_a_clock_duckdb_scores_events_of_any_day_as_python_does(sql_events, as_of):
    rules = rules_of(("mbg_nbd", 1, "fixed_days"), clock=CLOCK)
    text = score_sql(rules, "duckdb", as_of=dt.date.fromisoformat(as_of))
    found = in_duckdb(text, purchases=sql_events)
    assert_same(found, score(rules, purchases=sql_events, as_of=as_of, details=False))


def test_on_a_clock_groups_are_joined_too(sql_summary):
    rules = grouped_rules(CLOCK)
    channel = ['we"b', "앱; --"]
    summary = with_dates(sql_summary)
    summary['cha"nnel'] = [channel[i % 2] for i in range(len(summary))]
    found = in_duckdb(score_sql(rules, "duckdb", SummarySource()), customer_summary=summary)
    assert_same(found, score(rules, summary=summary, details=False))


def test_customers_from_before_the_clocks_table_get_no_score(sql_summary):
    rules = rules_of(("mbg_nbd", 1, "fixed_days"), clock=CLOCK)
    dated = with_dates(sql_summary).iloc[:4]
    for shift, lost in ((0, 0), (1, 1)):
        T = [*dated["T"].iloc[:3], BACK + shift]
        moved = dated.assign(T=T, t_x=[*dated["t_x"].iloc[:3], BACK + shift - 5])
        moved["last_purchase_at"] = with_dates(moved)["last_purchase_at"]
        found = in_duckdb(score_sql(rules, "duckdb", SummarySource()), customer_summary=moved)
        assert (found["purchase_state"] == "outside_calendar").sum() == lost
        assert found["purchase_risk"].isna().sum() == lost


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


def test_a_group_that_the_fit_has_not_seen_is_scored_by_the_population(sql_events):
    """The bundle carries its draws; SQL, `score` and the fit's own posterior say the same."""
    rules = grouped_rules()
    draws = rules.purchases.draws
    unseen = draws.theta[:, 0] * np.array([1.0, 2.0, 1.0, 1.0])
    draws = dataclasses.replace(draws, unseen=unseen)
    rules = dataclasses.replace(rules, purchases=dataclasses.replace(rules.purchases, draws=draws))
    ids = sorted(sql_events["customer_id"].unique())
    channel = ['we"b', "unheard of", "앱; --"]
    members = pd.DataFrame({
        "customer_id": ids, 'cha"nnel': [channel[i % 3] for i in range(len(ids))],
        "signed_up_at": "2020-01-01",
    })  # fmt: skip
    python = score(rules, purchases=sql_events, members=members, details=False)
    python = python[python["purchase_state"] != "none"]
    assert python["p_alive"].notna().all()
    found = in_duckdb(score_sql(rules, "duckdb"), purchases=sql_events, members=members)
    assert_same(found, python)
    alone = dataclasses.replace(draws, theta=unseen[:, None], groups=("all",), unseen=None)
    own = dataclasses.replace(rules.purchases, draws=alone)
    as_one = score(dataclasses.replace(rules, purchases=own), purchases=sql_events, details=False)
    strange = python["customer_id"].isin(ids[1::3])
    both = python[strange].merge(as_one, on="customer_id", suffixes=("", "_alone"))
    assert len(both) > 3
    np.testing.assert_allclose(both["p_alive"], both["p_alive_alone"], rtol=0, atol=1e-12)


#: Both risks (P(alive) is in either) and all ratios: towards the ends the engine plans for seconds.
APART = [("fixed_days", 0.002), ("fixed_days", 0.05), ("fixed_days", 1.0), ("fixed_days", 1.1),
         ("late", 0.05), ("late", 1.0), ("late", 30.0), ("late", 900.0)]  # fmt: skip


@pytest.mark.parametrize(("basis", "ratio"), APART)
def test_pareto_fractions_hold_where_alpha_and_beta_lie_far_apart(sql_summary, basis, ratio):
    rules = rules_of(("pareto_nbd", 1, basis), draws=2)
    theta = rules.purchases.draws.theta.copy()
    theta[..., 3] = theta[..., 1] * ratio
    draws = dataclasses.replace(rules.purchases.draws, theta=theta)
    rules = dataclasses.replace(rules, purchases=dataclasses.replace(rules.purchases, draws=draws))
    found = in_duckdb(score_sql(rules, "duckdb", SummarySource()), customer_summary=sql_summary)
    assert_same(found, score(rules, summary=sql_summary, details=False))


def test_pareto_fractions_have_as_many_terms_as_they_need():
    """Against 2F1 in 40 digits, at u = 0 with one purchase, where convergence is slowest."""
    import mpmath

    from churnlab.models.pareto.sql import TERMS, TOLERANCE, fraction, terms

    mpmath.mp.dps = 40
    needed = []
    for ratio in (1.05, 3.0, 0.1, 50.0, 500.0):
        theta = np.array([[[0.5, 60.0, 0.6, 60.0 * ratio]]])
        r, alpha, s, beta = theta[0, 0]
        n = terms(theta)
        z = alpha / (alpha - beta)
        exact = float(mpmath.hyp2f1(1, r, r + s + 1, 1 / mpmath.mpf(z)))
        assert abs(fraction(np.array([r]), s, np.array([z]), n)[0] - exact) < 10 * TOLERANCE
        needed.append(n)
    assert needed == sorted(needed)
    assert needed[0] == TERMS[0] < needed[-1]


def test_pareto_draws_too_far_apart_have_no_sql():
    rules = rules_of(("pareto_nbd", 1, "p_alive"), draws=2)
    theta = rules.purchases.draws.theta.copy()
    theta[..., 3] = theta[..., 1] * 1e5
    draws = dataclasses.replace(rules.purchases.draws, theta=theta)
    rules = dataclasses.replace(rules, purchases=dataclasses.replace(rules.purchases, draws=draws))
    with pytest.raises(UsageError, match="more than 256 terms"):
        score_sql(rules, "duckdb")


@settings(max_examples=examples(4, 12), deadline=None, suppress_health_check=list(HealthCheck))
@given(names=st.lists(st.sampled_from(NASTY), min_size=3, max_size=3, unique=True))
def test_names_of_any_kind_are_quoted(names, sql_events):
    table, customer, time = names
    events = sql_events.rename(columns={"customer_id": customer, "event_at": time})
    rules = rules_of(("mbg_nbd", 1, "p_alive"))
    source = EventSource(name=table, customer_id=customer, event_at=time)
    found = in_duckdb(score_sql(rules, "duckdb", source), **{table: events})
    assert_same(found, score(rules, purchases=sql_events, details=False))


@settings(max_examples=examples(16, 40), deadline=None)
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


@pytest.mark.parametrize(
    ("dialect", "kind", "zone", "failure"),
    [
        ("bigquery", "STARTS_WITH(FORMAT('%T', ", "@@time_zone IN ('Asia/Seoul')", "ERROR("),
        ("snowflake", "SYSTEM$TYPEOF(", "CONVERT_TIMEZONE('Asia/Seoul', ", "TO_DATE("),
    ],
)
def test_bigquery_and_snowflake_have_a_guard_of_zones_too(dialect, kind, zone, failure):
    """Parsed, not run: there is no engine for them here."""
    rules = dataclasses.replace(rules_of(("mbg_nbd", 1, "p_alive")), time_zone="Asia/Seoul")
    text = score_sql(rules, dialect)
    tree = sqlglot.parse_one(text, read=dialect)
    known = {"bigquery": "ERROR", "snowflake": "SYSTEM$TYPEOF"}  # no function but of the manuals
    assert {node.name for node in tree.find_all(sqlglot.exp.Anonymous)} == {known[dialect]}
    assert not list(tree.find_all(sqlglot.exp.Command))
    for part in (kind, zone, failure, "event_at holds instants"):
        assert part in " ".join(text.split()), part
    plain = score_sql(rules, dialect, EventSource(checks_zone=False))
    assert kind not in plain


@pytest.mark.parametrize("dialect", ["bigquery", "snowflake"])
@pytest.mark.parametrize(
    ("case", "clock"),
    [(("bg_nbd", 1, "fixed_days"), None), (("mbg_nbd", 1, "personal_cycles"), None),
     (("pareto_nbd", 1, "late"), None), (("mbg_cnbd_k", 3, "late"), None),
     (("mbg_nbd", 1, "personal_cycles"), CLOCK)],
    ids=str,
)  # fmt: skip
def test_what_bigquery_and_snowflake_are_told_means_the_same(case, clock, dialect, sql_events):
    """No engine for them here: their text, read as theirs and translated, is run in DuckDB."""
    rules = rules_of(case, draws=4, clock=clock)
    text = score_sql(rules, dialect, EventSource(checks_zone=False))
    found = in_duckdb(
        sqlglot.transpile(text, read=dialect, write="duckdb")[0], purchases=sql_events
    )
    assert_same(found, score(rules, purchases=sql_events, details=False))
