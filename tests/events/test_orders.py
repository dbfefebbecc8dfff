"""Orders of several lines: status, totals, refunds and negative lines, against a slow reader."""

import numpy as np
import pandas as pd
import pytest

from churnlab.errors import DataError, UsageError
from churnlab.events import read_events
from churnlab.events.cleaning.orders import ENOUGH_ORDERS, EQUAL_SHARE

NAMES = {"amount": "total", "status": "state"}
DROPPED = ["Refunded", "취소"]


def order_lines(seed, n=120, repeated=True):
    """Orders of one to four lines: total repeated or on the first line, status on the first."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        state = rng.choice(["paid", "refunded", "취소", "open"], p=[0.8, 0.1, 0.05, 0.05])
        total = round(float(rng.gamma(3, 30)), 2)
        back = round(total * float(rng.choice([0, 0.25, 1], p=[0.8, 0.15, 0.05])), 2)
        day = pd.Timestamp("2022-01-01") + pd.Timedelta(days=int(rng.integers(0, 400)))
        for j in range(rng.integers(1, 5)):
            first = j == 0
            rows.append(
                {
                    "order_id": f"#{k}",
                    "customer_id": f"c{rng.integers(0, 30)}" if first else None,
                    "event_at": str(day.date()) if first else None,
                    "item": f"i{k}-{j}",
                    "total": total if first or repeated else None,
                    "refunded_amount": back if first or repeated else None,
                    "state": state if first else "",
                }
            )
    return pd.DataFrame(rows)


def slow_reader(lines, repeated=True):
    """Order by order: (customer, day, net amount) of those that count."""
    found = []
    for _, order in lines.groupby("order_id", sort=False):
        head = order.iloc[0]
        net = round(head["total"] - head["refunded_amount"], 2)
        if head["state"] not in ("refunded", "취소") and net > 0:
            found.append((head["customer_id"], head["event_at"], net))
    return sorted(found)


@pytest.mark.parametrize("repeated", [True, False])
def test_d5_orders_equal_the_slow_reader(repeated):
    lines = order_lines(1, repeated=repeated)
    log = read_events(lines, columns=NAMES, cancelled_values=DROPPED)
    frame = log.frame("purchases")
    assert frame["customer_id"].notna().all()
    net = frame.groupby(["customer_id", "event_date", "order_id"])["amount"].sum().round(2)
    got = sorted((c, str(d.date()), a) for (c, d, _), a in net.items())
    assert got == slow_reader(lines)
    lost = lines["order_id"].nunique() - len(got)
    assert lost > 10
    report = log.report.tables["purchases"]
    assert report.rows == len(lines) == report.kept + report.dropped["returned"]
    assert any("take that of their order" in n for n in report.notes)
    assert any("order's total" in n for n in report.notes) == repeated


def test_kept_values_are_the_complement():
    lines = order_lines(2)
    dropped = read_events(lines, columns=NAMES, cancelled_values=DROPPED).frame("purchases")
    kept = read_events(lines, columns=NAMES, kept_values=["PAID", "open "]).frame("purchases")
    pd.testing.assert_frame_equal(dropped, kept)


def test_a_line_s_own_status_counts_before_its_order_s():
    lines = pd.DataFrame(
        {
            "order_id": ["1", "1", "1", None],
            "customer_id": "a",
            "event_at": "2022-01-01",
            "item": list("xyzw"),
            "status": ["paid", "refunded", None, None],
        }
    )
    frame = read_events(lines, cancelled_values=["refunded"]).frame("purchases")
    assert frame["item"].tolist() == ["x", "z", "w"]


def test_a_status_without_values_asks_for_them():
    with pytest.raises(
        DataError, match=r"status holds .*paid \(\d+\).*cancelled_values=\[\.\.\.\],"
    ):
        read_events(order_lines(3), columns=NAMES)
    with pytest.raises(UsageError, match="both cancelled_values and kept_values"):
        read_events(order_lines(3), cancelled_values=["a"], kept_values=["b"])
    with pytest.raises(DataError, match="no column for status"):
        read_events(order_lines(3), cancelled_values=["a"])


def several(equal, different):
    """Orders of two lines, with one amount on both or with two."""
    amounts = [(10.0 + k, 10.0 + k) for k in range(equal)]
    amounts += [(500.0 + k, 1.0) for k in range(different)]
    rows = [
        {"order_id": str(k), "customer_id": f"c{k}", "amount": a, "item": f"{k}-{j}"}
        for k, pair in enumerate(amounts)
        for j, a in enumerate(pair)
    ]
    return pd.DataFrame(rows).assign(event_at="2022-01-01")


def total(frame, **options):
    return read_events(frame, **options).frame("purchases")["amount"].sum()


def test_order_totals_are_seen_from_enough_orders_that_agree():
    n = ENOUGH_ORDERS
    frame = several(n, 0)
    assert total(frame) == frame["amount"].sum() / 2
    assert total(frame, amount_per="row") == frame["amount"].sum()
    few = several(n - 1, 0)
    assert total(few) == few["amount"].sum()
    assert total(few, amount_per="order") == few["amount"].sum() / 2
    assert EQUAL_SHARE == 99 / 100
    nearly, not_quite = several(99, 1), several(98, 2)
    assert total(nearly) == sum(10.0 + k for k in range(99)) + 500
    assert total(not_quite) == not_quite["amount"].sum()


def test_one_price_for_everything_is_no_order_total():
    frame = several(40, 0).assign(amount=3.5)
    assert total(frame) == 3.5 * 80
    half = several(40, 0)
    half["amount"] = np.where(half["order_id"].astype(int) < 20, 3.5, 7.0)
    assert total(half) == half["amount"].sum() / 2  # two prices: one order in two agrees by chance
    half.loc[half["order_id"].astype(int) < 21, "amount"] = 3.5
    assert total(half) == half["amount"].sum()


def test_negative_lines_are_netted_within_their_order():
    frame = pd.DataFrame(
        {
            "order_id": ["1", "1", "2", "2", "3", None, None],
            "customer_id": list("aabbcdd"),
            "event_at": "2022-01-01",
            "amount": [30.0, -5.0, 10.0, -10.0, -4.0, 8.0, -8.0],
        }
    )
    kept = read_events(frame).frame("purchases")
    assert kept[["customer_id", "amount"]].to_numpy().tolist() == [["a", -5], ["a", 30], ["d", 8]]
    assert len(read_events(frame, returns="keep").frame("purchases")) == 7


def test_a_status_that_nobody_mapped_is_said():
    lines = order_lines(4)
    columns = {"amount": "total"}
    notes = read_events(lines, columns=columns).report.tables["purchases"].notes
    n = int((lines["state"] == "refunded").sum())
    assert any(f"'state' says refunded ({n})" in note for note in notes)
    mapped = read_events(lines, columns=NAMES, cancelled_values=DROPPED)
    assert not any("'state' says" in n for n in mapped.report.tables["purchases"].notes)
