"""The recipes run: exports by init, SQL on DuckDB, dbt's models rendered, Airflow's tasks read."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Self

import duckdb
import jinja2
import pytest
import sqlglot

from churnlab.cli import main
from churnlab.cli.registry import COMMANDS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")


def blocks(section: str, language: str = "") -> list[str]:
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def init_of(section: str) -> list[str]:
    (line,) = re.findall(r"^churnlab (init .*)$", blocks(section)[0], flags=re.MULTILINE)
    return shlex.split(line)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_shopify_by_init(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("exports", ROOT / "tests/intake/exports.py")
    assert spec is not None
    assert spec.loader is not None
    exports = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(exports)
    exports.write_shopify(folder)
    assert main([*init_of("Shopify"), "--yes"]) == 0, capsys.readouterr().err
    found = (folder / "conf" / "data" / "orders_export.yaml").read_text()
    for line in ("customer_id: Email", "status: Financial Status", "amount: Total", "- refunded"):
        assert line in found


def test_cafe24_by_init(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["주문번호,주문일시,주문자 아이디,상품명,수량,총 결제금액,주문상태"]
    for k in range(120):
        state = "취소완료" if k % 40 == 0 else "배송완료"
        day = f"2025-{1 + k % 12:02}-{1 + k % 28:02}"
        # the total of an order stands on each of its lines
        lines += [f'{k},{day} 12:00:00,u{k % 30},상품,1,"{10000 + k:,}",{state}'] * (1 + k % 2)
    (folder / "주문내역.csv").write_text("\n".join(lines), encoding="cp949")
    assert main([*init_of("Cafe24"), "--yes"]) == 0, capsys.readouterr().err
    found = (folder / "conf" / "data" / "cafe24.yaml").read_text()
    for line in ("customer_id: 주문자 아이디", "amount: 총 결제금액", "Asia/Seoul", "- 취소완료"):
        assert line in found


def test_ga4_as_bigquery_says_it() -> None:
    database = duckdb.connect()
    database.sql(
        "CREATE TABLE events AS SELECT * FROM (VALUES"
        " ('purchase', 'u1', 1704067200000000, '20240101', "
        "  {purchase_revenue: 9.5, transaction_id: 't'}),"
        " ('session_start', 'u1', 1704067300000000, '20240101', NULL),"
        " ('session_start', 'u1', 1704067400000000, '20240101', NULL),"
        " ('session_start', NULL, 1704067400000000, '20240101', NULL))"
        " AS t (event_name, user_id, event_timestamp, event_date, ecommerce)"
    )
    rows = []
    for query in blocks("GA4 in BigQuery", "sql"):
        (text,) = sqlglot.transpile(query, read="bigquery", write="duckdb")
        plain = text.replace('"project"."analytics_123456"."events_*"', "events")
        assert plain != text
        rows.append(database.sql(plain).df().to_dict("records"))
    (bought,), (visit,) = rows
    assert (bought["customer_id"], bought["amount"], bought["order_id"]) == ("u1", 9.5, "t")
    assert str(visit["event_at"]) == "2024-01-01 00:01:40"


def rendered(template: str, incremental: bool) -> str:
    """Return a dbt model as the adapter would send it: tables stand under their own names."""
    return jinja2.Template(template).render(
        config=lambda **_: "", source=lambda _, name: name, ref=lambda name: name,
        is_incremental=lambda: incremental, this="churn_customer",
    )  # fmt: skip


def test_dbt_takes_newer_rows_and_says_the_state_of_today() -> None:
    customer, today = blocks("dbt", "jinja")
    database = duckdb.connect()
    row = "('{id}', 'repeat_active', DATE '{date}', DATE '2024-01-05', TIMESTAMP '{updated}')"
    names = "(customer_id, purchase_state, at_risk_date, valid_for_last_purchase_at, updated_at)"
    first = row.format(id="late", date="2024-03-01", updated="2024-02-01")
    second = row.format(id="back", date="2024-03-01", updated="2024-02-02")
    database.sql(f"CREATE TABLE customer_thresholds AS SELECT * FROM (VALUES {first}) t {names}")
    database.sql(f"CREATE TABLE churn_customer AS {rendered(customer, incremental=False)}")
    database.sql(f"INSERT INTO customer_thresholds VALUES {second}")
    newer = rendered(customer, incremental=True)
    assert database.sql(newer).df()["customer_id"].tolist() == ["back"]
    database.sql(f"INSERT INTO churn_customer {newer}")
    database.sql(
        "CREATE TABLE orders AS SELECT 'back' AS customer_id, DATE '2024-03-02' AS ordered_at"
    )
    assert dict(database.sql(rendered(today, incremental=False)).fetchall()) == {
        "late": "at_risk",
        "back": "active",
    }


class Recorded:
    """An operator of Airflow, as far as the recipe needs it: it remembers what it would run."""

    tasks: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, *, task_id: str, bash_command: str) -> None:
        self.tasks[task_id] = bash_command

    def __rshift__(self, other: Self) -> Self:
        return other


class Dag(SimpleNamespace):
    def __init__(self, dag_id: str, **settings: Any) -> None:
        super().__init__(dag_id=dag_id, **settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_airflow_runs_commands_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of these commands are composed with those of all pages (test_pages.py)."""
    names = "airflow airflow.sdk airflow.providers airflow.providers.standard"
    names += " airflow.providers.standard.operators airflow.providers.standard.operators.bash"
    for name in names.split():
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["airflow.sdk"].DAG = Dag  # type: ignore[attr-defined]
    bash = sys.modules["airflow.providers.standard.operators.bash"]
    bash.BashOperator = Recorded  # type: ignore[attr-defined]
    Recorded.tasks = {}
    exec(blocks("Airflow", "python")[0], {})
    assert [*Recorded.tasks] == ["pipeline", "verify", "load", "monitor"]
    for task in ("pipeline", "verify", "monitor"):
        command, name, *_ = Recorded.tasks[task].split()
        assert (command, name in COMMANDS) == ("churnlab", True)
