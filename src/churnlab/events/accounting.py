"""The account of a whole reading: as of which day, who the members are, what must be said."""

import datetime as dt
from typing import Any

from churnlab.events.cleaning import history
from churnlab.events.cleaning.complaints import no_readable_time
from churnlab.events.cleaning.staging import Staged
from churnlab.events.cleaning.unsaid import guests
from churnlab.events.config import DataConfig
from churnlab.events.log import EVENTS
from churnlab.events.members import members_report
from churnlab.events.report import DataReport, TableReport


def last_day(backend: Any, staged: list[Staged]) -> dt.date:
    """Return the last readable day of purchases and visits.

    Members and treatments do not count: their tables may run ahead of the events, and a day of
    which the events are not complete is not a last known day.
    """
    days = [s.days[1] for s in staged if s.table in EVENTS and s.days is not None]
    if days:
        return max(days)
    raise no_readable_time(backend, next(s for s in staged if s.table in EVENTS))


def report_of(
    clean: dict[str, Any],
    people: dict[str, Any],
    config: DataConfig,
    tables: dict[str, TableReport],
    hashes: dict[str, str],
    as_of: dt.date,
    given: bool,
    purchase_days: tuple[int, int],
) -> DataReport:
    """Return the whole account of a reading.

    clean: By the name of the contract; who began before `data.history_from` where they are kept.
    people: `by_customer` of purchases and visits.
    tables: The account of each table.
    hashes: Of each input.
    given: Whether `as_of` was.
    purchase_days: Customer-days with a purchase, and those in several rows.
    """
    members, buyers = clean.get("members"), people.get("purchases")
    notes = _notes(config, tables, as_of, given)
    notes += [] if buyers is None else _crowd(buyers)
    began = None
    if buyers is not None and config.history_from is None:
        began = history.beginning(buyers, members)
        notes += [] if began is None else [history.said(began)]
    elif buyers is not None and config.unknown_beginning == "model":
        notes += history.kept(clean[history.TABLE], buyers, str(config.history_from))
    return DataReport(
        name=config.name, as_of=as_of, as_of_given=given, time_zone=config.time_zone,
        returns=config.returns or "drop", duplicates=config.duplicates or "drop",
        purchase_unit=config.purchase_unit, tables=tables,
        members=members_report(people, clean.get("purchases"), members),
        purchase_days=purchase_days[0], days_with_several=purchase_days[1],
        hashes=hashes, notes=notes, beginning=began,
    )  # fmt: skip


def _crowd(buyers: Any) -> list[str]:
    """Return what is to be said of an id with very many rows."""
    found = buyers.aggregate(
        most=buyers.rows.max(),
        who=buyers.customer_id.argmax(buyers.rows),
        of=buyers.rows.sum(),
        n=buyers.count(),
    ).to_pyarrow()
    most, who, of, n = (found[c][0].as_py() or 0 for c in found.column_names)
    return guests(str(who), int(most), int(of), n)


def _notes(
    config: DataConfig, tables: dict[str, TableReport], as_of: dt.date, given: bool
) -> list[str]:
    notes = []
    if not given and as_of > dt.date.today():
        notes.append(f"the last day in the logs, {as_of}, lies in the future: give as_of")
    spans = {n: t.last_day for n, t in tables.items() if n in EVENTS and t.last_day}
    if len(spans) == 2 and abs((spans["purchases"] - spans["visits"]).days) > 7:
        notes.append(
            f"purchases end on {spans['purchases']} and visits on {spans['visits']}: whichever "
            "ends first looks like silence up to as_of"
        )
    members = tables.get("members")
    if members is not None and members.dropped["duplicate"]:
        notes.append(
            f"{members.dropped['duplicate']:,} further rows of members already listed: the row "
            "with the earliest signup counts"
        )
    return notes
