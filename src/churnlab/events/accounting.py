"""The account of a whole reading: as of which day, who the members are, what must be said."""

import datetime as dt
from typing import Any

from churnlab.events.cleaning import history
from churnlab.events.cleaning.complaints import no_readable_time
from churnlab.events.cleaning.staging import DATE, Staged
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
    config: DataConfig,
    tables: dict[str, TableReport],
    hashes: dict[str, str],
    as_of: dt.date,
    given: bool,
) -> DataReport:
    """Return the whole account of a reading.

    clean: By the name of the contract; who began before `data.history_from` where they are kept.
    tables: The account of each table.
    hashes: Of each input.
    given: Whether `as_of` was.
    """
    events = {n: clean[n] for n in EVENTS if n in clean}
    members = clean.get("members")
    days, several, crowd = _purchase_days(events.get("purchases"))
    notes = _notes(config, tables, as_of, given) + crowd
    began = None
    if "purchases" in events and config.history_from is None:
        began = history.beginning(events["purchases"], members)
        notes += [] if began is None else [history.said(began)]
    elif "purchases" in events and config.unknown_beginning == "model":
        notes += history.kept(clean[history.TABLE], events["purchases"], str(config.history_from))
    return DataReport(
        name=config.name, as_of=as_of, as_of_given=given, time_zone=config.time_zone,
        returns=config.returns or "drop", duplicates=config.duplicates or "drop",
        purchase_unit=config.purchase_unit, tables=tables,
        members=members_report(events, members), purchase_days=days, days_with_several=several,
        hashes=hashes, notes=notes, beginning=began,
    )  # fmt: skip


def _purchase_days(purchases: Any | None) -> tuple[int, int, list[str]]:
    """Return customer-days, those with several rows, and what is to be said of crowded ids."""
    if purchases is None:
        return 0, 0, []
    per_day = purchases.group_by(["customer_id", DATE]).aggregate(n=purchases.count())
    own = per_day.group_by("customer_id").aggregate(
        days=per_day.count(), several=(per_day.n > 1).sum(), rows=per_day.n.sum()
    )
    found = own.aggregate(
        days=own.days.sum(),
        several=own.several.sum(),
        most=own.rows.max(),
        who=own.customer_id.argmax(own.rows),
        of=own.rows.sum(),
        n=own.count(),
    ).to_pyarrow()
    days, several, most, who, of, n = (found[c][0].as_py() or 0 for c in found.column_names)
    return int(days), int(several), guests(str(who), int(most), int(of), n)


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
