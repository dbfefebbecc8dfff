"""Amounts per customer: aggregated in the engine, every purchase accounted for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import churnlab as cl
from churnlab.errors import DataError, UsageError
from churnlab.origins.panel import Panel
from churnlab.summary import SpendSummary
from churnlab.summary.spend import per_purchase

ROWS = pd.DataFrame(
    [
        ("0001", "2024-01-01 09:00", 10.0, "a"),
        ("0001", "2024-01-01 18:00", 20.0, "b"),  # one customer-day, two orders
        ("0001", "2024-01-05 10:00", 40.0, "c"),
        ("0002", "2024-01-02 10:00", 0.0, "d"),
        ("0002", "2024-01-03 10:00", np.nan, "e"),
        ("0002", "2024-01-04 10:00", np.inf, "f"),
        ("0003", "2024-01-03 10:00", 0.1 + 0.2, "g"),
        ("0003", "2024-01-03 11:00", -0.3, "h"),  # a remnant of 5e-17, not an amount
        ("0003", "2024-01-04 10:00", -5.0, "i"),
        ("0003", "2024-02-04 10:00", 7.0, "j"),
    ],
    columns=["customer_id", "event_at", "amount", "order_id"],
)


def read(rows=ROWS, **options):
    # the infinite amount is unreadable: taken as missing when asked to
    return cl.read_events(purchases=rows, **{"returns": "keep", "on_bad_rows": "drop", **options})


def counts(summary):
    columns = ["n_amounts", "n_zero", "n_negative", "n_missing"]
    return summary.customers.set_index("customer_id")[columns].T.to_dict("list")


def test_a_days_amounts_are_summed_and_every_purchase_is_counted_once():
    found = cl.summarise_spend(read())
    assert counts(found) == {"0001": [2, 0, 0, 0], "0002": [0, 1, 0, 2], "0003": [1, 1, 1, 0]}
    means = found.customers["mean_amount"].to_numpy()
    np.testing.assert_allclose(means, [35.0, np.nan, 7.0])
    logs = found.customers["sum_log_amount"].to_numpy()
    np.testing.assert_allclose(logs, [np.log(30) + np.log(40), 0.0, np.log(7)])
    purchases = cl.summarise(read()).customers["x"].to_numpy() + 1
    assert found.customers.iloc[:, [1, 4, 5, 6]].sum(axis=1).tolist() == purchases.tolist()


def test_orders_are_the_unit_where_the_log_says_so():
    found = cl.summarise_spend(read(purchase_unit="order"))
    assert counts(found) == {"0001": [3, 0, 0, 0], "0002": [0, 1, 0, 2], "0003": [2, 0, 2, 0]}


def test_returns_are_dropped_by_default_and_a_zero_amount_stays():
    found = cl.summarise_spend(read(returns="drop"))
    assert counts(found)["0003"] == [2, 0, 0, 0]
    assert counts(found)["0002"] == [0, 1, 0, 2]


def test_nothing_after_as_of_is_seen():
    found = cl.summarise_spend(read(), as_of="2024-01-04")
    assert counts(found)["0001"] == [1, 0, 0, 0]
    assert counts(found)["0003"] == [0, 1, 1, 0]
    assert str(found.as_of) == "2024-01-04"


def test_a_log_without_amounts_says_what_to_do():
    with pytest.raises(DataError, match=r"no amount; name its column in data\.purchases\.amount"):
        cl.summarise_spend(read(ROWS[["customer_id", "event_at"]]))


def test_arrays_give_the_same_as_the_engine():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 40, 300).astype(str),
            "event_at": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(300), unit="D"),
            "amount": rng.gamma(2, 10, 300).round(1) * (rng.random(300) < 0.9),
        }
    )
    engine = cl.summarise_spend(cl.read_events(purchases=rows))
    arrays = SpendSummary.from_amounts(rows["customer_id"], rows["amount"])
    pd.testing.assert_frame_equal(engine.customers, arrays.customers, rtol=1e-12)
    with pytest.raises(UsageError, match="2 amounts and 1 ids"):
        SpendSummary.from_amounts(["a"], [1.0, 2.0])


def test_cells_hold_every_customer_with_an_amount_once():
    summary = SpendSummary.from_amounts(list("aabbccd"), [1, 3, 3, 1, 2, 2, 0])
    cells = summary.cells
    assert cells.n.tolist() == [2]
    assert cells.mean.tolist() == [2.0]
    assert cells.weight.tolist() == [3.0]
    # the mean of (ln 3, ln 3, 2 ln 2): sums over customers are those of the customers
    np.testing.assert_allclose(cells.sum_log * 3, 2 * np.log(3) + 2 * np.log(2))


def test_lookup_by_id_gives_no_amounts_for_strangers():
    summary = SpendSummary.from_amounts(["b", "a"], [5.0, 7.0])
    n, mean = summary.of(pd.Series(["a", "x", "b"]))
    assert n.tolist() == [1, 0, 1]
    assert mean.tolist() == [7.0, 0.0, 5.0]


@pytest.mark.parametrize("unit", ["customer_day", "order"])
def test_sums_have_the_same_bits_in_any_order_of_the_rows(unit):
    amounts = [80432.47, 214.63, 2.5, 24.07]  # sum to another last bit in another order
    rows = pd.DataFrame({"customer_id": "a", "event_at": "2024-01-02", "amount": amounts})
    rows["order_id"] = list("wxyz")
    found = [
        cl.summarise_spend(cl.read_events(rows.iloc[order], purchase_unit=unit)).customers
        for order in ([0, 1, 2, 3], [1, 3, 0, 2], [3, 2, 1, 0])
    ]
    assert found[0]["n_amounts"].tolist() == [1 if unit == "customer_day" else 4]
    for other in found[1:]:
        pd.testing.assert_frame_equal(other, found[0], check_exact=True)


def test_amounts_are_asked_of_the_engine_once_a_day_of_the_log():
    log = read()
    asked = per_purchase(log, log.purchase_unit)
    assert per_purchase(log, log.purchase_unit) is asked
    assert Panel.from_log(log).events.amount.sum() == pytest.approx(np.nansum(asked.total))
    earlier = per_purchase(log.until("2024-01-04"), log.purchase_unit)
    assert len(earlier.total) < len(asked.total)
    orders = per_purchase(log, "order")
    assert len(orders.total) == len(ROWS)
