"""Passwords stay out of manifests, logs, messages and settings."""

from __future__ import annotations

import duckdb
import pytest
from omegaconf import OmegaConf

from churnlab import secrets
from churnlab.cli import init, main
from churnlab.config import recorded

PASSWORD = "hunter2-geheim"


@pytest.fixture(autouse=True)
def _forget(monkeypatch):
    monkeypatch.setattr(secrets, "_known", set())


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE orders AS SELECT 'c' || (i % 7) AS customer_id, "
            "DATE '2024-01-01' + CAST(i AS INTEGER) AS event_at FROM range(60) AS r(i)"
        )
    return path


def everything_in(folder) -> str:
    return "".join(p.read_text() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("{url}?password=${{oc.env:SHOP_PW}}", "${oc.env:SHOP_PW}"),
        ("{url}?password=" + PASSWORD, "password=***"),
        ("${{oc.env:SHOP_URL}}", "${oc.env:SHOP_URL}"),
    ],
)
def test_a_password_is_nowhere_in_a_run_folder(
    typed, kept, database, tmp_path, monkeypatch, capsys
):
    url = f"duckdb://{database}"
    monkeypatch.setenv("SHOP_PW", PASSWORD)
    monkeypatch.setenv("SHOP_URL", f"{url}?password={PASSWORD}")
    typed = f"data.connection={typed.format(url=url)}"
    arguments = ["data=files", typed, "data.purchases.table=orders", f"run_dir={tmp_path / 'run'}"]
    assert main(["check", *arguments]) == 0
    assert PASSWORD not in everything_in(tmp_path / "run")
    for name in ("manifest.json", "config.resolved.yaml"):
        assert kept in (tmp_path / "run" / name).read_text()
    assert main(["check", *arguments, "data.purchases.where=nonsense("]) == 3
    said = capsys.readouterr()
    assert PASSWORD not in said.out + said.err


def test_a_failing_connection_does_not_say_the_password(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SHOP_PW", PASSWORD)
    for password in ("${oc.env:SHOP_PW}", PASSWORD):
        url = f"duckdb://u:{password}@nowhere/{password}.duckdb"
        arguments = ["data=files", f"data.connection={url}", "data.purchases.table=orders"]
        assert main(["check", *arguments, f"run_dir={tmp_path / 'run'}"]) == 3
        said = capsys.readouterr().err
        assert "data.connection" in said
        assert PASSWORD not in said + everything_in(tmp_path / "run")


def test_an_unset_variable_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("SHOP_PW", raising=False)
    typed = "data.connection=postgres://u:${oc.env:SHOP_PW}@host/db"
    assert main(["check", "data=files", typed, "data.purchases.table=t"]) == 2
    assert "data.connection refers to the environment variable SHOP_PW" in capsys.readouterr().err


def test_what_is_no_secret_is_recorded_resolved(monkeypatch):
    monkeypatch.setenv("SHOP_ZONE", "Asia/Seoul")
    monkeypatch.setenv("SHOP_TOKEN", PASSWORD)
    config = OmegaConf.create(
        {
            "time_zone": "${oc.env:SHOP_ZONE}",
            "connection": "db://${oc.env:SHOP_ZONE}:${oc.env:SHOP_TOKEN}@h/d",
            "again": "${connection}",
            "days": [1, 2],
            "nothing": None,
        }
    )
    assert recorded(config) == {
        "time_zone": "Asia/Seoul",
        "connection": "db://${oc.env:SHOP_ZONE}:${oc.env:SHOP_TOKEN}@h/d",
        "again": "db://Asia/Seoul:***@h/d",
        "days": [1, 2],
        "nothing": None,
    }


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (
            "cannot open postgres://u:p@ss:w/rd@host/db now",
            "cannot open postgres://u:***@host/db now",
        ),
        ("snowflake://h/d?user=u&password=x&w=1", "snowflake://h/d?user=u&password=***&w=1"),
        ("https://example.org:8080/a?key=b", "https://example.org:8080/a?key=b"),
        ("postgres://u:${oc.env:PW}@host/db", "postgres://u:${oc.env:PW}@host/db"),
        ("at 12:30 a@b", "at 12:30 a@b"),
    ],
)
def test_passwords_are_known_by_their_form(text, hidden):
    assert secrets.hide(text) == hidden


def test_short_values_are_words_and_are_not_hidden():
    secrets.remember("abc", "abcd")
    assert secrets.hide("abc abcd") == "abc ***"


def test_a_remembered_value_is_hidden_as_a_url_writes_it():
    secrets.remember("p@ss word")
    assert secrets.hide("p%40ss%20word") == "***"


def test_init_writes_a_reference_instead_of_the_password(database, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHURNLAB_PASSWORD", raising=False)
    assert main(["init", f"duckdb://{database}?password={PASSWORD}", "--yes", "name=shop"]) == 0
    written = (tmp_path / "conf" / "data" / "shop.yaml").read_text()
    assert "password=${oc.env:CHURNLAB_PASSWORD}" in written
    said = capsys.readouterr().out
    assert "CHURNLAB_PASSWORD" in said
    assert PASSWORD not in written + said
    assert main(["check", "data=shop", f"run_dir={tmp_path / 'run'}"]) == 0


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\n"])
def test_a_columns_name_ends_no_comment_in_written_settings(end, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = f'"event_at{end}time_zone: Asia/Seoul"'
    rows = "".join(f"c{i % 9},2024-01-{1 + i % 28:02d}\n" for i in range(90))
    (tmp_path / "a.csv").write_text(f"customer_id,{name}\n{rows}", encoding="utf-8", newline="")
    assert main(["init", "a.csv", "--yes", "name=shop"]) == 0
    written = (tmp_path / "conf" / "data" / "shop.yaml").read_text(encoding="utf-8")
    assert OmegaConf.create(written)["time_zone"] == "UTC"
    assert init.FOLDER.name == "conf"
