"""A row a customer: the ids of a table are grouped once, for all that its account asks."""

from typing import Any

from churnlab.events.cleaning.staging import DATE


def by_customer(rows: Any) -> Any:
    """Return ``customer_id``, ``rows``, ``first_day`` of a clean Ibis table of events."""
    return rows.group_by("customer_id").aggregate(rows=rows.count(), first_day=rows[DATE].min())


def count_days(rows: Any) -> tuple[int, int]:
    """Return how many customer-days there are, and how many of them stand in several rows."""
    each = rows.group_by(["customer_id", DATE]).aggregate(n=rows.count())
    found = each.aggregate(days=each.count(), several=(each.n > 1).sum()).to_pyarrow()
    days, several = (int(found[c][0].as_py() or 0) for c in found.column_names)
    return days, several
