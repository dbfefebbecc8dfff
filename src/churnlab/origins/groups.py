"""Which group each customer of a panel belongs to."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churnlab.errors import DataError, nearest
from churnlab.summary.cells import POOLED
from churnlab.summary.customers import JOINED, UNKNOWN


class HasAttributes(Protocol):
    """What is needed of an event log."""

    def attributes(self) -> pd.DataFrame:
        """Return customer_id, signed_up_at and attributes, own and derived."""


def grouped(
    log: HasAttributes, columns: str | Sequence[str] | None, ids: NDArray[Any]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the groups' names in order, and each customer's code.

    log: Members are read from it.
    columns: Attributes of members, `signup_month` (YYYY-MM) or `first_category`; nothing: everybody
        is in one group. A missing value is ``unknown``, a group like any other.
    ids (customer,): Customers of the panel.
    Raises DataError: Members have no such column.
    """
    wanted = (columns,) if isinstance(columns, str) else tuple(columns or ())
    if not wanted:
        return POOLED, np.zeros(ids.size, dtype=np.int64)
    members = log.attributes().drop_duplicates("customer_id").set_index("customer_id")
    for column in wanted:
        if column not in members.columns:
            raise DataError(
                f"members have no column {column!r}; they have {list(members.columns)}."
                + nearest(column, members.columns)
            )
    text = members.loc[:, list(wanted)].reindex(ids).astype("string").fillna(UNKNOWN)
    label = text.agg(JOINED.join, axis="columns") if len(wanted) > 1 else text.iloc[:, 0]
    names, codes = np.unique(label.to_numpy(dtype=str), return_inverse=True)
    return tuple(str(n) for n in names), codes.astype(np.int64)
