"""Customers who stay in Spark or PostgreSQL, and how what is known of cells comes to them."""

from dataclasses import dataclass
from typing import Any, Final

import ibis
import pandas as pd

#: What customers of a cell share, groups apart.
KEYS: Final = ("x", "t_x", "T")


@dataclass(frozen=True)
class Elsewhere:
    """The customers of a summary, where they are.

    customers: A row a customer: customer_id, x, t_x, T, the days of the first and last purchase,
        groups.
    rows: One customer a cell, in the order of the cells: what is known of a cell is known of its
        customers.
    group_columns: Columns that the groups come from.
    """

    customers: Any
    rows: pd.DataFrame
    group_columns: tuple[str, ...] = ()

    def with_columns(self, table: pd.DataFrame) -> Any:
        """Return the customers with columns of their cells, as an Ibis table.

        table: A row a cell, in the order of `rows`.
        """
        keys = [*KEYS, *self.group_columns]
        new = [c for c in table.columns if c not in self.customers.columns]
        sent = pd.concat([self.rows[keys].reset_index(drop=True), table[new]], axis="columns")
        sent = sent.rename(columns={k: f"_{k}" for k in keys})
        # a far date fits microseconds, in which every engine counts
        dates = {str(c): sent[c].astype("datetime64[us]") for c in sent.select_dtypes("datetime")}
        beside = ibis.memtable(sent.assign(**dates))
        joined = self.customers.inner_join(
            beside, [self.customers[k] == beside[f"_{k}"] for k in keys]
        )
        order = [c for c in table.columns if c in joined.columns]
        joined = joined.mutate(x=joined.x.cast("int64"))
        return joined.select("customer_id", *(c for c in order if c != "customer_id"))
