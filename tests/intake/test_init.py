"""`churnlab init`: any export, looked at as a whole, becomes settings that read it right."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from churnlab.cli import main
from churnlab.cli.init import name_for
from churnlab.config import to_settings
from churnlab.config.compose import compose
from churnlab.errors import UsageError
from churnlab.events import DataConfig, PurchasesTable, open_log
from churnlab.report.render import Rendered

from .exports import EXPORTS, purchases, write


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings_of(name, folder):
    """Return the settings that a command composes from this folder."""
    own = f"hydra.searchpath=[file://{folder / 'conf'}]"
    return to_settings(compose("check", [f"data={name}", own])).data


def init(*arguments):
    return main(["init", *map(str, arguments)])


def found(log, by_order):
    """Customer, local time and worth of what counts; lines of an order together."""
    frame = log.frame("purchases")
    key = ["customer_id", "event_at", *(["order_id"] if by_order else [])]
    if by_order:
        frame = frame.groupby(key, as_index=False)["amount"].sum()
    rows = zip(frame["customer_id"], frame["event_at"], frame["amount"], strict=True)
    return sorted((c, t.to_pydatetime(), round(a, 2)) for c, t, a in rows)


@pytest.mark.parametrize("name", EXPORTS)
def test_d1_an_export_is_right_row_for_row(name, folder, capsys):
    export = EXPORTS[name]
    path = export.write(folder)
    assert init(path.name, "--yes", f"name={name}") == 0, capsys.readouterr().err
    log = open_log(settings_of(name, folder))
    slow = sorted((c, t, round(a, 2)) for c, t, a in export.read(path))
    assert len(slow) > 1000
    assert found(log, export.by_order) == slow
    report = log.report.tables["purchases"]
    assert report.rows == report.kept + sum(report.dropped.values())


@pytest.mark.parametrize(
    "name", ["cp949", *(pytest.param(n, marks=pytest.mark.slow) for n in EXPORTS if n != "cp949")]
)
def test_d1_from_an_export_to_the_end_with_no_further_key(name, folder, capsys, monkeypatch):
    """init --yes, then pipeline data=NAME: the data, the whole job, nothing else stated."""
    path = EXPORTS[name].write(folder)
    assert init(path.name, "--yes", f"name={name}") == 0
    # The page takes as long as all else and is tested where it lives.
    page = Rendered(html="<html></html>", summary="", notebook="{}")
    monkeypatch.setattr("churnlab.workflows.pages.report.render", lambda *_, **__: page)
    status = main(["pipeline", f"data={name}", "run_dir=run"])
    said = capsys.readouterr()
    assert status == 0, said.err
    assert name != "cp949" or "499 returned" in said.err
    assert "export" in (folder / "run" / "steps.json").read_text()
    assert (folder / "run" / "report.html").exists()


def test_pipeline_takes_a_file_as_init_and_pipeline(folder, capsys, monkeypatch):
    EXPORTS["xlsx"].write(folder)
    seen = []
    monkeypatch.setattr("churnlab.cli.run.run_command", lambda c, a: seen.append((c.name, a)) or 0)
    assert main(["pipeline", "sales.xlsx", "--yes", "seed=2"]) == 0
    assert seen == [("pipeline", ["data=sales", "seed=2"])]
    assert (folder / "conf" / "data" / "sales.yaml").exists()
    assert "next: churnlab pipeline data=sales" in capsys.readouterr().out


def test_other_commands_name_init_for_a_file(folder, capsys):
    EXPORTS["xlsx"].write(folder)
    assert main(["fit", "sales.xlsx"]) == 2
    assert "churnlab init sales.xlsx" in capsys.readouterr().err


def ambiguous(order):
    lines = [["customer_id", "order_date", "total"]]
    for customer, at in purchases(7, customers=80):
        at = at.replace(day=min(at.day, 12))
        lines.append([f"c{customer}", at.strftime("%m/%d/%Y"), "12.50"])
    lines[1:] = order(lines[1:])
    return lines


def shuffled(lines):
    return [lines[i] for i in np.random.default_rng(1).permutation(len(lines))]


def test_slash_dates_are_told_by_the_order_of_the_rows(folder, capsys):
    """Sorted by time as exports are, only one reading keeps the order."""
    write(folder / "us.csv", ambiguous(lambda lines: sorted(lines, key=lambda r: r[1][6:] + r[1])))
    assert init("us.csv", "--yes") == 0
    assert settings_of("us", folder).purchases.time_format == "%m/%d/%Y"
    assert "in order of time under it" in capsys.readouterr().out


def test_d4_slash_dates_that_nothing_tells_are_asked(folder, capsys, monkeypatch):
    write(folder / "us.csv", ambiguous(shuffled))
    assert init("us.csv", "--yes") == 3
    said = capsys.readouterr().err
    assert "'%m/%d/%Y'" in said
    assert "'%d/%m/%Y'" in said
    assert not (folder / "conf").exists()
    answers = iter(["7", "2", "y"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    assert init("us.csv") == 0
    assert settings_of("us", folder).purchases.time_format == "%m/%d/%Y"


def test_without_anybody_to_answer_nothing_is_written(folder, capsys):
    EXPORTS["xlsx"].write(folder)
    assert init("sales.xlsx") == 2
    assert "Add --yes" in capsys.readouterr().err
    assert not (folder / "conf").exists()
    assert init("--yes") == 2
    assert init("sales.xlsx", "--force") == 2


def test_equal_rows_are_kept_and_files_written_twice_are_dropped(folder):
    cups = [["customer_id", "bought_at", "amount"]]
    cups += [[f"c{c}", str(t.date()), "3.5"] for c, t in purchases(8) for _ in range(1 + c % 3)]
    write(folder / "cups.csv", [*cups, ["zz", "2022-05-05", "3.5"]])
    assert init("cups.csv", "--yes") == 0
    assert settings_of("cups", folder).duplicates == "keep"
    once = [["customer_id", "bought_at", "amount"]]
    once += [[f"c{c}", str(t), "3.5"] for c, t in purchases(8)]
    write(folder / "twice.csv", [*once, *once[1:]])
    assert init("twice.csv", "--yes") == 0
    assert settings_of("twice", folder).duplicates == "drop"


def test_folders_members_sheets_and_databases(folder, capsys):
    frame = pd.DataFrame(purchases(9), columns=["user_id", "created_at"])
    (folder / "exports").mkdir()
    half = len(frame) // 2
    frame.head(half).to_csv("exports/2022.csv", index=False)
    frame.tail(len(frame) - half).to_csv("exports/2023.csv", index=False)
    assert init("exports", "--yes") == 0
    assert open_log(settings_of("exports", folder)).report.tables["purchases"].rows == len(frame)
    first = frame.groupby("user_id", as_index=False)["created_at"].min()
    members = first.rename(columns={"created_at": "signed_up_at"}).assign(city="Seoul")
    frame.assign(total=2.5).to_csv("orders.csv", index=False)
    members.to_csv("members.csv", index=False)
    assert init("members.csv", "orders.csv", "--yes", "name=shop") == 0
    log = open_log(settings_of("shop", folder))
    assert log.tables == {"purchases", "members"}
    assert log.members()["city"].eq("Seoul").all()
    with pd.ExcelWriter("shop.xlsx") as book:
        frame.assign(total=2.5).to_excel(book, sheet_name="orders", index=False)
        members.to_excel(book, sheet_name="people", index=False)
    assert init("shop.xlsx", "--yes", "name=sheets") == 0
    assert open_log(settings_of("sheets", folder)).tables == {"purchases", "members"}
    with duckdb.connect("shop.duckdb") as database:
        database.execute("CREATE TABLE orders AS FROM 'orders.csv'")
        database.execute("CREATE TABLE people AS FROM 'members.csv'")
    assert init("duckdb://shop.duckdb", "--yes", "name=base") == 0
    assert open_log(settings_of("base", folder)).tables == {"purchases", "members"}


def test_names_that_look_like_references_survive(folder):
    lines = [["customer_id", "$date ${now}", "a'b {c}"]]
    lines += [[f"c{c}", str(t), "1.5"] for c, t in purchases(10, customers=40)]
    write(folder / "odd.csv", lines)
    assert init("odd.csv", "--yes") == 0
    assert settings_of("odd", folder).purchases.event_at == "$date ${now}"
    assert main(["check", "data=odd", "run_dir=run"]) == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n1,2\n", "no column reads as times"),
        ("day,b\n2022-01-01,2\n2022-01-02,3\n", "no column looks like a customer's id"),
        ("customer_id,day\n", "no rows"),
    ],
)
def test_what_holds_no_purchases_is_a_plain_error(content, said, folder, capsys):
    (folder / "x.csv").write_text(content)
    assert init("x.csv", "--yes") == 3
    assert said in capsys.readouterr().err


def test_settings_may_have_any_name_and_own_tables_win():
    table = PurchasesTable(path="x.csv")
    assert DataConfig(name="my shop", purchases=table).name == "my shop"
    assert DataConfig(name="cdnow", purchases=table).name == "files"
    with pytest.raises(UsageError, match="Did you mean 'cdnow'"):
        DataConfig(name="cdnov")
    assert name_for("Umsätze 2023.csv") == "umsatze_2023"
    assert name_for("주문.csv") == "shop"
    assert name_for("data/2023.parquet") == "my_2023"
    assert name_for("cdnow.csv") == "my_cdnow"


@pytest.mark.parametrize(("alike", "said"), [(99, "order"), (98, None)])
def test_totals_on_every_line_are_counted_once(alike, said, folder, capsys):
    """As text with a currency, in 99 of 100 orders or in 98, over lines that differ."""
    lines = [["order number", "customer id", "order date", "item", "total"]]
    for k in range(100):
        for j in range(2):
            total = f"${20 + k}.50" if k < alike or j else f"${k}.25"
            lines.append([f"A{k}", f"c{k % 40}", f"2022-01-{1 + k % 28:02d}", f"i{j}", total])
    write(folder / "totals.csv", lines)
    assert init("totals.csv", "--yes") == 0
    assert settings_of("totals", folder).purchases.amount_per == said
    assert ("the order's total, counted once" in capsys.readouterr().out) == (said == "order")
    if said:
        amounts = open_log(settings_of("totals", folder)).frame("purchases")["amount"]
        assert amounts.count() == 100
