"""The scoring SQL run for real on PostgreSQL and Spark, held against Python."""

from __future__ import annotations

import dataclasses

import duckdb
import numpy as np
import pandas as pd
import pytest
from export_sql_cases import (
    CASES,
    CLOCK,
    CLOCK_CASES,
    assert_same,
    grouped_rules,
    rules_of,
    with_dates,
)

from churnlab.bundle import score
from churnlab.export.sql import EventSource, SummarySource, score_sql

pytestmark = pytest.mark.service
SMALL = ("mbg_nbd", 1, "personal_cycles")
NAMES = EventSource(name='주문 "2024"; --', customer_id="고객's id", event_at="at time")


@pytest.fixture
def cursor(postgres):
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as connection, connection.cursor() as cursor:
        yield cursor


def load(cursor, name, frame, types):
    """Create and fill a table whose name and columns are taken to the letter."""
    from psycopg import sql

    table = sql.Identifier(name)
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(c), sql.SQL(t)) for c, t in types.items()
    )
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
    cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(table, columns))
    with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(table)) as copy:
        for row in frame[list(types)].itertuples(index=False):
            copy.write_row(row)


def query(cursor, text):
    cursor.execute(text)
    return pd.DataFrame(cursor.fetchall(), columns=[c.name for c in cursor.description])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_postgres_scores_a_summary_as_python_does(case, cursor, sql_summary):
    """PostgreSQL raises on underflow: the heavy buyers long silent are in the summary."""
    rules = rules_of(case, draws=4)
    types = {"customer_id": "text", "x": "integer", "t_x": "integer", "T": "integer"}
    load(cursor, "customer_summary", sql_summary, types)
    found = query(cursor, score_sql(rules, "postgres", SummarySource()))
    assert_same(found, score(rules, summary=sql_summary, details=False))


@pytest.mark.parametrize("case", CLOCK_CASES, ids=str)
def test_postgres_scores_on_a_clock_as_python_does(case, cursor, sql_summary):
    rules = rules_of(case, draws=4, clock=CLOCK)
    types = {"customer_id": "text", "x": "integer", "t_x": "integer", "T": "integer",
             "last_purchase_at": "date"}  # fmt: skip
    load(cursor, "customer_summary", with_dates(sql_summary), types)
    found = query(cursor, score_sql(rules, "postgres", SummarySource()))
    assert_same(found, score(rules, summary=sql_summary, details=False))


def test_postgres_scores_events_on_a_clock(cursor, sql_events):
    rules = rules_of(("mbg_nbd", 1, "fixed_days"), draws=4, clock=CLOCK)
    load(cursor, "purchases", sql_events, {"customer_id": "text", "event_at": "timestamp"})
    found = query(cursor, score_sql(rules, "postgres"))
    assert_same(found, score(rules, purchases=sql_events, details=False))


def test_spark_scores_events_on_a_clock(spark, sql_events, tmp_path):
    rules = rules_of(("mbg_nbd", 1, "fixed_days"), draws=4, clock=CLOCK)
    events = sql_events.astype({"event_at": "datetime64[us]"})
    found = in_spark(spark, score_sql(rules, "spark"), events, "purchases", tmp_path)
    assert_same(found, score(rules, purchases=sql_events, details=False))


def test_postgres_scores_events_with_names_of_any_kind(cursor, sql_events):
    rules = rules_of(SMALL)
    events = sql_events.rename(
        columns={"customer_id": NAMES.customer_id, "event_at": NAMES.event_at}
    )
    load(cursor, NAMES.name, events, {NAMES.customer_id: "text", NAMES.event_at: "timestamp"})
    found = query(cursor, score_sql(rules, "postgres", NAMES))
    assert_same(found, score(rules, purchases=sql_events, details=False))


def test_postgres_takes_groups_from_members(cursor, sql_events):
    rules = grouped_rules()
    ids = sorted(sql_events["customer_id"].unique())
    channel = [rules.purchases.draws.groups[i % 2] for i in range(len(ids))]
    members = pd.DataFrame({"customer_id": ids, 'cha"nnel': channel, "signed_up_at": "2020-01-01"})
    load(cursor, "purchases", sql_events, {"customer_id": "text", "event_at": "timestamp"})
    load(cursor, "members", members, {"customer_id": "text", 'cha"nnel': "text"})
    python = score(rules, purchases=sql_events, members=members, details=False)
    found = query(cursor, score_sql(rules, "postgres"))
    assert_same(found, python[python["purchase_state"] != "none"])


def test_postgres_fails_on_instants_in_a_session_of_another_zone(cursor, sql_events):
    import psycopg

    rules = dataclasses.replace(rules_of(SMALL), time_zone="Asia/Seoul")
    local = sql_events["event_at"].dt.tz_localize("Asia/Seoul")
    load(cursor, "purchases", sql_events.assign(event_at=local),
         {"customer_id": "text", "event_at": "timestamptz"})  # fmt: skip
    cursor.execute("SET TIME ZONE 'UTC'")
    with pytest.raises(psycopg.Error, match="in the zone Asia/Seoul"):
        query(cursor, score_sql(rules, "postgres"))
    cursor.execute("SET TIME ZONE 'Asia/Seoul'")
    found = query(cursor, score_sql(rules, "postgres"))
    assert_same(found, score(rules, purchases=sql_events, details=False))


def in_spark(spark, text, frame, name, folder):
    """Run a statement on a frame; rows are collected one by one (no pandas bridge in between)."""
    path = folder / "table.parquet"
    frame.to_parquet(path, index=False)
    spark.read.parquet(str(path)).createOrReplaceTempView(name)
    result = spark.sql(text)
    return pd.DataFrame([tuple(row) for row in result.collect()], columns=result.columns)


@pytest.mark.parametrize(
    "case", [SMALL, pytest.param(("pareto_nbd", 1, "fixed_days"), marks=pytest.mark.slow)], ids=str
)
def test_spark_scores_a_summary_as_python_does(case, spark, sql_summary, tmp_path):
    rules = rules_of(case, draws=4)
    text = score_sql(rules, "spark", SummarySource())
    found = in_spark(spark, text, sql_summary, "customer_summary", tmp_path)
    assert_same(found, score(rules, summary=sql_summary, details=False))


def test_spark_scores_events_with_names_of_any_kind(spark, sql_events, tmp_path):
    rules = rules_of(("bg_nbd", 1, "p_alive"), draws=4)
    source = EventSource(name="orders", customer_id="고객's `id`; --", event_at="at time")
    events = sql_events.rename(
        columns={"customer_id": source.customer_id, "event_at": source.event_at}
    ).astype({source.event_at: "datetime64[us]"})
    found = in_spark(spark, score_sql(rules, "spark", source), events, "orders", tmp_path)
    assert_same(found, score(rules, purchases=sql_events, details=False))


PARITY = [
    ("bg_nbd", 1, "personal_cycles"), ("mbg_nbd", 1, "late"), ("mbg_cnbd_k", 3, "late"),
    ("pareto_nbd", 1, "fixed_days"), ("pareto_nbd", 1, "late"),
]  # fmt: skip


@pytest.fixture(scope="module")
def many_events():
    """Instants of 20,000 customers, many within an hour of midnight in Seoul."""
    rng = np.random.default_rng(6)
    n = 20_000
    bought = 1 + rng.poisson(rng.gamma(1.0, 3.0, n))
    day = rng.integers(0, 700, bought.sum())
    hour = rng.choice([0.2, 9.5, 23.8], len(day)) + rng.uniform(-0.1, 0.1, len(day))
    local = pd.Timestamp("2022-08-01") + pd.to_timedelta(day * 24 + hour, unit="h")
    ids = np.array([f"c{i:05d}" for i in range(n)], object)
    return pd.DataFrame({
        "customer_id": np.repeat(ids, bought),
        "event_at": local.floor("s").tz_localize("Asia/Seoul").tz_convert("UTC"),
    })  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", PARITY, ids=str)
@pytest.mark.parametrize("database", ["UTC", "America/New_York"])
def test_three_engines_score_twenty_thousand_customers_as_python_does(
    case, database, many_events, postgres, spark, tmp_path
):
    """Instants, whatever the zone of the database, in a session of the bundle's zone."""
    import psycopg

    rules = dataclasses.replace(rules_of(case, draws=4), time_zone="Asia/Seoul")
    local = many_events.assign(event_at=many_events["event_at"].dt.tz_convert("Asia/Seoul"))
    python = score(rules, purchases=local, details=False)
    assert len(python) > 19_000
    with duckdb.connect() as connection:
        connection.execute(f"SET GLOBAL TimeZone = '{database}'")
        connection.execute("CREATE TABLE purchases AS SELECT * FROM many_events")
        with pytest.raises(duckdb.Error, match="in the zone Asia/Seoul"):
            connection.execute(score_sql(rules, "duckdb")).df()
        connection.execute("SET TimeZone = 'Asia/Seoul'")
        assert_same(connection.execute(score_sql(rules, "duckdb")).df(), python)
    with psycopg.connect(postgres, autocommit=True) as link, link.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE postgres SET timezone = '{database}'")
    with psycopg.connect(postgres, autocommit=True) as link, link.cursor() as cursor:
        load(cursor, "purchases", many_events, {"customer_id": "text", "event_at": "timestamptz"})
        with pytest.raises(psycopg.Error, match="in the zone Asia/Seoul"):
            query(cursor, score_sql(rules, "postgres"))
        cursor.execute("SET TIME ZONE 'Asia/Seoul'")
        assert_same(query(cursor, score_sql(rules, "postgres")), python)
        cursor.execute("ALTER DATABASE postgres RESET timezone")
    frame = many_events.astype({"event_at": "datetime64[us, UTC]"})
    spark.conf.set("spark.sql.session.timeZone", database)
    try:
        with pytest.raises(Exception, match="in the zone Asia/Seoul"):
            in_spark(spark, score_sql(rules, "spark"), frame, "purchases", tmp_path)
        spark.conf.set("spark.sql.session.timeZone", "Asia/Seoul")
        found = in_spark(spark, score_sql(rules, "spark"), frame, "purchases", tmp_path)
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
    assert_same(found, python)
