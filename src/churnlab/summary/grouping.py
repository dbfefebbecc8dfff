"""Whether grouping columns can serve as groups, and what must be said of them."""

from churnlab.errors import DataError
from churnlab.summary.customers import UNKNOWN, Summary


def check_groups(summary: Summary) -> list[str]:
    """Return what a user must know of the groups.

    Raises DataError: One group only, or as many as customers.
    """
    columns = summary.group_columns
    if not columns:
        return []
    people = summary.customers[list(columns)]
    name, n = " | ".join(columns), len(people)
    found = len(people.drop_duplicates())
    if found == 1:
        raise DataError(
            f"grouping column {name!r} is {' | '.join(people.iloc[0])!r} for every customer; "
            "there is nothing to pool. Drop model.group."
        )
    if found == n:
        raise DataError(
            f"grouping column {name!r} has {n:,} values for {n:,} customers: every customer would "
            "be a group. Take a coarser column, or a number as model.covariates."
        )
    notes = []
    for column in columns:
        missing = int((people[column] == UNKNOWN).sum())
        if missing:
            notes.append(
                f"{missing:,} customers have no {column!r}; they are a group of their own, "
                f"{UNKNOWN!r}."
            )
    return notes
