"""Six exports as shops have them, with their traps, and a slow reader of each.

A writer returns the file. A reader goes through it once more, value by value, without churnlab,
and returns what counts: (customer, local time, what the order or line was worth).
"""

from __future__ import annotations

import csv
import datetime as dt
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import openpyxl

type Bought = list[tuple[str, dt.datetime, float | None]]
START = dt.datetime(2022, 1, 3, 9, 30)


def purchases(seed: int, customers: int = 260, days: int = 600) -> list[tuple[int, dt.datetime]]:
    """Customer and local time of every purchase, in order of time."""
    rng = np.random.default_rng(seed)
    found = []
    for customer in range(customers):
        t, gap = float(rng.integers(0, days // 2)), rng.gamma(2, 15)
        while t < days:
            minutes = int(t) * 1440 + int(rng.integers(0, 900))
            found.append((customer, START + dt.timedelta(minutes=minutes)))
            if rng.random() < 0.08:
                break
            t += max(1.0, rng.exponential(gap))
    return sorted(found, key=lambda row: row[1])


def write(
    path: Path, lines: list[list[str]], encoding: str = "utf-8", delimiter: str = ","
) -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(lines)
    return path


def rows_of(path: Path, encoding: str = "utf-8", delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


# ---- Shopify: several lines an order, continuation lines, offsets, refunds, voided orders


def write_shopify(folder: Path) -> Path:
    rng, zone = np.random.default_rng(1), zoneinfo.ZoneInfo("America/New_York")
    header = "Name,Email,Financial Status,Paid at,Currency,Subtotal,Total,Lineitem quantity,"
    header += "Lineitem name,Lineitem price,Created at,Cancelled at,Refunded Amount,Id"
    lines = [header.split(",")]
    for k, (customer, at) in enumerate(purchases(1)):
        stamp = at.replace(tzinfo=zone).strftime("%Y-%m-%d %H:%M:%S %z")
        status = rng.choice(
            ["paid", "partially_refunded", "refunded", "voided"], p=[0.86, 0.06, 0.05, 0.03]
        )
        prices = [round(float(p), 2) for p in rng.gamma(3, 12, rng.integers(1, 4)) + 1]
        total = round(sum(prices), 2)
        back = {"partially_refunded": round(prices[0] / 2, 2), "refunded": total}.get(status, 0.0)
        for j, price in enumerate(prices):
            first = [status, stamp, "USD", f"{total:.2f}", f"{total:.2f}"] if j == 0 else [""] * 5
            rest = ["", f"{back:.2f}", str(9_000_000_000 + k)] if j == 0 else [""] * 3
            item = ["1", f"Shirt {rng.integers(1, 40)}", f"{price:.2f}"]
            lines.append(
                [f"#{1001 + k}", f"buyer{customer}@example.com", *first, *item, stamp, *rest]
            )
    return write(folder / "orders_export.csv", lines)


def read_shopify(path: Path) -> Bought:
    zone, found = zoneinfo.ZoneInfo("America/New_York"), []
    orders: dict[str, list[dict[str, str]]] = {}
    for row in rows_of(path):
        orders.setdefault(row["Name"], []).append(row)
    for lines in orders.values():
        head = lines[0]
        worth = round(float(head["Total"]) - float(head["Refunded Amount"]), 2)
        if head["Financial Status"] in ("refunded", "voided") or worth <= 0:
            continue
        at = dt.datetime.strptime(head["Created at"], "%Y-%m-%d %H:%M:%S %z")
        found.append((head["Email"], at.astimezone(zone).replace(tzinfo=None), worth))
    return found


# ---- GA4: microseconds, many events, rows without user


def write_ga4(folder: Path) -> Path:
    rng = np.random.default_rng(2)
    lines = [
        [
            *("event_date", "event_timestamp", "event_name", "user_pseudo_id", "user_id"),
            *("transaction_id", "purchase_revenue", "source"),
        ]
    ]
    for k, (customer, at) in enumerate(purchases(2)):
        who = f"{1_000_000_000 + customer}.{1_600_000_000 + customer}"
        for back in range(int(rng.integers(1, 4)), -1, -1):
            moment = at - dt.timedelta(minutes=back)
            name = "purchase" if back == 0 else str(rng.choice(["page_view", "session_start"]))
            worth = [f"T{k}", f"{rng.gamma(3, 12):.2f}"] if back == 0 else ["", ""]
            micros = round(moment.replace(tzinfo=dt.UTC).timestamp()) * 10**6 + 123_456
            user = "" if rng.random() < 0.06 else who
            known = f"u{customer}" if customer % 5 == 0 else ""
            lines.append([f"{moment:%Y%m%d}", str(micros), name, user, known, *worth, "google"])
    return write(folder / "ga4_events.csv", lines)


def read_ga4(path: Path) -> Bought:
    found = []
    for row in rows_of(path):
        if row["event_name"] == "purchase" and row["user_pseudo_id"]:
            at = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=int(row["event_timestamp"]))
            found.append((row["user_pseudo_id"], at, float(row["purchase_revenue"])))
    return found


# ---- Korean: won in text, statuses, several lines an order


def _korean(path: Path, seed: int, encoding: str, pattern: str) -> Path:
    rng = np.random.default_rng(seed)
    lines = [
        ["주문번호", "주문일시", "회원번호", "상품명", "수량", "판매가", "결제금액", "주문상태"]
    ]
    for k, (customer, at) in enumerate(purchases(seed)):
        state = rng.choice(["배송완료", "구매확정", "취소완료", "환불"], p=[0.5, 0.4, 0.06, 0.04])
        prices = [int(p) * 100 for p in rng.integers(12, 2900, rng.integers(1, 4))]
        for j, price in enumerate(prices):
            paid = f"{sum(prices):,}원" if j == 0 else ""
            status = state if j == 0 else ""
            item = [f"상품 {rng.integers(1, 50)}", "1", f"{price:,}"]
            lines.append(
                [
                    f"{at:%Y%m%d}-{k:05d}",
                    at.strftime(pattern),
                    f"{customer:06d}",
                    *item,
                    paid,
                    status,
                ]
            )
    return write(path, lines, encoding)


def _read_korean(path: Path, encoding: str, pattern: str) -> Bought:
    return [
        (
            row["회원번호"],
            dt.datetime.strptime(row["주문일시"], pattern),
            float(row["결제금액"].strip("원").replace(",", "")),
        )
        for row in rows_of(path, encoding)
        if row["결제금액"] and row["주문상태"] not in ("취소완료", "환불")
    ]


def write_korean(folder: Path) -> Path:
    return _korean(folder / "주문내역.csv", 3, "utf-8-sig", "%Y-%m-%d %H:%M")


def read_korean(path: Path) -> Bought:
    return _read_korean(path, "utf-8-sig", "%Y-%m-%d %H:%M")


def write_cp949(folder: Path) -> Path:
    return _korean(folder / "orders_cp949.csv", 4, "cp949", "%Y.%m.%d %H:%M")


def read_cp949(path: Path) -> Bought:
    return _read_korean(path, "cp949", "%Y.%m.%d %H:%M")


# ---- European: semicolons, decimal commas, dd/mm, returns as negative lines


def write_european(folder: Path) -> Path:
    rng = np.random.default_rng(5)
    lines = [["Bestellnummer", "Bestelldatum", "Kundennummer", "Artikel", "Menge", "Betrag"]]
    for k, (customer, at) in enumerate(purchases(5)):
        for j in range(int(rng.integers(1, 4))):
            euros, cents = divmod(int(rng.gamma(3, 9000)) + 100, 100)
            text = f"{euros:,}".replace(",", ".") + f",{cents:02d} €"
            lines.append(
                [
                    f"B{k:05d}",
                    at.strftime("%d/%m/%Y"),
                    f"K{customer:04d}",
                    f"Größe {j}-{rng.integers(1, 90)}",
                    "1",
                    text,
                ]
            )
            if rng.random() < 0.04:  # sent back: the line once more, negative
                lines.append([*lines[-1][:5], "-" + text])
    return write(folder / "bestellungen.csv", lines, "cp1252", ";")


def read_european(path: Path) -> Bought:
    orders: dict[tuple[str, str, str], list[float]] = {}
    for row in rows_of(path, "cp1252", ";"):
        value = float(row["Betrag"].removesuffix(" €").replace(".", "").replace(",", "."))
        key = (row["Kundennummer"], row["Bestelldatum"], row["Bestellnummer"])
        orders.setdefault(key, []).append(value)
    return [
        (who, dt.datetime.strptime(day, "%d/%m/%Y"), round(sum(values), 2))
        for (who, day, _), values in orders.items()
        if round(sum(values), 2) > 0
    ]


# ---- xlsx: a title line, dates as dates, quantity and unit price instead of a total


def write_xlsx(folder: Path) -> Path:
    rng, book = np.random.default_rng(6), openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Sales"
    sheet.append(["Sales report"])
    sheet.append(
        ["Invoice No", "Invoice Date", "Customer ID", "Description", "Quantity", "Unit Price"]
    )
    for k, (customer, at) in enumerate(purchases(6, customers=120)):
        for _ in range(int(rng.integers(1, 3))):
            quantity, price = int(rng.integers(1, 5)), round(float(rng.gamma(3, 5)), 2)
            sheet.append(
                [10_000 + k, at, 500 + customer, f"Mug {rng.integers(1, 99)}", quantity, price]
            )
    book.create_sheet("Notes")
    book.save(folder / "sales.xlsx")
    return folder / "sales.xlsx"


def read_xlsx(path: Path) -> Bought:
    lines = list(openpyxl.load_workbook(path)["Sales"].iter_rows(values_only=True))[2:]
    return [(str(row[2]), row[1], row[4] * row[5]) for row in lines]


class Export(NamedTuple):
    """An export: its writer, its slow reader, and what a row of the reader is."""

    write: Callable[[Path], Path]
    read: Callable[[Path], Bought]
    by_order: bool


EXPORTS = {
    "shopify": Export(write_shopify, read_shopify, True),
    "ga4": Export(write_ga4, read_ga4, False),
    "korean": Export(write_korean, read_korean, True),
    "cp949": Export(write_cp949, read_cp949, True),
    "european": Export(write_european, read_european, True),
    "xlsx": Export(write_xlsx, read_xlsx, False),
}
