"""Amounts per customer: how many purchases had one, their mean, and what could not be used."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from churnlab.errors import DataError, UsageError
from churnlab.events import EventLog
from churnlab.events.days import keyed
from churnlab.events.ids import positions
from churnlab.summary.taking import as_log
from churnlab.types import Array, Ints

#: A sum this small beside its parts' sizes is a rounding remnant of 0.
_ROUNDING = 1e-9
_COUNTS = ("n_amounts", "n_zero", "n_negative", "n_missing")


@dataclass(frozen=True)
class SpendCells:
    """Distinct (n, mean) of customers with a positive amount, with weights.

    n, mean (cell,): Positive amounts and their mean.
    sum_log (cell,): Sum of their logs, the mean over the cell's customers.
    weight (cell,): Customers.
    """

    n: Array
    mean: Array
    sum_log: Array
    weight: Array

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.n)


@dataclass(frozen=True)
class SpendSummary:
    """Amounts of every customer up to a day.

    Attributes
    ----------
    customers : DataFrame
        customer_id, n_amounts (purchases with a positive amount, the first purchase among them),
        mean_amount (NaN without one), sum_log_amount, n_zero, n_negative, n_missing (purchases
        whose amount is 0, below 0, or unknown). A purchase is a customer-day, or an order, as in
        the log.
    as_of : date, optional
        Last known day.

    Notes
    -----
    Made by `churnlab.summarise_spend` or `from_amounts`. Examples of methods go on from this one.

    Examples
    --------
    >>> import churnlab as cl
    >>> amounts = cl.SpendSummary.from_amounts(["a", "a", "b"], [10.0, 20.0, 0.0])
    >>> amounts
    SpendSummary(2 amounts of 1 customers)
    """

    customers: pd.DataFrame
    as_of: dt.date | None = None

    def __repr__(self) -> str:
        """One line: amounts, customers and day."""
        return f"SpendSummary({self.title})"

    @property
    def title(self) -> str:
        """Amounts, customers and day, in words."""
        n = int((self.customers["n_amounts"] > 0).sum())
        until = "" if self.as_of is None else f" up to {self.as_of}"
        return f"{self.count('n_amounts'):,} amounts of {n:,} customers{until}"

    @property
    def cells(self) -> SpendCells:
        """Distinct (n, mean): equal customers are one row with a weight, which is exact."""
        known = self.customers[self.customers["n_amounts"] > 0]
        grouped = known.groupby(["n_amounts", "mean_amount"], sort=True)["sum_log_amount"]
        found = grouped.agg(["mean", "size"]).reset_index()
        columns = (found[c] for c in ("n_amounts", "mean_amount", "mean", "size"))
        return SpendCells(*(np.ascontiguousarray(c, dtype=np.float64) for c in columns))

    def count(self, name: str) -> int:
        """Return the sum of one of the counts over all customers.

        Parameters
        ----------
        name : str
            `n_amounts`, `n_zero`, `n_negative` or `n_missing`.

        Returns
        -------
        int
            Purchases.

        Examples
        --------
        >>> amounts.count("n_zero")
        1
        """
        return int(self.customers[name].sum())

    def of(self, customer_id: pd.Series) -> tuple[Array, Array]:
        """Return (n_amounts, mean_amount) in the order of ids; 0 and 0 for unknown customers.

        Parameters
        ----------
        customer_id : Series of str
            Ids.

        Returns
        -------
        n_amounts, mean_amount : array, shape (customer,)
            Purchases with a positive amount; their mean in the log's currency.

        Examples
        --------
        >>> import pandas as pd
        >>> [each.tolist() for each in amounts.of(pd.Series(["b", "a"]))]
        [[0.0, 2.0], [0.0, 15.0]]
        """
        at = positions(customer_id, self.customers["customer_id"])
        n = np.where(at >= 0, self.customers["n_amounts"].to_numpy(np.float64)[at], 0.0)
        mean = self.customers["mean_amount"].to_numpy(np.float64)[at]
        return n, np.where(n > 0, mean, 0.0)

    @staticmethod
    def from_amounts(
        customer_id: Sequence[str] | NDArray[Any] | pd.Series,
        amount: ArrayLike,
        *,
        as_of: dt.date | None = None,
    ) -> SpendSummary:
        """Make a summary from one amount per purchase.

        Parameters
        ----------
        customer_id : array of str, shape (purchase,)
            Ids.
        amount : array, shape (purchase,)
            In one currency; NaN: unknown.
        as_of : date, optional
            Last known day.

        Returns
        -------
        SpendSummary
            A row a customer.

        Raises
        ------
        UsageError
            The two differ in length, or there is no purchase.

        Examples
        --------
        >>> list(cl.SpendSummary.from_amounts(["a"], [5.0]).customers["mean_amount"])
        [5.0]
        """
        values = np.asarray(amount, dtype=np.float64)
        ids = pd.Series(list(customer_id), dtype="str")
        if len(ids) != len(values) or not len(ids):
            raise UsageError(
                f"one amount per purchase is expected; got {len(values)} amounts and {len(ids)} "
                "ids."
            )
        missing, good = ~np.isfinite(values), np.isfinite(values) & (values > 0)
        positive = np.where(good, values, 1.0)
        rows = pd.DataFrame(
            {
                "customer_id": ids,
                "n_amounts": good.astype(np.int64),
                "total": np.where(good, values, 0.0),
                "sum_log_amount": np.log(positive),
                "n_zero": (values == 0).astype(np.int64),
                "n_negative": (~missing & (values < 0)).astype(np.int64),
                "n_missing": missing.astype(np.int64),
            }
        )
        return _summary(rows.groupby("customer_id", as_index=False).sum(), as_of)


def summarise_spend(log: EventLog, as_of: dt.date | str | None = None) -> SpendSummary:
    """Return how much every customer spent per purchase, up to `as_of`.

    Amounts of one customer-day (or order, under ``purchase_unit=order``) are summed up;
    missing amounts are left out of the sum, a purchase without any other counts as missing.

    Parameters
    ----------
    log : EventLog
        With amounts, in one currency.
    as_of : date or ISO text, optional
        Cutoff, inclusive; default: the log's own.

    Returns
    -------
    SpendSummary
        ``.customers``: a row a customer, amounts in the log's currency.

    Raises
    ------
    DataError
        The purchases carry no amount, or there is none up to `as_of`.
    UsageError
        `as_of` after the log's own.

    Examples
    --------
    >>> import churnlab as cl
    >>> amounts = cl.summarise_spend(cl.load_cdnow())
    >>> int(amounts.customers["n_amounts"].min())
    0
    """
    log = as_log(log)
    view = log if as_of is None else log.until(as_of)
    if "amount" not in view.table("purchases").columns:
        raise DataError(
            "the purchases carry no amount; name its column in data.purchases.amount, or state "
            "what a purchase is worth in value.per_purchase."
        )
    ids = view.event_days().ids
    if not len(ids):
        raise DataError(f"no purchases up to {view.as_of}; give a later as_of.")
    return _summary(_per_customer(ids, *per_purchase(view, view.purchase_unit)), view.as_of)


class Amounts(NamedTuple):
    """Amounts of purchases in the order of the customers' ids; arrays (purchase,)."""

    who: Ints
    """Whose, as a place among the ids of the purchasers."""
    total: Array
    """NaN without an amount."""
    size: Array
    """Sum of its parts' sizes, signs apart."""


def per_purchase(log: EventLog, unit: str) -> Amounts:
    """Return the amounts of a log's purchases; the engine is asked once.

    unit: `customer_day` or `order`. Parts are added up in the order of their size, so that the last
        bit is the same whatever the order of the rows.
    """
    return log.once(
        ("amounts", unit, log.as_of),
        lambda: _amounts(log.table("purchases"), log.event_days().ids, unit),
    )


def _amounts(table: Any, ids: pa.Array, unit: str) -> Amounts:
    by = {"order_id": table.order_id} if unit == "order" and "order_id" in table.columns else {}
    rows = table.select("customer_id", "event_date", "amount", **by).to_pyarrow()
    number = positions(rows["customer_id"], ids)
    if unit != "order":
        key = keyed(number, rows["event_date"].cast("int32").to_numpy())
    else:
        key = number * (2 * len(rows)) + _orders(rows)
    amount = rows["amount"].to_numpy().astype(np.float64)
    order = np.lexsort((amount, key))
    key, amount = key[order], amount[order]
    starts = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
    known = ~np.isnan(amount)
    amount = np.where(known, amount, 0.0)
    total, size = np.add.reduceat(amount, starts), np.add.reduceat(np.abs(amount), starts)
    total[np.add.reduceat(known.astype(np.int64), starts) == 0] = np.nan
    return Amounts(number[order][starts], total, size)


def _orders(rows: pa.Table) -> Ints:
    """Return a number of each row's order; rows without order_id are one each."""
    own = len(rows) + np.arange(len(rows))
    if "order_id" not in rows.column_names:
        return own
    codes = rows["order_id"].combine_chunks().dictionary_encode().indices
    return np.where(codes.is_null(), own, codes.fill_null(0).to_numpy()).astype(np.int64)


def _per_customer(ids: pa.Array, who: Ints, total: Array, size: Array) -> pd.DataFrame:
    nothing = np.abs(total) <= _ROUNDING * size
    good = (total > 0) & ~nothing
    flags = (good, nothing, (total < 0) & ~nothing, np.isnan(total))
    positive = np.where(good, total, 0.0)
    order = np.lexsort((positive, who))
    starts = np.searchsorted(who, np.arange(len(ids)))
    logs = np.log(np.where(good, total, 1.0))
    sums = {
        name: np.add.reduceat(flag.astype(np.int64), starts)
        for name, flag in zip(_COUNTS, flags, strict=True)
    }
    return pd.DataFrame(
        {
            "customer_id": ids.to_pandas(),
            **sums,
            "total": np.add.reduceat(positive[order], starts),
            "sum_log_amount": np.add.reduceat(logs[order], starts),
        }
    )


def _summary(sums: pd.DataFrame, as_of: dt.date | None) -> SpendSummary:
    """Turn sums per customer into the summary's frame, sorted by id."""
    n = sums["n_amounts"].to_numpy(np.float64)
    mean = np.where(n > 0, sums["total"].to_numpy(np.float64) / np.maximum(n, 1), np.nan)
    columns = {
        "customer_id": sums["customer_id"],
        "n_amounts": sums["n_amounts"].astype(np.int64),
        "mean_amount": mean,
        "sum_log_amount": sums["sum_log_amount"],
        **{name: sums[name].astype(np.int64) for name in _COUNTS[1:]},
    }
    found = pd.DataFrame(columns).sort_values("customer_id", ignore_index=True)
    return SpendSummary(found, as_of)
