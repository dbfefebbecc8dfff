"""From settings to a checked `EventLog`."""

import datetime as dt
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ibis.backends.duckdb import Backend

from churnlab.errors import UsageError
from churnlab.events import embedded, engine
from churnlab.events.cleaning import history
from churnlab.events.cleaning.clean import clean
from churnlab.events.cleaning.complaints import no_readable_time
from churnlab.events.cleaning.orders import settle
from churnlab.events.cleaning.staging import DATE, Staged, stage
from churnlab.events.cleaning.unsaid import guests, unsaid
from churnlab.events.config import DataConfig
from churnlab.events.formats.times import parse_day
from churnlab.events.log import EVENTS, EventLog
from churnlab.events.members import members_report, type_attributes
from churnlab.events.report import DataReport, TableReport
from churnlab.events.sources import Source, from_connection, from_files, from_frame
from churnlab.events.sources.connections import detach
from churnlab.events.sources.frames import is_frame


def open_log(config: DataConfig, as_of: dt.date | str | None = None) -> EventLog:
    """Read and check the tables that a configuration names.

    config: Files, a connection, or the name of embedded data.
    as_of: Last known day, inclusive and complete; default: the last day in the logs.
    Raises UsageError: No table named, or simulated data asked for by name.
    Raises DataError: Whatever is wrong with the data (docs/data.md).
    """
    if config.name == "syn_shop":
        raise UsageError(
            "data=syn_shop is simulated: use the commands, or "
            "log_from_frames(simulate_shop(config, rng).frames(), ...)."
        )
    frames: embedded.Frames = {}
    if config.name in embedded.READERS:
        config, frames = embedded.load(config)
    return read(config, frames, parse_day(as_of))


def read(config: DataConfig, given: Mapping[str, Any], as_of: dt.date | None) -> EventLog:
    """Read and check the tables of a configuration, or what is `given` instead of their sources.

    given: Table -> a frame, or a list of paths.
    as_of: Last known day.
    """
    used = {n: t for n, t in config.tables.items() if t.given or n in given}
    if not set(used) & set(EVENTS):
        raise UsageError(
            "no purchases and no visits given; expected data.purchases.path=FILE (CSV or Parquet), "
            "or embedded data: data=cdnow."
        )
    backend = engine.connect(config.memory_limit)
    with tempfile.TemporaryDirectory(prefix="churnlab-") as scratch:
        sources = [_source(backend, name, config, given, Path(scratch)) for name in used]
        engine.close_off(backend, (path for s in sources for path in s.files))
        staged = [stage(backend, s, used[s.table], config.time_zone) for s in sources]
        for s in staged:
            if s.table == "purchases":
                s.notes += unsaid(backend, s)
                settle(backend, s, config.purchases)
        cutoff = as_of or _last_day(backend, staged)
        if config.history_from is not None:
            history.find_unknown(
                backend, staged, dt.date.fromisoformat(config.history_from), cutoff
            )
        reports = {s.table: clean(backend, s, config, cutoff) for s in staged}
        if config.unknown_beginning == "drop":
            backend.drop_table(history.TABLE, force=True)
        for s in staged:
            backend.drop_view(s.source.view)
        _drop_raw(backend, staged)
        detach(backend)
    if "members" in reports:
        type_attributes(backend, config.time_zone)
    hashes = {s.table: s.source.hash for s in staged}
    report = _report(backend, config, reports, hashes, cutoff, as_of is not None)
    return EventLog(
        cutoff, config.time_zone, report, hashes, config.purchase_unit, _backend=backend
    )


def _source(
    backend: Backend, name: str, config: DataConfig, given: Mapping[str, Any], scratch: Path
) -> Source:
    table = config.tables[name]
    if name in given and is_frame(given[name]):
        return from_frame(backend, name, table, given[name])
    if table.table is not None:
        return from_connection(backend, name, table, str(config.connection))
    return from_files(backend, name, table, given.get(name) or [str(table.path)], scratch)


def _drop_raw(backend: Backend, staged: list[Staged]) -> None:
    """Let go of the sources: views stay open on files, frames hold memory."""
    for s in staged:
        kind = engine.rows(
            backend,
            "SELECT table_type FROM information_schema.tables "
            f"WHERE table_name = {engine.literal(s.source.raw)}",
        )
        drop = "VIEW" if kind and kind[0][0] == "VIEW" else "TABLE"
        backend.raw_sql(f"DROP {drop} IF EXISTS {engine.identifier(s.source.raw)}")


def _last_day(backend: Backend, staged: list[Staged]) -> dt.date:
    """Return the last readable day of purchases and visits.

    Members and treatments do not count: their tables may run ahead of the events, and a day of
    which the events are not complete is not a last known day.
    """
    days = [s.days[1] for s in staged if s.table in EVENTS and s.days is not None]
    if days:
        return max(days)
    raise no_readable_time(backend, next(s for s in staged if s.table in EVENTS))


def _report(
    backend: Backend,
    config: DataConfig,
    tables: dict[str, TableReport],
    hashes: dict[str, str],
    as_of: dt.date,
    given: bool,
) -> DataReport:
    events = {n: backend.table(n) for n in EVENTS if n in tables}
    members = backend.table("members") if "members" in tables else None
    days, several, crowd = _purchase_days(events.get("purchases"))
    notes = _notes(config, tables, as_of, given) + crowd
    began = None
    if "purchases" in events and config.history_from is None:
        began = history.beginning(events["purchases"], members)
        notes += [] if began is None else [history.said(began)]
    elif "purchases" in events and config.unknown_beginning == "model":
        notes += history.kept(backend, events["purchases"], str(config.history_from))
    return DataReport(
        name=config.name,
        as_of=as_of,
        as_of_given=given,
        time_zone=config.time_zone,
        returns=config.returns or "drop",
        duplicates=config.duplicates or "drop",
        purchase_unit=config.purchase_unit,
        tables=tables,
        members=members_report(events, members),
        purchase_days=days,
        days_with_several=several,
        hashes=hashes,
        notes=notes,
        beginning=began,
    )


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
