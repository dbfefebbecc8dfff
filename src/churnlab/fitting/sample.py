"""Some customers of a fit with the day of every purchase: what the fit is held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from churnlab.events.ids import positions
from churnlab.summary import Summary
from churnlab.types import Ints

#: Most customers that are looked at, and most of their purchases.
MOST_CUSTOMERS = 4_000
MOST_PURCHASES = 40_000


@dataclass(frozen=True)
class Sample:
    """Customers and their purchase-days.

    people: Rows of the summary's customers.
    row, day (purchase,): Customer (a row of `people`) and day (since 1970-01-01) of every purchase,
        sorted by both; None where the summary was made from arrays.
    """

    people: pd.DataFrame
    row: Ints | None
    day: Ints | None

    @classmethod
    def of(cls, summary: Summary, seed: int) -> Sample:
        """Return all customers, or as many as the budget of purchases allows, by chance."""
        people = summary.customers
        each = 1.0 + float(people["x"].mean())
        n = max(1, min(len(people), MOST_CUSTOMERS, int(MOST_PURCHASES / each)))
        rng = np.random.default_rng([seed, len(people)])
        people = people.iloc[np.sort(rng.choice(len(people), n, replace=False))]
        if summary.histories is None:
            return cls(people, None, None)
        days = summary.histories(list(people["customer_id"]))
        row = positions(days["customer_id"], people["customer_id"])
        return cls(people, row, days["day"].to_numpy().astype("datetime64[D]").astype(np.int64))

    @property
    def first(self) -> Ints:
        """Day of each customer's first purchase, days since 1970-01-01."""
        first = self.people["first_purchase_at"].to_numpy()
        days: Ints = first.astype("datetime64[D]").astype(np.int64)
        return days

    def frame(self) -> pd.DataFrame | None:
        """Return `customer_id`, `day` as `Summary.histories` gives them."""
        if self.row is None or self.day is None:
            return None
        ids = self.people["customer_id"].to_numpy()[self.row]
        return pd.DataFrame({"customer_id": ids, "day": self.day.astype("datetime64[D]")})
