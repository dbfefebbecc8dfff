"""docs/production.md, run: PostgreSQL upsert of changed rows, and the state of today."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pandas as pd
import pytest
from conftest_export import CREATED, make_inputs

from churnlab.export import ExportConfig, SqlConfig, export_bundle
from churnlab.export.tables import TABLES

DOCUMENT = Path(__file__).parents[2] / "docs" / "production.md"


def statements():
    """The SQL blocks of the document, in order: create, stage, copy, upsert, state of today."""
    found = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text("utf-8"), flags=re.DOTALL)
    assert len(found) == 5
    return found


def test_the_document_names_every_table_and_column():
    text = DOCUMENT.read_text("utf-8")
    for name in TABLES:
        assert f"`{name}`" in text, name
    create, *_, upsert, _ = statements()
    for column in TABLES["customer_thresholds"].columns:
        assert column.name in create
        assert column.name == "customer_id" or f"{column.name} = EXCLUDED" in upsert


@pytest.mark.service
def test_postgres_upsert_of_changed_rows(postgres, tmp_path):
    import psycopg

    first, second = tmp_path / "first", tmp_path / "second"
    light = {"draws": 8, "sql": SqlConfig(dialects=[])}
    inputs = make_inputs(visits=False, members=None)
    export_bundle(first, inputs, ExportConfig(**light), created_at=CREATED)
    summary = inputs.summary.copy()
    buyer = summary.loc[summary["x"].idxmax(), "customer_id"]
    row = summary["customer_id"] == buyer
    summary.loc[row, ["x", "t_x"]] = [
        summary.loc[row, "x"].iloc[0] + 1,
        summary.loc[row, "T"].iloc[0],
    ]
    changed = make_inputs(visits=False, members=None, summary=summary)
    export_bundle(
        second, changed, ExportConfig(**light, changed_since=str(first)),
        created_at=CREATED + dt.timedelta(days=1),
    )  # fmt: skip
    create, stage, copy, upsert, today = statements()

    def load(cursor, path):
        cursor.execute("DROP TABLE IF EXISTS churn_staging")
        cursor.execute(stage)
        with cursor.copy(copy.rstrip().rstrip(";")) as writer:
            writer.write(path.read_bytes())
        cursor.execute(upsert)
        return cursor.rowcount

    with psycopg.connect(postgres, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS churn_customer, purchases")
        cursor.execute(create)
        assert load(cursor, first / "customer_thresholds.csv") == len(summary)
        n_changed = len(pd.read_csv(second / "customer_thresholds_changed.csv"))
        assert n_changed == 1
        assert load(cursor, second / "customer_thresholds_changed.csv") == n_changed
        assert load(cursor, second / "customer_thresholds_changed.csv") == 0  # twice is once
        assert load(cursor, first / "customer_thresholds.csv") == 0  # never back to an older bundle
        cursor.execute("SELECT customer_id, at_risk_date::text, purchase_state FROM churn_customer")
        live = {row[0]: row[1:] for row in cursor.fetchall()}
        table = pd.read_csv(second / "customer_thresholds.csv", dtype=str)
        for customer, date, state in table[
            ["customer_id", "at_risk_date", "purchase_state"]
        ].itertuples(index=False):
            assert live[customer] == (date, state)
        # the state of today: everyone's date has come, but one has just bought again
        cursor.execute("CREATE TABLE purchases (customer_id text, event_at timestamp)")
        cursor.execute("INSERT INTO purchases VALUES (%s, now())", (buyer,))
        cursor.execute("UPDATE churn_customer SET at_risk_date = '2024-07-01'")
        cursor.execute(today)
        states = dict(cursor.fetchall())
    assert states.pop(buyer) == "active"
    assert set(states.values()) == {"at_risk"}
