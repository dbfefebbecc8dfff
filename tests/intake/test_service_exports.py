"""What payment services, tills and marketplaces export: their own units, zones and stand-ins."""

import datetime as dt
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from churnlab.events import DataConfig, PurchasesTable, open_log, read_events

from .exports import purchases, write
from .test_init import folder, init, settings_of  # noqa: F401 (the fixture)

BOUGHT = purchases(12, customers=40, days=400)
TIMES = [at for _, at in BOUGHT]


def proposed(header, row, capsys, name="x"):
    """Write a CSV with one line per purchase, and return what init makes of it, and says."""
    lines = [row(k, c, at) for k, (c, at) in enumerate(BOUGHT)]
    write(Path(f"{name}.csv"), [header.split(","), *[list(map(str, r)) for r in lines]])
    assert init(f"{name}.csv", "--yes") == 0
    config = settings_of(name, Path.cwd())
    return config, open_log(config), " ".join(capsys.readouterr().out.split())


def times_of(log):
    return [t.to_pydatetime() for t in log.frame("purchases")["event_at"].sort_values()]


@pytest.mark.parametrize(
    ("day", "clock"),
    [("%Y-%m-%d", "%H:%M:%S"), ("%m/%d/%y", "%I:%M %p"), ("%Y-%m-%d 00:00:00", "%H:%M")],
)
def test_d3_a_day_and_its_time_of_day_are_put_together(capsys, day, clock):
    header = "Date,Time,Time Zone,Net Sales,Transaction ID,Customer ID"

    def row(k, c, at):
        return f"{at:{day}}", f"{at:{clock}}", "Pacific Time (US & Canada)", f"${k}.50", k, f"C{c}"

    config, log, _ = proposed(header, row, capsys)
    assert config.time_zone == "America/Los_Angeles"
    assert times_of(log) == TIMES


def test_days_and_times_of_a_workbook_are_put_together():
    book = openpyxl.Workbook()
    book.active.append(["Order Date", "Order Time", "Customer ID", "Total"])
    for k, (c, at) in enumerate(BOUGHT):
        book.active.append([at.date(), at.time(), f"C{c}", k])
    book.save("till.xlsx")
    assert init("till.xlsx", "--yes") == 0
    assert times_of(open_log(settings_of("till", Path.cwd()))) == TIMES


def test_a_time_with_a_clock_of_its_own_needs_no_other(capsys):
    header = "ordered_at,time,customer_id,total"
    config, log, _ = proposed(header, lambda k, c, at: (at, "12:00", c, k), capsys)
    assert config.purchases.event_at == "ordered_at"
    assert times_of(log) == TIMES


def test_in_python_a_time_may_be_an_expression():
    frame = pd.DataFrame({"c": [c for c, _ in BOUGHT], "d": [t.date() for t in TIMES]})
    frame["h"] = [f"{t:%H:%M}" for t in TIMES]
    columns = {"customer_id": "c", "event_at": "CAST(d AS DATE) || ' ' || h"}
    assert times_of(read_events(frame, columns=columns)) == TIMES


@pytest.mark.parametrize(
    "form", ["%b %-d, %Y %-I:%M:%S %p", "%Y. %-m. %-d. 오후 %-I:%M", "%d/%m/%Y, %I:%M %p"]
)
def test_times_as_shops_and_locales_write_them(capsys, form):
    def row(k, c, at):
        said = at.strftime(form.replace("오후", "오전" if at.hour < 12 else "오후"))
        return f"{said}", f"c{c}@x.com", k

    _, log, _ = proposed("Purchase Date,Customer Email,Grand Total (Base)", row, capsys)
    assert times_of(log) == TIMES


@pytest.mark.parametrize(
    ("header", "prefix", "currency", "worth"),
    [
        ("id,amount,amount_refunded,currency,created,customer", "ch_", "usd", 1 / 100),
        ("id,amount,amount_refunded,currency,created,customer", "ch_", "krw", 1),
        ("id,amount,amount_refunded,currency,created,customer", "A-", "usd", 1),
        ("id,total_cents,refunded_amount_cents,currency,created,customer", "A-", "usd", 1 / 100),
    ],
)
def test_d2_amounts_in_the_smallest_unit(capsys, header, prefix, currency, worth):
    def row(k, c, at):
        return f"{prefix}{k}", 1000 + k, 100, currency, at, f"cus_{c}"

    _, log, _ = proposed(header, row, capsys)
    total = sum(900 + k for k in range(len(BOUGHT))) * worth
    assert log.frame("purchases")["amount"].sum() == pytest.approx(total)


def test_amounts_of_a_payment_service_with_fractions_are_whole_units(capsys):
    def row(k, c, at):
        return f"ch_{k}", f"{1000 + k}.50", "usd", at, f"cus_{c}"

    _, log, _ = proposed("id,amount,currency,created,customer", row, capsys)
    assert log.frame("purchases")["amount"].min() == 1000.5


@pytest.mark.parametrize(
    ("power", "of_the_line"), [(0, False), (0.65, False), (0.68, True), (1, True)]
)
def test_a_price_is_of_the_line_or_of_one_piece(capsys, power, of_the_line):
    """Prices of one good grow with its number to this power; they are the line's from 2/3 on."""
    many, price = (
        (lambda k: 1 + k % 3),
        (lambda k: round((5 + k // 3 % 7) * 100 * many(k) ** power)),
    )

    def row(k, c, at):
        return k, at, f"c{c}", f"thing {k // 3 % 7}", many(k), price(k)

    header = "order-id,purchase-date,buyer id,product-name,quantity,item-price"
    _, log, _ = proposed(header, row, capsys)
    total = sum(price(k) * (1 if of_the_line else many(k)) for k in range(len(BOUGHT)))
    assert log.frame("purchases")["amount"].sum() == total


def test_d11_amounts_in_several_currencies_of_a_column(capsys):
    def row(k, c, at):
        return at, f"c{c}", k, "EUR" if k % 7 == 0 else "usd" if k % 2 else "USD"

    _, log, said = proposed("created_at,customer_id,total,Currency", row, capsys)
    assert "amount" not in log.table("purchases").columns
    assert "several currencies" in said
    table = PurchasesTable(path="x.csv", event_at="created_at", amount="total")
    by_hand = open_log(DataConfig(purchases=table))
    assert "added up as if they were one currency" in " ".join(by_hand.report.losses())
    table.where = "Currency = 'EUR'"
    assert not open_log(DataConfig(purchases=table)).report.losses()


@pytest.mark.parametrize("beside", [True, False])
def test_d11_guests_are_no_customer(capsys, beside):
    def row(k, c, at):
        return k, at, 0 if c % 3 == 0 else c, f"c{c}@x.com" if beside else "", k

    header = "Order ID,Order Date,Customer ID,Customer Email,Order Total (inc tax)"
    config, log, said = proposed(header, row, capsys)
    kept = {c for c, _ in BOUGHT if beside or c % 3}
    assert log.frame("purchases")["customer_id"].nunique() == len(kept)
    assert config.purchases.customer_id == ("Customer Email" if beside else "Customer ID")
    assert ("stand for guests" in said) != beside


@pytest.mark.parametrize("more", [0, 1])
def test_a_few_guests_change_nothing(capsys, more):
    few = next(n for n in range(99) if n * (len({c for c, _ in BOUGHT[n:]}) + 1) > 3 * len(BOUGHT))
    few += more - 1

    def row(k, c, at):
        return at, "guest" if k < few else c, f"c{c}@x.com", k

    config, *_ = proposed("created_at,customer_id,email,total", row, capsys)
    assert config.purchases.customer_id == ("email" if more else "customer_id")


@pytest.mark.parametrize("more", [0, 1])
def test_a_number_of_the_order_is_said_to_be_no_customer(capsys, more):
    ids = int(0.95 * len(BOUGHT)) + more
    *_, said = proposed("order no,주문일,구매자전화번호", lambda k, c, at: (k, at, k % ids), capsys)
    assert ("differs in nearly every order" in said) == bool(more)


@pytest.mark.parametrize("more", [-1, 0])
def test_d11_one_id_with_far_more_rows_than_any_other_is_said(more):
    """Of 800 customers with 10 rows each, a crowd of 20 times the mean has 205 of 8,195."""
    for others in (800, 300):
        rows = others * 10
        crowd = next(
            n for n in range(rows) if n >= 0.05 * (rows + n) and n * (others + 1) >= 20 * (rows + n)
        )
        ids = [f"c{k % others}" for k in range(rows)] + ["guest"] * (crowd + more)
        days = pd.date_range("2022-01-01", periods=400)
        frame = pd.DataFrame(
            {"customer_id": ids, "event_at": [days[k % 400] for k in range(len(ids))]}
        )
        said = " ".join(read_events(frame, duplicates="keep").report.losses())
        assert ("'guest' has" in said) == (more == 0)


def test_what_is_not_found_or_weak_is_said(capsys):
    *_, said = proposed("created,buyer name", lambda k, c, at: (at, f"kim** {c}"), capsys)
    assert "no column of amounts is found" in said
    assert "customers of the same name count as one" in said
    assert "is masked" in said


def test_an_export_without_any_customer_is_refused_with_a_cure(capsys):
    write(
        Path("a.csv"),
        [
            ["order-id", "purchase-date", "item-price"],
            ["1", "2024-01-02", "3"],
            ["2", "2024-01-03", "3"],
        ],
    )
    assert init("a.csv", "--yes") == 3
    assert "Rename it to customer_id" in capsys.readouterr().err


def test_zones_that_a_column_names(capsys):
    def row(k, c, at):
        return (
            f"{at:%m/%d/%Y}",
            f"{at:%H:%M:%S}",
            "EDT" if k % 3 == 0 else "EST",
            f"c{c}@x.com",
            f"{k}.00",
        )

    header = "Date,Time,TimeZone,From Email Address,Gross"
    config, log, _ = proposed(header, row, capsys)
    assert config.time_zone == "America/New_York"
    assert times_of(log) == TIMES
    assert isinstance(log.as_of, dt.date)
