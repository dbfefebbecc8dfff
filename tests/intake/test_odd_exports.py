"""Exports that trip up whoever reads by the book, each for a kind of its own."""

import datetime as dt
import json

import pytest

from churnlab.cli import main
from churnlab.events.cleaning.orders import is_cancelled
from churnlab.intake.names import by_name

from .exports import purchases, write
from .test_init import folder, init, settings_of  # noqa: F401 (the fixture)

BOUGHT = purchases(11, customers=60)


def opened(name, lines, where, **how):
    """Return the settings that init finds for a CSV of these lines, and the purchases."""
    from churnlab.events import open_log

    write(where / f"{name}.csv", lines, **how)
    assert init(f"{name}.csv", "--yes") == 0
    settings = settings_of(name, where)
    return settings.purchases, open_log(settings)


def test_serial_days_with_a_decimal_comma(folder):  # noqa: F811
    lines = [["Bon-Nr", "Datum", "Kartennummer", "Summe"]]
    for k, (customer, at) in enumerate(BOUGHT):
        days = (at - dt.datetime(1899, 12, 30)) / dt.timedelta(days=1)
        lines.append([str(k), f"{days:.5f}".replace(".", ","), f"K{customer}", f"{k},50"])
    table, log = opened("pos", lines, folder, delimiter=";")
    assert table.time_format == "excel_days"
    found = log.frame("purchases").sort_values("amount")["event_at"].dt.round("min")
    assert [t.to_pydatetime() for t in found] == [at for _, at in BOUGHT]


def test_a_payment_service_says_created_in_seconds(folder):  # noqa: F811
    lines = [["id", "amount", "currency", "created", "customer", "status"]]
    for k, (customer, at) in enumerate(BOUGHT):
        seconds = int(at.replace(tzinfo=dt.UTC).timestamp())
        state = "failed" if k % 20 == 0 else "succeeded"
        lines.append([f"ch_{k}", str(100 + k), "usd", str(seconds), f"cus_{customer}", state])
    table, log = opened("payments", lines, folder)
    assert (table.event_at, table.time_format) == ("created", "epoch_s")
    assert len(log.frame("purchases")) == len(BOUGHT) - len(BOUGHT[::20])


def test_titles_above_the_header_and_a_total_below(folder, capsys):  # noqa: F811
    lines = [["Sales by customer"], ["2022: all, of it"], []]
    lines += [["Customer Email", "Order Date", "Order Total"]]
    lines += [[f"b{c}@x.com", f"{at:%d %b %Y}", f"{k}.5"] for k, (c, at) in enumerate(BOUGHT)]
    _, log = opened("titled", [*lines, ["Total", "", "99999.0"]], folder)
    assert log.report.tables["purchases"].dropped["missing_time"] == 1
    assert len(log.frame("purchases")) == len(BOUGHT)
    assert "is on line 4" in capsys.readouterr().out
    lines[200][1] = "soon"
    write(folder / "titled.csv", lines)
    assert main(["check", "data=titled", "data.on_bad_rows=error", "run_dir=run"]) == 3
    assert "'soon' (line 201)" in capsys.readouterr().err


@pytest.mark.parametrize("as_lines", [True, False])
def test_json_is_named(as_lines, folder, capsys):  # noqa: F811
    rows = [{"user_id": c, "ts": at.isoformat()} for c, at in BOUGHT]
    text = "\n".join(map(json.dumps, rows)) if as_lines else json.dumps(rows, indent=1)
    (folder / "x.json").write_text(text)
    assert init("x.json", "--yes") == 3
    assert "is JSON; expected CSV" in capsys.readouterr().err


def test_a_header_in_square_brackets_is_no_json(folder):  # noqa: F811
    lines = [["[customer id]", "[order date]"], *[[f"c{c}", str(t)] for c, t in BOUGHT]]
    table, _ = opened("brackets", lines, folder)
    assert table.customer_id == "[customer id]"


@pytest.mark.parametrize(
    ("status", "lost"),
    [
        ("wc-cancelled", True),
        ("Shipped - Returned to Seller", True),
        ("REFUNDED", True),
        ("취소 완료", True),
        ("partially_refunded", False),
        ("Cancel requested", False),
        ("not returned", False),
        ("paid", False),
        ("unvoidable", False),
    ],
)
def test_a_status_may_be_a_phrase(status, lost):
    assert is_cancelled(status) == lost


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("unit_price", ["Unit Price (USD)", "item price", "단가(원)"]),
        ("quantity", ["Qty Ordered", "수량"]),
        ("order_id", ["amazon-order-id", "Invoice #", "주문번호", "Bon-Nr"]),
        ("item", ["상품명(한국어 쇼핑몰)"]),
        ("amount", ["Order Total Amount", "Total"]),
        ("refunded_amount", ["Order Refund Amount", "amount_refunded"]),
    ],
)
def test_names_are_known_with_their_units(role, names):
    assert set(by_name(role, [*names, "Total (tax included?)"])) == set(names)


def test_counts_of_a_column_are_exact(folder, capsys):  # noqa: F811
    """An estimate 5% off calls a table of members one of purchases."""
    rows = [[f"c{k}", f"2022-01-{1 + k % 28:02d}"] for k in range(3000)]
    write(folder / "people.csv", [["customer_id", "signed_up_at"], *rows])
    write(
        folder / "orders.csv",
        [["customer_id", "order_date", "total"], *[[*r, "2.5"] for r in rows]],
    )
    assert init("people.csv", "orders.csv", "--yes", "name=both") == 0
    assert capsys.readouterr().out.count("(3,000 customers)") == 2
