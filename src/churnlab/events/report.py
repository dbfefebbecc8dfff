"""What was read, what was kept, and why the rest was not."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from churnlab.events.schema import REASONS

_WORDS = {
    "after_as_of": "after as_of",
    "missing_id": "missing id",
    "missing_time": "missing time",
    "unreadable_time": "unreadable time",
    "unknown_beginning": "of unknown beginning",
    "returned": "returned",
    "duplicate": "duplicate",
}


@dataclass
class TableReport:
    """One table's account: rows = kept + sum of dropped, exactly."""

    source: str
    rows: int
    kept: int
    dropped: dict[str, int]
    customers: int
    first_day: dt.date | None
    last_day: dt.date | None
    times: str
    columns: dict[str, str]
    unreadable: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """See that the account balances."""
        if self.rows != self.kept + sum(self.dropped.values()):
            raise AssertionError(f"rows {self.rows} != kept {self.kept} + dropped {self.dropped}")

    def lines(self, name: str) -> list[str]:
        """Return the account in words."""
        span = f", {self.first_day} to {self.last_day}" if self.first_day else ""
        found = [
            f"{name}: {self.kept:,} of {self.rows:,} rows kept, {self.customers:,} customers{span}"
            f" ({self.source})"
        ]
        found += [f"  {said}" for said in self.losses()]
        return found + [f"  note: {n}" for n in self.notes]

    def losses(self) -> list[str]:
        """Return what was lost in words: rows by reason, values by column."""
        dropped = [f"{n:,} {_WORDS[r]}" for r, n in self.dropped.items() if n]
        found = ["dropped: " + ", ".join(dropped)] if dropped else []
        unread = [f"{n:,} of {c!r}" for c, n in self.unreadable.items()]
        if unread:
            found.append("values not readable, taken as missing: " + ", ".join(unread))
        return found


@dataclass
class MembersReport:
    """Who the members are.

    derived: True when there is no members table and members are all ids seen in purchases or
        visits.
    count: Members at `as_of`.
    added_purchasers, added_visitors: Purchasers, and visitors without a purchase, that the members
        table lacks (or lists only from a later day): added with their first event as signup.
    early_purchase_rows, early_purchasers: Purchases on a day before the signup, and the members who
        made them: kept and counted.
    """

    derived: bool
    count: int
    added_purchasers: int = 0
    added_visitors: int = 0
    early_purchase_rows: int = 0
    early_purchasers: int = 0

    def lines(self) -> list[str]:
        """Return the account in words."""
        if self.derived:
            return [
                f"members: {self.count:,}, derived: no members table, so everybody with a purchase "
                "or visit, signed up at their first event"
            ]
        found = [f"members: {self.count:,} up to as_of"]
        if self.added_purchasers or self.added_visitors:
            found.append(
                f"  added, not in the members table: {self.added_purchasers:,} purchasers, "
                f"{self.added_visitors:,} visitors (signup taken as their first event)"
            )
        if self.early_purchasers:
            found.append(
                f"  {self.early_purchasers:,} members have {self.early_purchase_rows:,} purchases "
                "before the day of their signup (kept)"
            )
        return found


class Beginning(NamedTuple):
    """What speaks for purchases before the log begins."""

    sign: str
    """`signups`: members from before the log; `first_month`: first purchases that pile up in it."""
    seen: int
    """Purchasers with an earlier signup; first purchases of the first month."""
    of: float
    """All purchasers; first purchases of a month afterwards."""
    since: dt.date
    """`data.history_from` that leaves them out."""
    begins: dt.date
    """First purchase of the log."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        dates = {"since": self.since.isoformat(), "begins": self.begins.isoformat()}
        return self._asdict() | dates


@dataclass
class DataReport:
    """The whole account, written as `data_report.json`.

    as_of: Last known day, inclusive and complete.
    as_of_given: False when it is the last day in the logs.
    purchase_days: Customer-days with a purchase.
    days_with_several: Of these, days with more than one purchase row.
    beginning: What speaks for purchases before the log.
    """

    name: str
    as_of: dt.date
    as_of_given: bool
    time_zone: str
    returns: str
    duplicates: str
    purchase_unit: str
    tables: dict[str, TableReport]
    members: MembersReport
    purchase_days: int
    days_with_several: int
    hashes: dict[str, str]
    notes: list[str] = field(default_factory=list)
    beginning: Beginning | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; every table names every reason, also those at 0."""
        found = {k: v for k, v in self.__dict__.items() if k not in ("tables", "members")}
        found["as_of"] = self.as_of.isoformat()
        found["tables"] = {name: _plain(t) for name, t in self.tables.items()}
        found["members"] = dict(self.members.__dict__)
        found["beginning"] = None if self.beginning is None else self.beginning.to_dict()
        return found

    def losses(self) -> list[str]:
        """Return what was lost or mended, a line per table and kind, for every command to say."""
        found = []
        for name, table in self.tables.items():
            found += [f"{name}: of {table.rows:,} rows {said}" for said in table.losses()]
            found += [f"{name}: {note}" for note in table.notes]
        return found + self.notes

    def lines(self) -> list[str]:
        """Return the account in words, numbers first."""
        how = "given" if self.as_of_given else "the last day in the logs"
        found = [line for name, table in self.tables.items() for line in table.lines(name)]
        if self.purchase_days:
            found.append(
                f"purchase-days: {self.purchase_days:,}, of which {self.days_with_several:,} hold "
                f"several rows (counted by {self.purchase_unit})"
            )
        found += self.members.lines()
        found.append(f"as_of: {self.as_of} ({how}), inclusive; days are local to {self.time_zone}")
        return found + [f"note: {n}" for n in self.notes]


def _plain(table: TableReport) -> dict[str, Any]:
    found = dict(table.__dict__)
    for key in ("first_day", "last_day"):
        found[key] = None if found[key] is None else found[key].isoformat()
    found["dropped"] = {r: table.dropped.get(r, 0) for r in REASONS}
    return found
